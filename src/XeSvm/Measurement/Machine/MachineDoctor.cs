using XeSvm.Interop;
using XeSvm.Interop.Kernel;
using XeSvm.Interop.Native;

namespace XeSvm.Measurement;

/// <summary>Looks whether a machine can run SVM on its GPU, the software backend, and measurements that are worth something.</summary>
public static class MachineDoctor
{
    /// <summary>Examines this machine. Changes nothing.</summary>
    public static IReadOnlyList<MachineFinding> Examine() => Examine(new MachinePaths(), SearchNodes, ReadSoftwareBackend, NoiseCheck.UsualDuration);

    /// <summary>Examines a machine below other folders, for tests.</summary>
    /// <param name="paths">Where the kernel tells of the machine.</param>
    /// <param name="searchNodes">Looks for xe render nodes: those found, and why others were not taken.</param>
    /// <param name="readSoftware">What the software backend says of itself, or why it cannot be had.</param>
    /// <param name="noise">How long the noise check takes.</param>
    internal static IReadOnlyList<MachineFinding> Examine(
        MachinePaths paths,
        Func<(IReadOnlyList<DrmNode> Nodes, IReadOnlyList<string> Report)> searchNodes,
        Func<(BackendReport? Report, string? Problem)> readSoftware,
        TimeSpan noise)
    {
        (IReadOnlyList<DrmNode> nodes, IReadOnlyList<string> report) = searchNodes();
        return
        [
            .. KernelChecks.Run(paths),
            .. DeviceChecks.Run(paths, nodes, report),
            .. MemoryChecks.Run(paths, readSoftware()),
            .. QuietChecks.Run(paths, NoiseCheck.Run(noise, paths)),
        ];
    }

    private static (IReadOnlyList<DrmNode> Nodes, IReadOnlyList<string> Report) SearchNodes()
    {
        try
        {
            using KernelBackend backend = new();
            return (backend.Enumerate(), backend.SearchReport);
        }
        catch (NativeLibraryException exception)
        {
            return ([], [exception.Message]);
        }
    }

    private static (BackendReport? Report, string? Problem) ReadSoftwareBackend()
    {
        try
        {
            using XeDevice device = XeDevice.Open(BackendChoice.Software);
            return (BackendReport.Read(device), null);
        }
        catch (Exception exception) when (exception is XeException or BackendChoiceException or NativeLibraryException or IOException)
        {
            return (null, exception.Message);
        }
    }
}

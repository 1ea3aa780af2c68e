using System.Diagnostics.CodeAnalysis;
using XeSvm.Interop;
using XeSvm.Statistics;

namespace XeSvm;

/// <summary>
/// An open <c>xe</c> device. VMs, buffers and queues that are made on it keep the device file open: they may be disposed in any order,
/// before or after the device.
/// </summary>
public sealed partial class XeDevice : IDisposable
{
    private readonly DeviceHandle _handle;

    private XeDevice(DeviceHandle handle, string backendName, DrmNode node, string reason)
    {
        DeviceFile file = handle.File;
        _handle = handle;
        BackendName = backendName;
        Node = node;
        BackendReason = reason;
        Configuration = DeviceQuery.Configuration(file);
        Engines = DeviceQuery.Engines(file);
        MemoryRegions = DeviceQuery.MemoryRegions(file);
        Gts = DeviceQuery.Gts(file);
        WriteBackPatIndex = PatIndex.WriteBack(Configuration, Gts);
    }

    /// <summary>The backend that the device is on: <c>kernel</c> or <c>software</c>.</summary>
    public string BackendName { get; }

    /// <summary>Why this backend was taken.</summary>
    public string BackendReason { get; }

    /// <summary>The node that was opened.</summary>
    public DrmNode Node { get; }

    /// <summary>The device's configuration.</summary>
    public XeConfiguration Configuration { get; }

    /// <summary>What the device can do.</summary>
    public XeCapabilities Capabilities => Configuration.Capabilities;

    /// <summary>The engines that queues can be made for, in the kernel's order.</summary>
    public IReadOnlyList<XeEngine> Engines { get; }

    /// <summary>The memory regions as they were when the device was opened; system memory comes first.</summary>
    public IReadOnlyList<XeMemoryRegion> MemoryRegions { get; }

    /// <summary>The GTs.</summary>
    public IReadOnlyList<XeGt> Gts { get; }

    /// <summary>The page attribute that VM_BIND gets.</summary>
    internal ushort WriteBackPatIndex { get; }

    /// <summary>Opens a device of the backend that is chosen as <see cref="XeBackends.Select(BackendChoice?)"/> says.</summary>
    /// <param name="choice">The backend, or <see langword="null"/> for <c>XESVM_BACKEND</c> and then <see cref="BackendChoice.Auto"/>.</param>
    /// <exception cref="XeDeviceNotFoundException">The kernel backend was asked for and has no device that can be used.</exception>
    /// <exception cref="XeException">The node cannot be opened or queried.</exception>
    public static XeDevice Open(BackendChoice? choice = null) => Open(XeBackends.Select(choice));

    /// <summary>Opens the device of a selection and takes the selection's backend over: it is disposed with the device's last child.</summary>
    /// <param name="selection">The selection; do not dispose it after this call, whether it succeeds or not.</param>
    /// <exception cref="XeException">The node cannot be opened or queried.</exception>
    public static XeDevice Open(BackendSelection selection)
    {
        ArgumentNullException.ThrowIfNull(selection);
        bool opened = false;
        try
        {
            XeDevice device = Open(selection.Backend, selection.Node, selection.Reason, selection.Backend);
            opened = true;
            return device;
        }
        finally
        {
            if (!opened)
            {
                selection.Dispose();
            }
        }
    }

    /// <summary>Opens a node of a backend that the caller keeps.</summary>
    /// <param name="backend">The backend; stays the caller's.</param>
    /// <param name="node">One of its nodes.</param>
    /// <exception cref="XeException">The node cannot be opened or queried.</exception>
    public static XeDevice Open(DrmBackend backend, DrmNode node)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(node);
        return Open(backend, node, "the program chose it", ownedBackend: null);
    }

    /// <summary>Asks for the memory regions as they are now.</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    public IReadOnlyList<XeMemoryRegion> QueryMemoryRegions() => DeviceQuery.MemoryRegions(File);

    /// <summary>Reads a debug file, such as <c>gt0/stats</c>; says why when it cannot be read.</summary>
    /// <param name="name">The path below the device's debugfs folder.</param>
    public DrmDebugText ReadDebugFile(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return File.ReadDebugFile(name);
    }

    /// <summary>Reads the statistics of a GT.</summary>
    /// <param name="gt">The GT's number.</param>
    /// <exception cref="StatisticsUnavailableException">There are none; the message says why and what to do.</exception>
    /// <exception cref="CounterTextException">The text is not of the form that this version reads.</exception>
    public GtStatistics ReadGtStatistics(int gt = 0) => TryReadGtStatistics(gt, out GtStatistics? statistics, out string? reason)
        ? statistics
        : throw new StatisticsUnavailableException($"gt{gt}/stats of {Node.Path} cannot be read: {reason}");

    /// <summary>Reads the statistics of a GT where there are some.</summary>
    /// <param name="gt">The GT's number.</param>
    /// <param name="statistics">The statistics when the result is <see langword="true"/>.</param>
    /// <param name="reason">Why there are none when it is <see langword="false"/>.</param>
    /// <exception cref="CounterTextException">The text is not of the form that this version reads.</exception>
    public bool TryReadGtStatistics(int gt, [NotNullWhen(true)] out GtStatistics? statistics, [NotNullWhen(false)] out string? reason)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(gt);
        string name = $"gt{gt}/stats";
        DrmDebugText text = ReadDebugFile(name);
        reason = text.Reason;
        if (!text.IsAvailable && Gts.FirstOrDefault(known => known.Id == gt) is { } found)
        {
            // Drivers that keep GTs below their tiles have links in the old place (xe_gt_debugfs.c); without the link this is the place.
            name = $"tile{found.TileId}/gt{gt}/stats";
            text = ReadDebugFile(name);
        }

        if (text.IsAvailable)
        {
            reason = null;
        }

        statistics = text.IsAvailable ? GtStatistics.Parse(text.Text, name) : null;
        return text.IsAvailable;
    }

    /// <summary>The first engine of a class.</summary>
    /// <param name="engineClass">The class.</param>
    /// <exception cref="InvalidOperationException">The device has no such engine.</exception>
    public XeEngine FindEngine(XeEngineClass engineClass) => Engines.FirstOrDefault(engine => engine.EngineClass == engineClass)
        ?? throw new InvalidOperationException(
            $"The device has no {engineClass} engine. It has: {string.Join(", ", Engines)}.");

    /// <summary>Gives the device's own hold on the device file back. What was made on it keeps working.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>The memory region of a location, or <see langword="null"/>. Allocates nothing.</summary>
    internal XeMemoryRegion? FindRegion(MemoryLocation location)
    {
        if (location.Peer is { } peer && !ReferenceEquals(peer, this))
        {
            return null;
        }

        int left = location.IsSystem ? 0 : location.VramIndex;
        XeMemoryClass wanted = location.IsSystem ? XeMemoryClass.System : XeMemoryClass.Vram;
        for (int index = 0; index < MemoryRegions.Count; index++)
        {
            if (MemoryRegions[index].MemoryClass == wanted && left-- == 0)
            {
                return MemoryRegions[index];
            }
        }

        return null;
    }

    /// <summary>The memory regions in words, for messages.</summary>
    internal string DescribeRegions()
    {
        int vram = MemoryRegions.Count(region => region.MemoryClass == XeMemoryClass.Vram);
        return vram == 0 ? "It has system memory only." : $"It has system memory and {vram} VRAM region(s), numbered from 0.";
    }

    /// <summary>The open file; children take references of their own.</summary>
    internal DeviceFile File
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
            return _handle.File;
        }
    }

    /// <summary>Keeps the file open for a request.</summary>
    internal HandleUse Borrow() => _handle.Borrow(this);

    private static XeDevice Open(DrmBackend backend, DrmNode node, string reason, DrmBackend? ownedBackend)
    {
        int result = backend.Open(node, out DrmFile? file);
        if (result < 0 || file is null)
        {
            ThrowHelper.Throw(XeResult.FromCall(result), XeOperation.Open, $"{node.Path} on the {backend.Name} backend");
        }

        // The device's handle is the file's first user; if the queries fail, it closes the file, but leaves the backend to the caller.
        DeviceFile shared = new(file);
        DeviceHandle handle = new(shared);
        shared.Release();
        bool opened = false;
        try
        {
            XeDevice device = new(handle, backend.Name, node, reason);
            shared.Own(ownedBackend);
            opened = true;
            return device;
        }
        finally
        {
            if (!opened)
            {
                handle.Dispose();
            }
        }
    }
}

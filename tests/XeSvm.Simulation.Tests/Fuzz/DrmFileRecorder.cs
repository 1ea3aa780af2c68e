using XeSvm.Interop;

namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>A file that remembers what another one answered, or answers itself.</summary>
internal sealed unsafe class DrmFileRecorder(DrmFile file) : DrmFile
{
    public List<(uint Number, int Result)> Results { get; } = [];

    /// <summary>What is answered in place of the file's own answer.</summary>
    public Func<int, int> Answer { get; init; } = result => result;

    public override int Descriptor => file.Descriptor;

    public override int Ioctl(uint request, void* argument)
    {
        int result = Answer(file.Ioctl(request, argument));
        Results.Add((request & 0xff, result));
        return result;
    }

    public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) =>
        file.Map(offset, length, protection, out address);

    public override int Unmap(nint address, nuint length) => file.Unmap(address, length);

    public override DrmDebugText ReadDebugFile(string name) => file.ReadDebugFile(name);

    protected override void Dispose(bool disposing) => file.Dispose();
}

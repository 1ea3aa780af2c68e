using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>A fault handler that remembers and does what the test says; it refuses by default, as for an address outside any mapping.</summary>
internal sealed class FakeFaults : IGpuFaultHandler
{
    public List<(ulong Address, GpuAccess Access)> Seen { get; } = [];

    public Func<ulong, GpuAccess, int> Service { get; set; } = (_, _) => -Errno.EINVAL;

    public int HandleFault(ulong address, GpuAccess access, Gt gt)
    {
        lock (Seen)
        {
            Seen.Add((address, access));
        }

        return Service(address, access);
    }
}

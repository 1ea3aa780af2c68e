using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The GPU's way to system memory: through the IOMMU to a page frame, and from there to the client's page. Memory that the client has
/// unmapped behind the mirror's back is found out here: the access becomes a fault, whose handler looks at the mapping again.
/// </summary>
internal sealed unsafe class BusAccess(SoftwareDevice device) : IGpuBusAccess
{
    public int Read(ulong busAddress, void* destination, int length)
    {
        int result = Resolve(busAddress, write: false, out ResolvedFrame frame);
        return result < 0 ? result : AsFault(frame.Client.Read(frame.ClientAddress, destination, (nuint)length));
    }

    public int Write(ulong busAddress, void* source, int length)
    {
        int result = Resolve(busAddress, write: true, out ResolvedFrame frame);
        return result < 0 ? result : AsFault(frame.Client.Write(frame.ClientAddress, source, (nuint)length));
    }

    public int Add(ulong busAddress, int addend)
    {
        int result = Resolve(busAddress, write: true, out ResolvedFrame frame);
        return result < 0 ? result : AsFault(frame.Client.Add(frame.ClientAddress, addend));
    }

    public int CompareExchange(ulong busAddress, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        int result = Resolve(busAddress, write: true, out ResolvedFrame frame);
        return result < 0 ? result : AsFault(frame.Client.CompareExchange(frame.ClientAddress, expected, desired, size, out seen));
    }

    private int Resolve(ulong busAddress, bool write, out ResolvedFrame frame)
    {
        frame = default;
        if (device.Dma.Translate(busAddress, write, out ulong physical) < 0)
        {
            return -Errno.EFAULT;
        }

        // A frame in staging belongs to a migration that has zapped this mapping: look again.
        return device.Frames.TryResolve(physical, out frame) ? frame.Host is null ? 0 : -Errno.EAGAIN : -Errno.EFAULT;
    }

    private static int AsFault(int result) => result == -Errno.EFAULT ? -Errno.EAGAIN : result;
}

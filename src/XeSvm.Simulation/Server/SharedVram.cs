using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of which one client's device pages consist: for each device a file as large as its VRAM, which is laid over the VRAM where the
/// client has pages. So the client can bring them home by itself, and sees nothing of others.
/// </summary>
internal sealed unsafe class SharedVram : IDisposable
{
    private const long UnreservedEvents = 1 << 13;

    /// <summary>Bytes of one client's memory for one device that keep their pages while they are not used.</summary>
    private const ulong MostKept = 64 << 20;

    private readonly Lock _lock = new();
    private Share[] _shares = [];
    private bool _disposed;

    /// <summary>
    /// Most events that the client's ring can hold: as many as there can be allocations, twice because it grows so, and those without a reservation (events.h).
    /// </summary>
    public long MostEvents
    {
        get
        {
            long pages = 0;
            foreach (Share share in Volatile.Read(ref _shares))
            {
                pages += (long)(share.Device.VramMemory.Size >> PageConstants.PageShift);
            }

            return (2 * pages) + UnreservedEvents;
        }
    }

    /// <summary>The client's memory takes the place of the device's own.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Place(RemotePump pump, SoftwareDevice device, ulong offset, ulong size)
    {
        int result = GetOrAdd(pump, device, out Share share);
        result = result < 0 ? result : device.VramMemory.Place(share.Memory, offset, offset, size);
        if (result < 0)
        {
            return result;
        }

        // All of it is about to be written: page by page that costs several times as much, and where no memory is left it ends the process.
        share.Kept.Take(offset, size);
        result = SystemCalls.Advise((nint)(device.VramMemory.Window + offset), (nuint)size, MemoryAdvice.PopulateWrite);
        if (result is 0 or -Errno.EINVAL)
        {
            return 0; // a kernel before 5.14 does not know it
        }

        Remove(device, offset, size, keepContent: false);
        return result;
    }

    /// <summary>The device's own memory comes back.</summary>
    /// <param name="device">The device.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="keepContent">The client may still have use for what is there.</param>
    public void Remove(SoftwareDevice device, ulong offset, ulong size, bool keepContent)
    {
        device.VramMemory.Restore(offset, size);
        Share share = Array.Find(Volatile.Read(ref _shares), candidate => candidate.Device == device);
        if (!keepContent && share.Memory is not null && !share.Kept.TryKeep(offset, size))
        {
            // Should that fail, the memory stays in use until the client ends.
            _ = SystemCalls.PunchHole(share.Memory, offset, size);
        }
    }

    /// <summary>How the client calls a byte of VRAM that this process has at an address.</summary>
    /// <returns>0; -EINVAL when it is none of a device that the client knows.</returns>
    public int Find(byte* vram, out ulong device, out ulong offset)
    {
        Share[] shares = Volatile.Read(ref _shares);
        for (int i = 0; i < shares.Length; i++)
        {
            VramMemory memory = shares[i].Device.VramMemory;
            offset = (ulong)(vram - memory.Window);
            if (vram >= memory.Window && offset < memory.Size)
            {
                device = (ulong)i;
                return 0;
            }
        }

        device = offset = 0;
        return -Errno.EINVAL;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Array.ForEach(_shares, share => share.Memory.Dispose());
        }
    }

    private int GetOrAdd(RemotePump pump, SoftwareDevice device, out Share share)
    {
        share = Array.Find(Volatile.Read(ref _shares), candidate => candidate.Device == device);
        if (share.Device is not null)
        {
            return 0;
        }

        lock (_lock)
        {
            share = Array.Find(_shares, candidate => candidate.Device == device);
            if (share.Device is not null)
            {
                return 0;
            }

            if (_disposed || _shares.Length == PumpProtocol.MostDevices)
            {
                return -Errno.EBUSY;
            }

            int result = SharedMemory.CreateFile("xesvm-client-vram", device.VramMemory.Size, out FileDescriptorHandle? memory);
            if (result < 0)
            {
                return result;
            }

            result = pump.Call(
                new PumpRequestMessage { Call = PumpCall.Vram, A = (ulong)_shares.Length, B = device.VramMemory.Size }, out _, memory);
            if (result < 0)
            {
                memory!.Dispose();
                return -Errno.EBUSY;
            }

            share = new Share(device, memory!, new KeptVram(device.VramMemory.Size, MostKept));
            Volatile.Write(ref _shares, [.. _shares, share]);
            return 0;
        }
    }

    private readonly record struct Share(SoftwareDevice Device, FileDescriptorHandle Memory, KeptVram Kept);
}

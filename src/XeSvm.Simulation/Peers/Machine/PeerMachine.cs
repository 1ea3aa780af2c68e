using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>A running machine of several devices.</summary>
internal sealed class PeerMachine : IDisposable
{
    private readonly PeerDevice[] _devices;
    private long _evictionsRefused;

    /// <param name="topology">Who there is.</param>
    /// <param name="systemBytes">System memory for allocations; sparse.</param>
    public PeerMachine(PeerTopology topology, ulong systemBytes = 4UL << 30)
    {
        Topology = topology;
        System = new PeerSystemMemory(systemBytes);
        _devices = new PeerDevice[topology.Devices.Count];
        for (int i = 0; i < _devices.Length; i++)
        {
            _devices[i] = new PeerDevice(i, topology.Devices[i]);
        }

        Bus = new PeerBus([.. _devices], System);
        Owners = new PeerOwners(topology);
    }

    /// <summary>Who there is.</summary>
    public PeerTopology Topology { get; }

    /// <summary>The devices.</summary>
    public ReadOnlySpan<PeerDevice> Devices => _devices;

    /// <summary>The host's memory.</summary>
    public PeerSystemMemory System { get; }

    /// <summary>The way to memory.</summary>
    public PeerBus Bus { get; }

    /// <summary>Who shares pages with whom.</summary>
    public PeerOwners Owners { get; }

    /// <summary>The always-on proof of lock order.</summary>
    public LockChecker Locks { get; } = new();

    /// <summary>How often a buffer was not evicted because it was pinned.</summary>
    public long EvictionsRefused => Volatile.Read(ref _evictionsRefused);

    /// <summary>A device by index.</summary>
    public PeerDevice Device(int index) => _devices[index];

    /// <summary>Allocates client memory, zeroed, in system memory.</summary>
    /// <returns>0; -EINVAL for a size that is 0 or no multiple of 4 KiB; -ENOMEM.</returns>
    public int Allocate(ulong size, out PeerAllocation? allocation)
    {
        allocation = null;
        if (size == 0 || size % IoEntry.PageSize != 0)
        {
            return -Errno.EINVAL;
        }

        if (!System.TryAllocate(size, out ulong physical))
        {
            return -Errno.ENOMEM;
        }

        allocation = new PeerAllocation(size, physical, Locks);
        Clear(physical, size);
        return 0;
    }

    /// <summary>Frees client memory, wherever it is.</summary>
    public void Free(PeerAllocation allocation, ref PeerWork work)
    {
        using CheckedLock.Scope pages = allocation.Pages.Take();
        allocation.BeginMove(ref work); // and for good
        if (allocation.Buffer is { } buffer)
        {
            allocation.Buffer = null;
            buffer.Device.Release(buffer);
        }
        else
        {
            System.Free(allocation.Physical);
        }
    }

    internal void CountRefusedEviction() => Interlocked.Increment(ref _evictionsRefused);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PeerDevice device in _devices)
        {
            device.Dispose();
        }

        System.Dispose();
        Locks.Dispose();
    }

    private unsafe void Clear(ulong physical, ulong size)
    {
        for (ulong offset = 0; offset < size; offset += IoEntry.PageSize)
        {
            new Span<byte>(System.Pointer(physical + offset), (int)IoEntry.PageSize).Clear();
        }
    }
}

using XeSvm.Interop.LibC;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>
/// Has an eventfd signalled when a point appears or is signalled (syncobj_eventfd_entry). It holds a descriptor of the eventfd of its own until
/// then, or until the syncobj is gone.
/// </summary>
internal sealed class SyncobjEventFd(FileDescriptorHandle eventFd, ulong point, bool available) : SyncobjObserver
{
    private static readonly byte[] s_one = BitConverter.GetBytes(1UL);
    private int _pending = 1;

    /// <summary>Begins to wait.</summary>
    public void Start(Syncobj syncobj)
    {
        Point = point;
        syncobj.AddObserver(this);
    }

    public override void OnFence()
    {
        if (!available)
        {
            foreach (DmaFence fence in Fences)
            {
                Interlocked.Increment(ref _pending);
                if (!new Part(this).TryAdd(fence))
                {
                    OnPart();
                }
            }
        }

        Fences.Clear();
        OnPart();
    }

    public override void OnAbandoned() => eventFd.Dispose();

    private void OnPart()
    {
        if (Interlocked.Decrement(ref _pending) != 0)
        {
            return;
        }

        // A counter that is full is readable as it is, and a write to it would block.
        if (SystemCalls.IsWritable(eventFd))
        {
            _ = SystemCalls.Write(eventFd, s_one);
        }

        eventFd.Dispose();
    }

    private sealed class Part(SyncobjEventFd owner) : FenceCallback
    {
        protected internal override void OnSignaled() => owner.OnPart();
    }
}

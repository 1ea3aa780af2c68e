using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// Queues of one VM that the hardware schedules as one (xe_exec_queue_group). The members run as other queues do, each on its thread: what the
/// group changes on hardware is time, which is not modelled.
/// </summary>
internal sealed class QueueGroup(XeExecQueue primary)
{
    /// <summary>The highest priority within a group.</summary>
    public const ulong HighestPriority = 2;

    private const int MostMembers = 64; // XE_MAX_GROUP_SIZE

    private readonly MonitorLock _lock = new();
    private int _members = 1;
    private bool _closed;

    /// <summary>The queue that the group was made with.</summary>
    public XeExecQueue Primary { get; } = primary;

    /// <summary>Adds a member: 0; -EINVAL for another VM, another engine, a full group, or one whose first queue is gone.</summary>
    public int Add(XeExecQueue queue)
    {
        lock (_lock)
        {
            if (_closed || _members == MostMembers || queue.Vm != Primary.Vm || queue.Engine != Primary.Engine)
            {
                return -Errno.EINVAL;
            }

            _members++;
            return 0;
        }
    }

    /// <summary>A member is gone; with the first, nobody can join any more.</summary>
    public void Remove(XeExecQueue queue)
    {
        lock (_lock)
        {
            _members--;
            _closed |= ReferenceEquals(queue, Primary);
        }
    }
}

using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>One GPU fault that could not be served.</summary>
/// <param name="Address">The page, sign-extended.</param>
/// <param name="Access">What was wanted.</param>
/// <param name="IsViolation">There was a mapping, which forbids the access.</param>
/// <param name="Level">The level of the page table at which the walk ended: 0 for the lowest.</param>
internal readonly record struct VmFault(ulong Address, GpuAccess Access, bool IsViolation, int Level);

/// <summary>The first faults of a VM that could not be served (xe_vm_add_fault_entry); later ones are dropped.</summary>
internal sealed class VmFaultLog
{
    /// <summary>Most faults that are kept (MAX_FAULTS_SAVED_PER_VM).</summary>
    public const int Capacity = 50;

    private readonly Lock _lock = new();
    private readonly VmFault[] _faults = new VmFault[Capacity];
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public VmFault this[int index] => _faults[index];

    public void Add(in VmFault fault)
    {
        lock (_lock)
        {
            if (_count < Capacity)
            {
                _faults[_count] = fault;
                Volatile.Write(ref _count, _count + 1);
            }
        }
    }
}

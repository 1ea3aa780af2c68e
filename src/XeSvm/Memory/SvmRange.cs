namespace XeSvm;

/// <summary>
/// Memory of the process as the GPU of one mirror VM sees it: what a program tells and asks about it. Any memory will do, whole buffers,
/// parts of them, or mappings of the program's own.
/// </summary>
/// <remarks>
/// Advice is a hint and never changes results. Start and end are widened to whole pages. Where memory is advised to be is not where it
/// is: that changes with every fault.
/// </remarks>
public sealed class SvmRange
{
    /// <summary>Makes a range; nothing is asked of the driver.</summary>
    internal SvmRange(XeVm vm, GpuRange range)
    {
        Vm = vm;
        Range = range;
    }

    /// <summary>The VM.</summary>
    public XeVm Vm { get; }

    /// <summary>The addresses, for CPU and GPU alike.</summary>
    public GpuRange Range { get; }

    /// <summary>
    /// Where the memory should be when the GPU touches it; <see langword="null"/> when its parts differ. Assign
    /// <see cref="MemoryLocation.Default"/> to take advice back.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public MemoryLocation? PreferredLocation
    {
        get => Common(attributes => attributes.PreferredLocation);
        set => Vm.Advise(Range, Advice.PreferredLocation(value ?? throw new ArgumentNullException(nameof(value))));
    }

    /// <summary>Who does atomic operations on the memory; <see langword="null"/> when its parts differ.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public AtomicAccess? AtomicAccess
    {
        get => Common(attributes => attributes.AtomicAccess);
        set => Vm.Advise(Range, Advice.AtomicAccess(value ?? throw new ArgumentNullException(nameof(value))));
    }

    /// <summary>
    /// The index in the hardware's page attribute table; <see langword="null"/> when the parts of the memory differ. Integrated GPUs only.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public ushort? PatIndex
    {
        get => Common(attributes => (ushort)attributes.PatIndex);
        set => Vm.Advise(Range, Advice.PatIndex(value ?? throw new ArgumentNullException(nameof(value))));
    }

    /// <summary>A part of the memory.</summary>
    /// <param name="start">First byte, from the range's start.</param>
    /// <param name="length">Length in bytes, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie inside the range.</exception>
    public SvmRange Slice(ulong start, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        if (start > Range.Length || length > Range.Length - start)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"{length} bytes from {start} on do not lie inside a range of {Range.Length} bytes.");
        }

        return new SvmRange(Vm, new GpuRange(Range.Address + start, length));
    }

    /// <summary>Tells the driver something about the memory.</summary>
    /// <param name="advice">What.</param>
    /// <exception cref="XeException">The driver refused, or cannot take such advice (EOPNOTSUPP).</exception>
    public void Advise(Advice advice) => Vm.Advise(Range, advice);

    /// <summary>Tells the driver something about the memory, or says why not.</summary>
    /// <param name="advice">What.</param>
    public XeResult TryAdvise(Advice advice) => Vm.TryAdvise(Range, advice);

    /// <summary>The advice for each mapping that the range touches, in the order of their addresses.</summary>
    /// <exception cref="XeException">The driver refused; it needs Linux 6.18.</exception>
    public IReadOnlyList<SvmRangeAttributes> GetAttributes() => Vm.GetAttributes(Range);

    /// <summary>The advice for each mapping that the range touches, or why it cannot be told.</summary>
    /// <param name="attributes">The mappings when the result is success, else none.</param>
    public XeResult TryGetAttributes(out IReadOnlyList<SvmRangeAttributes> attributes) => Vm.TryGetAttributes(Range, out attributes);

    /// <summary>Moves the memory ahead of its use; the driver passes over what it cannot move and does not say so.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void Prefetch(MemoryLocation location) => Vm.Prefetch(Range, location);

    /// <summary>Moves the memory ahead of its use, or says why not.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    public XeResult TryPrefetch(MemoryLocation location) => Vm.TryPrefetch(Range, location);

    /// <summary>Moves the memory ahead of its use, on a thread of the pool; see <see cref="XeVm.PrefetchAsync(GpuRange, MemoryLocation, CancellationToken)"/>.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two parts; what was moved stays where it is.</param>
    public Task PrefetchAsync(MemoryLocation location, CancellationToken cancellationToken = default) =>
        Vm.PrefetchAsync(Range, location, cancellationToken);

    /// <summary>Lets the driver discard the content of the buffer objects in the range when memory is short.</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    public void MarkDiscardable() => Vm.MarkDiscardable(Range);

    /// <summary>Takes <see cref="MarkDiscardable"/> back.</summary>
    /// <returns>Whether all content is still there.</returns>
    /// <exception cref="XeException">The driver refused.</exception>
    public bool MarkNeeded() => Vm.MarkNeeded(Range);

    /// <summary>The addresses.</summary>
    public override string ToString() => Range.ToString();

    private T? Common<T>(Func<SvmRangeAttributes, T> attribute)
        where T : struct
    {
        T[] values = [.. GetAttributes().Select(attribute).Distinct()];
        return values.Length == 1 ? values[0] : null;
    }
}

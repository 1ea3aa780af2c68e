using XeSvm.Interop;

namespace XeSvm.Management;

/// <summary>
/// Owns a mirror VM and keeps account of memory that CPU and GPU share: a policy decides where it should be, from what the program says and from
/// what the GT statistics count; prefetches are put in order, and held back when VRAM is short.
/// </summary>
/// <remarks>
/// All that a manager does is advice and prefetches. Both are hints: content never depends on them, and so not on the manager, on its errors, or on
/// the moment of its disposal. All members may be called from several threads at once. The account is what the manager did, not where memory is: the
/// driver does not tell that, and CPU and GPU move memory by touching it.
/// </remarks>
public sealed partial class SvmManager : IDisposable, ISvmMemoryOwner
{
    private readonly Lock _lock = new();
    private readonly ManagedMemoryMap _map = new();
    private readonly Stack<SvmUseRecord> _spareUses = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SvmManagerMetrics _metrics;
    private readonly MemoryLocation _vram;
    private readonly ulong _vramBytes;
    private ulong _foreignBytes;
    private ulong _managedBytes;
    private ulong _reservedBytes;
    private ulong _usedBytes;
    private PlacementPolicy _policy;
    private bool _disposed;
    private bool _isDeviceLost;
    private bool _lossIsTold;

    /// <summary>Makes a manager with a mirror VM of its own.</summary>
    /// <param name="device">The device; stays the caller's.</param>
    /// <param name="options">How it places memory; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="XeException">The device cannot mirror the process's addresses; the message says what is missing.</exception>
    public SvmManager(XeDevice device, SvmManagerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        Options = options ?? new SvmManagerOptions();
        Options.Validate();
        Device = device;
        _policy = Options.Policy;
        _vram = MemoryLocation.Device(Options.VramIndex);
        XeMemoryRegion? region = device.FindRegion(_vram);
        if (region is null && device.Capabilities.HasVram)
        {
            throw new ArgumentException($"The device has no VRAM region {Options.VramIndex}. {device.DescribeRegions()}", nameof(options));
        }

        _vramBytes = region?.TotalSize ?? 0;
        Vm = CreateVm(device);
        CanAdvise = Vm.TryAdvise(new GpuRange(0, GpuRange.PageSize), MemoryLocation.Default).IsSuccess;
        _metrics = new SvmManagerMetrics(this, Options.MeterFactory);
    }

    /// <summary>A prefetch was done or refused. Raised by the thread that did it, outside any lock.</summary>
    public event EventHandler<SvmPrefetchEventArgs>? Prefetched;

    /// <summary>A balancing was done. Raised by the thread that did it, outside any lock.</summary>
    public event EventHandler<SvmBalanceEventArgs>? Balanced;

    /// <summary>The device is gone. Raised once, by the thread that noticed. Memory keeps its content and can be used by the CPU.</summary>
    public event EventHandler? DeviceLost;

    /// <summary>The device.</summary>
    public XeDevice Device { get; }

    /// <summary>The manager's mirror VM, for queues and batches. It goes with the manager.</summary>
    public XeVm Vm { get; }

    /// <summary>How the manager was made.</summary>
    public SvmManagerOptions Options { get; }

    /// <summary>Whether the driver takes advice (Linux 6.18). If not, policies can move memory, but not say where faults shall bring it.</summary>
    public bool CanAdvise { get; }

    /// <summary>Whether the driver said that the device is gone.</summary>
    public bool IsDeviceLost => Volatile.Read(ref _isDeviceLost);

    /// <summary>Decides where memory should be; takes effect with the next balancing.</summary>
    public PlacementPolicy Policy
    {
        get => Volatile.Read(ref _policy);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Volatile.Write(ref _policy, value);
        }
    }

    /// <summary>How many bytes of VRAM the manager may fill now.</summary>
    public ulong VramLimit
    {
        get
        {
            lock (_lock)
            {
                return Limit();
            }
        }
    }

    /// <summary>Allocates memory for CPU and GPU, and keeps account of it until it is disposed.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">Number of elements, at least 1.</param>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public SvmBuffer<T> Allocate<T>(nuint length)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        SvmBuffer<T> buffer = new(Vm, length, this);
        lock (_lock)
        {
            // New memory can only be where a piece was that its program unmapped without a word: that piece is gone.
            ManagedMemory memory = new(buffer.Range, Options.BlockBytes);
            while (!_map.TryAdd(memory))
            {
                Remove(_map.All[_map.IndexOfFirstEndingAfter(memory.Range.Address)].Range.Address);
            }
        }

        return buffer;
    }

    /// <summary>Takes memory into the account that the process has already, such as a mapping of its own.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Length in bytes; widened to whole pages.</param>
    /// <returns>The memory; <see cref="Release"/> it before it is unmapped.</returns>
    /// <exception cref="ArgumentException">Some of it is managed already.</exception>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public SvmRange Manage(nint address, nuint length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        GpuRange pages = Vm.Mirror(address, length).Range.ToPages();
        lock (_lock)
        {
            if (!_map.TryAdd(new ManagedMemory(pages, Options.BlockBytes)))
            {
                throw new ArgumentException($"Some of {pages} is managed already.", nameof(address));
            }
        }

        return new SvmRange(Vm, pages);
    }

    /// <summary>Drops memory from the account that <see cref="Manage"/> took. It stays where it is, with the advice that it has.</summary>
    /// <param name="range">The memory, as <see cref="Manage"/> gave it.</param>
    /// <exception cref="ArgumentException">No managed memory begins there.</exception>
    public void Release(SvmRange range)
    {
        ArgumentNullException.ThrowIfNull(range);
        bool removed;
        lock (_lock)
        {
            removed = Remove(range.Range.Address);
        }

        if (!removed)
        {
            throw new ArgumentException($"No managed memory begins at 0x{range.Range.Address:x}.", nameof(range));
        }
    }

    /// <summary>What the manager knows of each block, in the order of addresses.</summary>
    public IReadOnlyList<PlacementBlock> GetPlacement()
    {
        List<PlacementBlock> blocks = [];
        lock (_lock)
        {
            foreach (ManagedMemory memory in _map.All)
            {
                for (int index = 0; index < memory.Blocks.Length; index++)
                {
                    blocks.Add(Describe(memory, index));
                }
            }
        }

        return blocks;
    }

    /// <summary>
    /// Ends the account and the VM; what runs is let to its end, what waits is ended. Buffers stay, with their content, until they are disposed
    /// themselves.
    /// </summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            SignalRoom();
        }

        _stop.Cancel();
        _metrics.Dispose();
        Vm.Dispose();
    }

    /// <inheritdoc/>
    void ISvmMemoryOwner.Forget(ulong address)
    {
        lock (_lock)
        {
            Remove(address);
        }
    }

    /// <summary>A mirror whose advice goes with the memory, where the kernel has that (Linux 6.18), so that new memory does not inherit it.</summary>
    private static XeVm CreateVm(XeDevice device)
    {
        XeVmOptions options = new() { Mirror = true };
        _ = device.TryCreateVm(options with { MirrorAdviceAutoReset = true }, out XeVm? vm);
        return vm ?? device.CreateVm(options);
    }

    private static PlacementBlock Describe(ManagedMemory memory, int index)
    {
        ref ManagedBlock block = ref memory.Blocks[index];
        return new PlacementBlock(memory.RangeOf(index), block.Location, block.Advised, block.Hint, block.Heat, block.Uses > 0);
    }

    /// <summary>Whether a block is in VRAM of the manager's own device: another's has a name in the account, the own one never.</summary>
    private static bool IsInVram(in ManagedBlock block) => block.Location.IsDevice && block.Location.Peer is null;

    /// <summary>A location as the account has it: the manager's own device without its name.</summary>
    private MemoryLocation Own(MemoryLocation location) =>
        ReferenceEquals(location.Peer, Device) ? MemoryLocation.Device(location.VramIndex) : location;

    private ulong Limit()
    {
        ulong left = _vramBytes - Math.Min(_vramBytes, _foreignBytes);
        return Math.Min(Options.VramLimit ?? _vramBytes / 10 * 9, left);
    }

    private bool Remove(ulong address)
    {
        if (_map.Remove(address) is not { } memory)
        {
            return false;
        }

        for (int index = 0; index < memory.Blocks.Length; index++)
        {
            if (IsInVram(memory.Blocks[index]))
            {
                ulong length = memory.RangeOf(index).Length;
                _managedBytes -= length;
                _usedBytes -= memory.Blocks[index].Uses > 0 ? length : 0;
            }
        }

        SignalRoom();
        return true;
    }

    private void SetLocation(ManagedMemory memory, int index, MemoryLocation location)
    {
        ref ManagedBlock block = ref memory.Blocks[index];
        bool comes = location.IsDevice && location.Peer is null;
        if (IsInVram(block) != comes)
        {
            ulong length = memory.RangeOf(index).Length;
            ulong used = block.Uses > 0 ? length : 0;
            _managedBytes = comes ? _managedBytes + length : _managedBytes - length;
            _usedBytes = comes ? _usedBytes + used : _usedBytes - used;
        }

        block.Location = location;
    }

    /// <summary>Notes a refusal, and the device's loss, which two errnos mean: gone, or given up after a failed reset (xe_device.c).</summary>
    private void NoteRefusal(string operation, XeResult result)
    {
        _metrics.Refused(operation, result);
        if (result.Errno is Errno.ENODEV or Errno.ECANCELED)
        {
            Volatile.Write(ref _isDeviceLost, true);
        }
    }

    /// <summary>Raises the event of the device's loss, once; not while a lock is held.</summary>
    private void TellLoss()
    {
        if (IsDeviceLost && !Interlocked.Exchange(ref _lossIsTold, true))
        {
            DeviceLost?.Invoke(this, EventArgs.Empty);
        }
    }
}

using XeSvm.Management;

namespace XeSvm.Peers;

/// <summary>
/// Lets the managers of several devices decide together where memory should be that all of them keep account of: each block in the VRAM of the
/// device that those who use it reach best, weighed against how full each VRAM is (<see cref="DevicePlacement"/>). Thread-safe.
/// </summary>
/// <remarks>
/// Give each manager the policy that <see cref="PolicyFor"/> makes, the same <see cref="SvmManagerOptions.BlockBytes"/>, and the same memory
/// (one allocates it, the others <see cref="SvmManager.Manage"/> it), and tell the manager of the device that works on memory
/// (<see cref="SvmManager.Use"/>, <see cref="SvmManager.Hint"/>). The manager of the device that shall have a block brings it in, when it has room;
/// the others advise their GPUs to use it there, and take it out of their account when they are balanced next. So a decision of one balancing is
/// whole when all managers have been balanced after it. What a program has in use on the device that has it stays there meanwhile.
/// </remarks>
public sealed class DeviceGroup
{
    private readonly Lock _lock = new();
    private readonly MachineTopology _topology;
    private readonly DevicePlacement _placement;
    private readonly XeDevice[] _devices;
    private readonly DeviceGroupPolicy[] _policies;
    private readonly MemoryLocation[] _vramLocations;
    private readonly DeviceVram[] _vram;
    private readonly double[] _used;
    private readonly Dictionary<ulong, SharedBlock> _blocks = [];
    private readonly List<ulong> _left = [];
    private long _round;

    /// <summary>Makes a group of a machine's devices.</summary>
    /// <param name="topology">The machine; see <see cref="MachinePlace.Topology"/>.</param>
    /// <param name="devices">All its devices, in the machine's order. They stay the caller's, and must outlive the managers.</param>
    /// <param name="options">What counts how much; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">The devices are not those of the machine, or an option is out of range.</exception>
    public DeviceGroup(MachineTopology topology, IReadOnlyList<XeDevice> devices, DevicePlacementOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(devices);
        _topology = topology;
        _placement = new DevicePlacement(topology, options);
        if (devices.Count != topology.Devices.Count)
        {
            throw new ArgumentException($"The machine '{topology.Name}' has {topology.Devices.Count} devices; {devices.Count} were given.", nameof(devices));
        }

        _devices = [.. devices];
        for (int index = 0; index < _devices.Length; index++)
        {
            ArgumentNullException.ThrowIfNull(_devices[index], nameof(devices));
            if (MachinePlace.TryFind(_devices[index], out MachinePlace? place, out _) && place.Index != index)
            {
                throw new ArgumentException($"{_devices[index].Node.Path} is device {place.Index} of its machine, and was given as device {index}.", nameof(devices));
            }
        }

        _vramLocations = [.. _devices.Select(device => MemoryLocation.Device(device))];
        _vram = new DeviceVram[_devices.Length];
        _used = new double[_devices.Length];
        _policies = [.. Enumerable.Range(0, _devices.Length).Select(index => new DeviceGroupPolicy(this, index))];
    }

    /// <summary>The policy for the manager of one device: <see cref="SvmManagerOptions.Policy"/>.</summary>
    /// <param name="device">The device's number in the machine.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    public PlacementPolicy PolicyFor(int device)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(device);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(device, _policies.Length);
        return _policies[device];
    }

    /// <summary>Notes what one manager knows, and decides for it.</summary>
    internal void Place(int device, in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions)
    {
        lock (_lock)
        {
            _round++;
            _vramLocations[device] = MemoryLocation.Device(_devices[device], state.Device.VramIndex);
            _vram[device] = state.HasVram ? new DeviceVram(state.VramLimit, state.ManagedBytes) : default;
            for (int index = 0; index < blocks.Length; index++)
            {
                decisions[index] = Decide(device, blocks[index]);
            }

            ForgetOthers(device);
        }
    }

    private PlacementDecision Decide(int device, in PlacementBlock block)
    {
        if (!_blocks.TryGetValue(block.Range.Address, out SharedBlock? shared))
        {
            shared = new SharedBlock(_devices.Length);
            _blocks.Add(block.Range.Address, shared);
        }

        shared.Note(device, block, _round);
        if (shared.IsForCpu)
        {
            return ToSystem(device, block, shared, advice: null);
        }

        double all = 0;
        for (int user = 0; user < _used.Length; user++)
        {
            _used[user] = shared.Views[user].ExpectedUses * block.Range.Length;
            all += _used[user];
        }

        int? wanted = shared.Coming ?? (all == 0 || shared.IsInUseWhereItIs
            ? shared.Holder
            : _placement.Choose(block.Range.Length, shared.Holder, _used, _vram).Device);
        if (wanted is not { } target)
        {
            return all == 0 ? PlacementDecision.Keep with { LeftTo = LeftTo(device, block, shared) } : ToSystem(device, block, shared, MemoryLocation.System);
        }

        MemoryLocation place = _vramLocations[target];
        if (target == device)
        {
            Plan(shared.Holder, device, block.Range.Length);
            bool comes = shared.Holder != device;
            shared.Coming = comes ? device : null;
            return new PlacementDecision(place, comes ? place : null);
        }

        // The other brings it in. What this GPU cannot reach there it gets through system memory, and shall not pull into its own VRAM.
        bool isReached = _topology.Topology.Link(device, target).IsUsable;
        return new PlacementDecision(isReached ? place : MemoryLocation.System, null) { LeftTo = LeftTo(device, block, shared) };
    }

    /// <summary>Where a block is that a manager has in its account although it has left.</summary>
    private MemoryLocation? LeftTo(int device, in PlacementBlock block, SharedBlock shared) =>
        !block.IsOnDevice || shared.Holder == device ? null : shared.Holder is { } holder ? _vramLocations[holder] : MemoryLocation.System;

    private PlacementDecision ToSystem(int device, in PlacementBlock block, SharedBlock shared, MemoryLocation? advice)
    {
        if (LeftTo(device, block, shared) is { } left)
        {
            return new PlacementDecision(advice, null) { LeftTo = left };
        }

        bool moves = block.IsOnDevice ? !block.InUse : shared.Holder is null && block.Hint == SvmHint.WillUseOnCpu && !block.Location.IsSystem;
        return new PlacementDecision(advice, moves ? MemoryLocation.System : null);
    }

    /// <summary>Counts what is on its way, so that the blocks of one balancing do not all go where there is room for one.</summary>
    private void Plan(int? from, int to, ulong length)
    {
        if (from == to)
        {
            return;
        }

        _vram[to] = _vram[to] with { UsedBytes = _vram[to].UsedBytes + length };
        if (from is { } source)
        {
            _vram[source] = _vram[source] with { UsedBytes = _vram[source].UsedBytes - Math.Min(length, _vram[source].UsedBytes) };
        }
    }

    /// <summary>Forgets what a manager has in its account no more.</summary>
    private void ForgetOthers(int device)
    {
        _left.Clear();
        foreach ((ulong address, SharedBlock block) in _blocks)
        {
            if (block.Forget(device, _round))
            {
                _left.Add(address);
            }
        }

        foreach (ulong address in _left)
        {
            _blocks.Remove(address);
        }
    }

    /// <summary>What one manager said of a block last.</summary>
    private struct View
    {
        internal long Round;
        internal float Heat;
        internal SvmHint Hint;
        internal bool IsOnDevice;
        internal bool IsInUse;

        internal readonly float ExpectedUses => Hint is SvmHint.WillNotUse or SvmHint.WillUseOnCpu ? 0 : Heat;
    }

    /// <summary>What all managers said of a block.</summary>
    private sealed class SharedBlock(int devices)
    {
        /// <summary>One for each device.</summary>
        internal View[] Views { get; } = new View[devices];

        /// <summary>The device whose manager was the last to bring it in.</summary>
        internal int? Holder { get; set; }

        /// <summary>The device whose manager was told to bring it in, and has not yet said whether it could.</summary>
        internal int? Coming { get; set; }

        /// <summary>Whether the last that a program said is that the CPU will use it.</summary>
        internal bool IsForCpu { get; private set; }

        /// <summary>Whether the program holds a use on the device that has it.</summary>
        internal bool IsInUseWhereItIs => Holder is { } holder && Views[holder].IsInUse;

        internal void Note(int device, in PlacementBlock block, long round)
        {
            ref View view = ref Views[device];
            Coming = Coming == device ? null : Coming;

            // Each balancing halves the heat: more than the half is a use since then.
            bool isUsed = block.Hint == SvmHint.WillUseOnDevice && (block.Heat > view.Heat / 2 || block.InUse);
            IsForCpu = !isUsed && (IsForCpu || (block.Hint == SvmHint.WillUseOnCpu && view.Hint != SvmHint.WillUseOnCpu));
            if (block.IsOnDevice && !view.IsOnDevice)
            {
                Holder = device;
            }
            else if (!block.IsOnDevice && Holder == device)
            {
                Holder = null;
            }

            view = new View
            {
                Round = round,
                Heat = block.Heat,
                Hint = block.Hint,
                IsOnDevice = block.IsOnDevice,
                IsInUse = block.InUse,
            };
        }

        /// <summary>Forgets a manager's view unless it is of this round; true when nobody has one any more.</summary>
        internal bool Forget(int device, long round)
        {
            if (Views[device].Round != round)
            {
                Views[device] = default;
                Holder = Holder == device ? null : Holder;
                Coming = Coming == device ? null : Coming;
            }

            foreach (ref View view in Views.AsSpan())
            {
                if (view.Round != 0)
                {
                    return false;
                }
            }

            return true;
        }
    }
}

/// <summary>One manager's end of a <see cref="DeviceGroup"/>.</summary>
internal sealed class DeviceGroupPolicy(DeviceGroup group, int device) : PlacementPolicy
{
    /// <inheritdoc/>
    public override string Name => "nearest-device";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions) =>
        group.Place(device, state, blocks, decisions);
}

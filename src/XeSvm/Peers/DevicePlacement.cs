namespace XeSvm.Peers;

/// <summary>
/// Decides which of several devices' VRAM memory belongs into: near to those who use it, weighed against how full each is. It decides from
/// what it is told, and touches no device; whoever asks advises and prefetches (<see cref="MemoryLocation.Device(XeDevice, int)"/>).
/// Thread-safe; deciding allocates nothing.
/// </summary>
public sealed class DevicePlacement
{
    private readonly MachineTopology _topology;
    private readonly DevicePlacementOptions _options;

    /// <summary>Makes the policy for a machine.</summary>
    /// <param name="topology">Its devices, and the ways between them.</param>
    /// <param name="options">What counts how much; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message says which and what is valid.</exception>
    public DevicePlacement(MachineTopology topology, DevicePlacementOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(topology);
        _topology = topology;
        _options = options ?? new DevicePlacementOptions();
        _options.Validate();
    }

    /// <summary>Chooses a device.</summary>
    /// <param name="bytes">Size of the memory, in bytes.</param>
    /// <param name="current">The device whose VRAM has it; <see langword="null"/> for system memory.</param>
    /// <param name="used">How many bytes of it each device is expected to read and write before anything is decided anew; one for each device.</param>
    /// <param name="vram">How full each device's VRAM is; one for each device.</param>
    /// <exception cref="ArgumentException">A list has not one entry for each device, an amount is negative or not finite, or there is no such device.</exception>
    public DeviceChoice Choose(ulong bytes, int? current, ReadOnlySpan<double> used, ReadOnlySpan<DeviceVram> vram)
    {
        Check(current, used, vram);
        DeviceChoice best = new(null, double.PositiveInfinity);
        double bestFill = double.PositiveInfinity;
        double currentCost = double.PositiveInfinity;
        for (int candidate = 0; candidate < used.Length; candidate++)
        {
            bool stays = candidate == current;
            double fill = FillOf(vram[candidate], stays ? 0 : bytes);
            if (fill > (stays ? 1 : _options.HighWatermark))
            {
                continue;
            }

            double cost = CostOf(candidate, bytes, current, used) * PressureOf(fill);
            currentCost = stays ? cost : currentCost;
            if (cost < best.Microseconds || (cost == best.Microseconds && double.IsFinite(cost) && fill < bestFill))
            {
                (best, bestFill) = (new DeviceChoice(candidate, cost), fill);
            }
        }

        // A little better is not worth a migration, or two devices that use the same memory would pull it to and fro.
        return double.IsFinite(currentCost) && currentCost <= best.Microseconds * (1 + _options.MinimumGain)
            ? new DeviceChoice(current, currentCost)
            : best;
    }

    private static double FillOf(in DeviceVram vram, ulong more) =>
        vram.TotalBytes == 0 ? double.PositiveInfinity : ((double)vram.UsedBytes + more) / vram.TotalBytes;

    /// <summary>Time that all accesses and the migration would take, in us; infinite when a user has no way there.</summary>
    private double CostOf(int candidate, ulong bytes, int? current, ReadOnlySpan<double> used)
    {
        double cost = 0;
        for (int user = 0; user < used.Length; user++)
        {
            if (used[user] > 0)
            {
                cost += TimeOf(_topology.Topology.Link(user, candidate), used[user]);
            }
        }

        if (current == candidate)
        {
            return cost;
        }

        // Between devices the source writes; without a way, and out of system memory, the data goes over the bus.
        double move = current is { } from ? TimeOf(_topology.Topology.Link(from, candidate), bytes) : double.PositiveInfinity;
        return cost + (double.IsFinite(move) ? move : bytes / (_options.SystemGigabytesPerSecond * 1000) * (current is null ? 1 : 2));
    }

    private static double TimeOf(Simulation.Peers.PeerLink link, double bytes) =>
        link.IsUsable ? (link.LatencyNanoseconds / 1000) + (bytes / (link.GigabytesPerSecond * 1000)) : double.PositiveInfinity;

    /// <summary>1 up to the low watermark; from there on it grows to the weight of pressure at the high one.</summary>
    private double PressureOf(double fill)
    {
        double above = (fill - _options.LowWatermark) / (_options.HighWatermark - _options.LowWatermark);
        return 1 + (_options.PressureWeight * Math.Max(0, above));
    }

    private void Check(int? current, ReadOnlySpan<double> used, ReadOnlySpan<DeviceVram> vram)
    {
        int devices = _topology.Devices.Count;
        if (used.Length != devices || vram.Length != devices)
        {
            throw new ArgumentException($"The machine has {devices} devices; {used.Length} uses and {vram.Length} amounts of VRAM were given.");
        }

        if (current is { } device && (uint)device >= (uint)devices)
        {
            throw new ArgumentException($"There is no device {device}; there are {devices}, from 0.", nameof(current));
        }

        foreach (double amount in used)
        {
            if (!(amount >= 0) || double.IsInfinity(amount))
            {
                throw new ArgumentException($"{amount} bytes cannot be used; 0 and more can.", nameof(used));
            }
        }
    }
}

/// <summary>How full a device's VRAM is.</summary>
/// <param name="TotalBytes">All of it, in bytes; 0 for a device without.</param>
/// <param name="UsedBytes">What is in use, in bytes.</param>
public readonly record struct DeviceVram(ulong TotalBytes, ulong UsedBytes);

/// <summary>What <see cref="DevicePlacement"/> has chosen.</summary>
/// <param name="Device">The device; <see langword="null"/> for system memory: no VRAM has room that every user can reach.</param>
/// <param name="Microseconds">What was weighed: modelled time of the accesses and of the migration, times pressure. Infinite without a device.</param>
public readonly record struct DeviceChoice(int? Device, double Microseconds);

/// <summary>What counts how much in <see cref="DevicePlacement"/>.</summary>
public sealed record DevicePlacementOptions
{
    /// <summary>Up to here it does not matter how full VRAM is; from 0 to below <see cref="HighWatermark"/>.</summary>
    public double LowWatermark { get; init; } = 0.6;

    /// <summary>Fuller than this no VRAM gets more; up to 1.</summary>
    public double HighWatermark { get; init; } = 0.95;

    /// <summary>By how much a VRAM at the high watermark is worse than an empty one; 1 is twice as bad. 0 and up.</summary>
    public double PressureWeight { get; init; } = 1;

    /// <summary>By what share a new place must be better than the present one; 0 and up.</summary>
    public double MinimumGain { get; init; } = 0.2;

    /// <summary>Bandwidth to system memory, in 1e9 bytes a second; above 0. Assumed, as the topology's are.</summary>
    public double SystemGigabytesPerSecond { get; init; } = 24;

    internal void Validate()
    {
        if (!(LowWatermark >= 0 && LowWatermark < HighWatermark && HighWatermark <= 1))
        {
            throw new ArgumentException(
                $"Watermarks of {LowWatermark} and {HighWatermark} are not possible: the low one is at least 0 and below the high one, the high one at most 1.");
        }

        if (!(PressureWeight >= 0 && MinimumGain >= 0 && SystemGigabytesPerSecond > 0))
        {
            throw new ArgumentException(
                $"A pressure weight of {PressureWeight}, a gain of {MinimumGain} and {SystemGigabytesPerSecond} GB/s are not possible: the first two are at least 0, the last is above 0.");
        }
    }
}

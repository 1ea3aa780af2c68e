using System.Globalization;

namespace XeSvm;

/// <summary>Where memory is, or should be.</summary>
public readonly struct MemoryLocation : IEquatable<MemoryLocation>
{
    private readonly int _value;

    private MemoryLocation(int value, XeDevice? peer = null)
    {
        _value = value;
        Peer = peer;
    }

    /// <summary>
    /// No wish: the driver's default for advice (the VRAM of the tile that faults), and for a prefetch whatever was advised.
    /// </summary>
    public static MemoryLocation Default => default;

    /// <summary>The machine's memory.</summary>
    public static MemoryLocation System => new(1);

    /// <summary>Whether this is <see cref="Default"/>.</summary>
    public bool IsDefault => _value == 0;

    /// <summary>Whether this is <see cref="System"/>.</summary>
    public bool IsSystem => _value == 1;

    /// <summary>Whether this is a device's VRAM.</summary>
    public bool IsDevice => _value > 1;

    /// <summary>The number of the VRAM region, from 0, when <see cref="IsDevice"/>.</summary>
    public int VramIndex => IsDevice ? _value - 2 : throw new InvalidOperationException($"{this} is not VRAM.");

    /// <summary>Another device, when the VRAM is that of a device which was named; else <see langword="null"/>.</summary>
    public XeDevice? Peer { get; }

    /// <summary>Whether this is VRAM of another device than the one given.</summary>
    internal bool IsBeyond(XeDevice device) => Peer is not null && !ReferenceEquals(Peer, device);

    /// <summary>Whether two locations are the same.</summary>
    public static bool operator ==(MemoryLocation left, MemoryLocation right) => left.Equals(right);

    /// <summary>Whether two locations differ.</summary>
    public static bool operator !=(MemoryLocation left, MemoryLocation right) => !left.Equals(right);

    /// <summary>VRAM of the VM's device.</summary>
    /// <param name="vramIndex">The number of the VRAM region, from 0; a device with one tile has one.</param>
    public static MemoryLocation Device(int vramIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(vramIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vramIndex, 30);
        return new MemoryLocation(vramIndex + 2);
    }

    /// <summary>
    /// VRAM of a device that is named: of another one than the VM's, which needs a fast interconnect to it (ENOLINK without one). A prefetch
    /// there advises the memory there as well, as the driver takes regions of the VM's own device only; the advice stays.
    /// </summary>
    /// <param name="device">The device. The advice holds its memory; it may be disposed afterwards.</param>
    /// <param name="vramIndex">The number of the VRAM region, from 0.</param>
    public static MemoryLocation Device(XeDevice device, int vramIndex = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new MemoryLocation(Device(vramIndex)._value, device);
    }

    /// <inheritdoc/>
    public bool Equals(MemoryLocation other) => _value == other._value && ReferenceEquals(Peer, other.Peer);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is MemoryLocation other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value;

    /// <summary><c>default</c>, <c>system</c>, <c>device(n)</c> or, of another device, <c>device(n) of NODE</c>.</summary>
    public override string ToString() => IsDefault ? "default" : IsSystem ? "system"
        : string.Create(CultureInfo.InvariantCulture, $"device({VramIndex}){(Peer is null ? "" : $" of {Peer.Node.Path}")}");
}

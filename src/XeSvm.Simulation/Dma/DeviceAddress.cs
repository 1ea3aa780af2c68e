namespace XeSvm.Simulation.Dma;

/// <summary>The address space that a device address belongs to.</summary>
internal enum DeviceAddressKind : byte
{
    /// <summary>No address.</summary>
    None,

    /// <summary>A DMA address of system memory.</summary>
    System,

    /// <summary>The device's own memory.</summary>
    Vram,

    /// <summary>A DMA address of another device's memory.</summary>
    Peer,
}

/// <summary>Where a device finds a folio or piece (struct drm_pagemap_addr).</summary>
internal struct DeviceAddress
{
    /// <summary>The address, in the space that <see cref="Kind"/> says.</summary>
    public ulong Value;

    /// <summary>The address's space.</summary>
    public DeviceAddressKind Kind;

    /// <summary>2^Order pages lie there.</summary>
    public byte Order;

    /// <summary>The direction it was mapped for.</summary>
    public DmaDirection Direction;

    /// <summary>An address of system memory.</summary>
    public static DeviceAddress System(ulong value, byte order, DmaDirection direction) =>
        new() { Value = value, Kind = DeviceAddressKind.System, Order = order, Direction = direction };
}

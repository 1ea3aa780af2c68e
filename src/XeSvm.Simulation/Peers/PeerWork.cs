using System.Runtime.CompilerServices;
using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Peers;

/// <summary>Bytes for each <see cref="PeerRoute"/>; index 0 is what went through system memory.</summary>
[InlineArray(RouteCount)]
internal struct RouteBytes
{
    /// <summary>Routes, with none.</summary>
    public const int RouteCount = 5;

    private ulong _first;
}

/// <summary>What mapping and copying between devices did, in exact units of work.</summary>
internal struct PeerWork
{
    /// <summary>Work in the initiators' IOMMU spaces.</summary>
    public DmaWork Initiator;

    /// <summary>Work in the targets' fabric spaces: writes to page tables that lie on the target.</summary>
    public DmaWork Target;

    /// <summary>Addresses made without any translation: network, bus and local addresses.</summary>
    public ulong Direct;

    /// <summary>Mappings of device memory through an IOMMU: each carries the MMIO attribute and needs no CPU cache maintenance.</summary>
    public ulong Mmio;

    /// <summary>Cookies that device_iova_alloc gave out.</summary>
    public ulong CookieAlloc;

    /// <summary>Cookies given back.</summary>
    public ulong CookieFree;

    /// <summary>Bytes copied over each route.</summary>
    public RouteBytes Bytes;

    /// <summary>Adds other work to this.</summary>
    public void Add(in PeerWork other)
    {
        Initiator.Add(in other.Initiator);
        Target.Add(in other.Target);
        Direct += other.Direct;
        Mmio += other.Mmio;
        CookieAlloc += other.CookieAlloc;
        CookieFree += other.CookieFree;
        for (int i = 0; i < RouteBytes.RouteCount; i++)
        {
            Bytes[i] += other.Bytes[i];
        }
    }
}

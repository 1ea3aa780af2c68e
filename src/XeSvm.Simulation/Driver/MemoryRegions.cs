namespace XeSvm.Simulation.Driver;

/// <summary>Instances and placement bits of memory regions.</summary>
internal static class MemoryRegions
{
    public const ushort SystemInstance = 0;
    public const ushort FirstVramInstance = 1;
    public const uint SystemBit = 1u << SystemInstance;
    public const uint FirstVramBit = 1u << FirstVramInstance;

    /// <summary>Prefetch to wherever madvise says (DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC).</summary>
    public const uint ConsultMadvise = uint.MaxValue;
}

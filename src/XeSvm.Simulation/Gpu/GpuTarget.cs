namespace XeSvm.Simulation.Gpu;

/// <summary>One translated piece of GPU memory, good until the access section ends.</summary>
internal unsafe struct GpuTarget
{
    /// <summary>How the piece is reached.</summary>
    public GpuTargetKind Kind;

    /// <summary>Masked GPU address of the first byte.</summary>
    public ulong Address;

    /// <summary>Host address of the first byte, for <see cref="GpuTargetKind.Direct"/> and <see cref="GpuTargetKind.DevicePage"/>.</summary>
    public byte* Host;

    /// <summary>Bus address of the first byte, for <see cref="GpuTargetKind.Bus"/>.</summary>
    public GpuBusAddress BusAddress;

    /// <summary>How many bytes the translation holds for: to the end of the leaf, or of the 4 KiB page where access goes page by page.</summary>
    public ulong Length;
}

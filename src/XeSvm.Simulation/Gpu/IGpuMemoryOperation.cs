namespace XeSvm.Simulation.Gpu;

/// <summary>What is done to each translated piece of a range; implemented by structs, so that the loop is compiled for each.</summary>
internal interface IGpuMemoryOperation
{
    /// <summary>What it wants of memory.</summary>
    static abstract GpuAccess Access { get; }

    /// <summary>Does the next bytes of the range; -EAGAIN does nothing and asks for a page fault.</summary>
    int Apply(GpuTargetAccess targets, in GpuTarget target, int length);
}

/// <summary>Copies the range to a buffer.</summary>
internal unsafe struct ReadOperation(byte* destination) : IGpuMemoryOperation
{
    private byte* _destination = destination;

    public static GpuAccess Access => GpuAccess.Read;

    public int Apply(GpuTargetAccess targets, in GpuTarget target, int length)
    {
        int result = targets.Read(target, _destination, length);
        _destination += result < 0 ? 0 : length;
        return result;
    }
}

/// <summary>Copies a buffer to the range.</summary>
internal unsafe struct WriteOperation(byte* source) : IGpuMemoryOperation
{
    private byte* _source = source;

    public static GpuAccess Access => GpuAccess.Write;

    public int Apply(GpuTargetAccess targets, in GpuTarget target, int length)
    {
        int result = targets.Write(target, _source, length);
        _source += result < 0 ? 0 : length;
        return result;
    }
}

/// <summary>Fills the range with the byte that a page-sized buffer is full of.</summary>
internal readonly unsafe struct FillOperation(byte* page) : IGpuMemoryOperation
{
    private readonly byte* _page = page;

    public static GpuAccess Access => GpuAccess.Write;

    public int Apply(GpuTargetAccess targets, in GpuTarget target, int length)
    {
        if (target.Kind != GpuTargetKind.Direct)
        {
            return targets.Write(target, _page, length);
        }

        new Span<byte>(target.Host, length).Fill(*_page);
        return 0;
    }
}

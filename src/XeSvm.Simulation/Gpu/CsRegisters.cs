namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The registers of one command streamer that user batches may reach (xe_engine_regs.h). They belong to the context, so they live from batch
/// to batch. As in any batch without privilege, a register that is not of these reads 0, and what is written to it, or to one that is
/// read-only, is dropped.
/// </summary>
internal sealed class CsRegisters(EngineClass engine)
{
    /// <summary>How many general purpose registers of 64 bits there are (CS_GPR).</summary>
    public const int GeneralPurposeCount = 16;

    private const uint OffsetMask = 0x7f_fffc;
    private const uint BankBytes = 0x1000;
    private const uint GeneralPurposeOffset = 0x600;
    private const uint GeneralPurposeEnd = GeneralPurposeOffset + (GeneralPurposeCount * sizeof(ulong));
    private const uint HeaderOffset = 0x68; // RING_IPEHR
    private const uint ActiveHeadOffset = 0x74; // RING_ACTHD
    private const uint ActiveHeadUpperOffset = 0x5c; // RING_ACTHD_UDW
    private const uint BatchOffset = 0x140; // RING_BBADDR
    private const uint BatchUpperOffset = 0x168; // RING_BBADDR_UDW
    private const uint TimestampOffset = 0x358; // RING_TIMESTAMP
    private const uint ContextTimestampOffset = 0x3a8; // RING_CTX_TIMESTAMP
    private const uint QueueTimestampOffset = 0x4c0; // RING_QUEUE_TIMESTAMP
    private const uint PredicateResult2Offset = 0x3bc;
    private const uint PredicateSource0Offset = 0x400;
    private const uint PredicateSource1Offset = 0x408;
    private const uint PredicateDataOffset = 0x410;
    private const uint PredicateResultOffset = 0x418;
    private const uint PredicateResult1Offset = 0x41c;

    private readonly uint _base = MmioBase(engine);
    private readonly ulong[] _generalPurpose = new ulong[GeneralPurposeCount];
    private ulong _predicateSource0;
    private ulong _predicateSource1;
    private ulong _predicateData;
    private uint _predicateResult;
    private uint _predicateResult1;
    private uint _predicateResult2;
    private ulong _contextTicks;
    private ulong _runStart;

    /// <summary>Address of the command that is executed.</summary>
    public ulong CommandAddress { get; set; }

    /// <summary>Its first dword.</summary>
    public uint CommandHeader { get; set; }

    /// <summary>Where the batch began.</summary>
    public ulong BatchAddress { get; set; }

    /// <summary>What predicated commands depend on.</summary>
    public bool Predicate
    {
        get => (_predicateResult & 1) != 0;
        set => _predicateResult = value ? 1U : 0;
    }

    /// <summary>First value that MI_PREDICATE compares.</summary>
    public ulong PredicateSource0 => _predicateSource0;

    /// <summary>Second value that MI_PREDICATE compares.</summary>
    public ulong PredicateSource1 => _predicateSource1;

    private ulong ContextTicks => _contextTicks + (GpuClock.Ticks - _runStart);

    /// <summary>Whether a dword of a command can name a register.</summary>
    public static bool IsRegister(uint dword) => (dword & ~OffsetMask) == 0;

    /// <summary>A general purpose register, 0 to 15.</summary>
    public ref ulong GeneralPurpose(int index) => ref _generalPurpose[index];

    /// <summary>The context gets the engine: its time runs.</summary>
    public void BeginRun() => _runStart = GpuClock.Ticks;

    /// <summary>The context leaves the engine: its time stands still.</summary>
    public void EndRun()
    {
        _contextTicks = ContextTicks;
        _runStart = 0;
    }

    /// <summary>Reads 32 bits.</summary>
    /// <param name="register">An MMIO offset, or one from the engine's base.</param>
    /// <param name="csRelative">Which of the two.</param>
    public uint Read(uint register, bool csRelative)
    {
        if (!TryFind(register, csRelative, out uint offset))
        {
            return 0;
        }

        if (offset is >= GeneralPurposeOffset and < GeneralPurposeEnd)
        {
            return Half(_generalPurpose[(offset - GeneralPurposeOffset) / sizeof(ulong)], offset);
        }

        return offset switch
        {
            HeaderOffset => CommandHeader,
            ActiveHeadOffset => (uint)CommandAddress,
            ActiveHeadUpperOffset => (uint)(CommandAddress >> 32),
            BatchOffset => (uint)BatchAddress,
            BatchUpperOffset => (uint)(BatchAddress >> 32),
            TimestampOffset or TimestampOffset + 4 => Half(GpuClock.Ticks, offset),
            ContextTimestampOffset or ContextTimestampOffset + 4 => Half(ContextTicks, offset),
            QueueTimestampOffset or QueueTimestampOffset + 4 => Half(ContextTicks, offset),
            PredicateSource0Offset or PredicateSource0Offset + 4 => Half(_predicateSource0, offset),
            PredicateSource1Offset or PredicateSource1Offset + 4 => Half(_predicateSource1, offset),
            PredicateDataOffset or PredicateDataOffset + 4 => Half(_predicateData, offset),
            PredicateResultOffset => _predicateResult,
            PredicateResult1Offset => _predicateResult1,
            PredicateResult2Offset => _predicateResult2,
            _ => 0,
        };
    }

    /// <summary>Writes 32 bits.</summary>
    /// <param name="register">An MMIO offset, or one from the engine's base.</param>
    /// <param name="csRelative">Which of the two.</param>
    /// <param name="value">What.</param>
    public void Write(uint register, bool csRelative, uint value)
    {
        if (!TryFind(register, csRelative, out uint offset))
        {
            return;
        }

        if (offset is >= GeneralPurposeOffset and < GeneralPurposeEnd)
        {
            SetHalf(ref _generalPurpose[(offset - GeneralPurposeOffset) / sizeof(ulong)], offset, value);
            return;
        }

        switch (offset)
        {
            case PredicateSource0Offset or PredicateSource0Offset + 4:
                SetHalf(ref _predicateSource0, offset, value);
                break;
            case PredicateSource1Offset or PredicateSource1Offset + 4:
                SetHalf(ref _predicateSource1, offset, value);
                break;
            case PredicateDataOffset or PredicateDataOffset + 4:
                SetHalf(ref _predicateData, offset, value);
                break;
            case PredicateResultOffset:
                _predicateResult = value;
                break;
            case PredicateResult1Offset:
                _predicateResult1 = value;
                break;
            case PredicateResult2Offset:
                _predicateResult2 = value;
                break;
        }
    }

    /// <summary>Where the registers of a class's first instance begin (RENDER_RING_BASE and so on in xe_engine_regs.h).</summary>
    private static uint MmioBase(EngineClass engine) => engine switch
    {
        EngineClass.Render => 0x2000,
        EngineClass.Copy => 0x22000,
        EngineClass.Compute => 0x1a000,
        EngineClass.VideoDecode => 0x1c0000,
        EngineClass.VideoEnhance => 0x1c8000,
        _ => 0,
    };

    private static uint Half(ulong value, uint offset) => (uint)(value >> (int)((offset & 4) * 8));

    private static void SetHalf(ref ulong register, uint offset, uint value)
    {
        int shift = (int)((offset & 4) * 8);
        register = (register & ~((ulong)uint.MaxValue << shift)) | (ulong)value << shift;
    }

    private bool TryFind(uint register, bool csRelative, out uint offset)
    {
        offset = csRelative ? register : register - _base;
        return offset < BankBytes;
    }
}

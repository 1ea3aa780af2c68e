namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Executes batches: fetches, decodes by <see cref="CommandTable"/>, and lets the commands act on memory. Whatever a batch contains, it
/// either ends, fails, or runs until it is asked to stop. One of a queue that may fault steps aside between commands when its group says so. Used by
/// one thread; allocates nothing.
/// </summary>
internal sealed unsafe class CommandStreamer(GpuMemoryView memory, EngineClass engine, StopRequest stop, UserFenceWaiters? waiters = null, EngineGroup? group = null)
{
    /// <summary>A command's result that ends the batch without error.</summary>
    public const int EndOfBatch = 1;

    private const uint CacheLine = 64;

    // Fetching ahead as far as a small prefetcher: enough that fetches are not what a long batch spends its time on.
    private const uint WindowBytes = 256;

    // A batch that spins for the CPU's sake gives its processor away now and then.
    private const int JumpsPerYield = 64;

    // A command that waits for memory looks often at first, as whoever stores may run on another processor; then each millisecond.
    private const int BusyPauses = 20;
    private const int YieldingPauses = 100;
    private const int PauseSpins = 20;
    private const int PauseMilliseconds = 1;

    private readonly uint[] _window = new uint[Command.LongestDwords];
    private ulong _windowStart;
    private uint _windowLength;
    private ulong _position;
    private uint _fetchAhead;
    private int _jumps;
    private ulong _returnAddress;
    private bool _inSecondLevel;
    private string? _reason;

    /// <summary>The context's registers.</summary>
    public CsRegisters Registers { get; } = new(engine);

    /// <summary>Commands executed since creation.</summary>
    public long CommandCount { get; private set; }

    /// <summary>Why the last batch that failed did so.</summary>
    public BatchError LastError { get; private set; }

    /// <summary>Executes a batch: 0 at its end, -ECANCELED when asked to stop, or the negative errno that <see cref="LastError"/> explains.</summary>
    /// <param name="batch">GPU address of the first command.</param>
    public int Run(ulong batch)
    {
        _reason = null;
        _inSecondLevel = false;
        int result = Jump(batch);
        if (result < 0)
        {
            return Fail(result, batch, 0, "batch address");
        }

        Registers.BatchAddress = batch;
        Registers.BeginRun();
        while (result == 0)
        {
            result = stop.IsRequested || (group is { Suspends: true } && !group.Yield(stop)) ? -Errno.ECANCELED : Step();
        }

        Registers.EndRun();
        return Math.Min(result, 0);
    }

    /// <summary>The result of a command that is malformed.</summary>
    /// <param name="reason">What is wrong with it; a constant.</param>
    internal int Malformed(string reason)
    {
        _reason = reason;
        return -Errno.EINVAL;
    }

    /// <summary>Goes to a level of batches before a jump. On the way from the first to the second, the way back is remembered.</summary>
    internal void EnterLevel(bool second)
    {
        if (second && !_inSecondLevel)
        {
            _returnAddress = _position;
        }

        _inSecondLevel = second;
    }

    /// <summary>Ends the level: 0, and goes on behind the start of a second-level batch, or <see cref="EndOfBatch"/>.</summary>
    internal int Return()
    {
        if (!_inSecondLevel)
        {
            return EndOfBatch;
        }

        _inSecondLevel = false;
        return Jump(_returnAddress);
    }

    /// <summary>Lets a command that waits for memory look again after a while, which gets longer: true when it was asked to stop instead.</summary>
    /// <param name="attempt">How often it has looked before.</param>
    internal bool Pause(int attempt)
    {
        if (group is { Suspends: true })
        {
            return !group.Yield(stop);
        }

        if (attempt >= YieldingPauses)
        {
            return stop.Wait(PauseMilliseconds);
        }

        if (attempt < BusyPauses)
        {
            Thread.SpinWait(PauseSpins);
        }
        else
        {
            Thread.Yield();
        }

        return stop.IsRequested;
    }

    /// <summary>Wakes everybody who waits for a user fence (MI_USER_INTERRUPT).</summary>
    internal void RaiseUserInterrupt() => waiters?.Wake();

    /// <summary>Goes on at another address, and fetches it anew: the CPU may have changed what was fetched before.</summary>
    internal int Jump(ulong address)
    {
        if ((address & (sizeof(uint) - 1)) != 0)
        {
            return -Errno.EINVAL;
        }

        _position = address;
        _windowLength = 0;
        _fetchAhead = CacheLine;
        if (++_jumps % JumpsPerYield == 0)
        {
            Thread.Yield();
        }

        return 0;
    }

    /// <summary>Loads a dword.</summary>
    internal int Load(ulong address, out uint value)
    {
        uint loaded = 0;
        int result = memory.Read(address, &loaded, sizeof(uint));
        value = loaded;
        return result;
    }

    /// <summary>Stores a dword or a qword.</summary>
    internal int Store(ulong address, ulong value, int size)
    {
        DropWindow(address, (ulong)size);
        return memory.Write(address, &value, size);
    }

    /// <summary>Stores dwords one after the other, or qwords, each in one piece where memory has it aligned.</summary>
    internal int StoreAll(ulong address, ReadOnlySpan<uint> dwords, bool asQwords)
    {
        int step = asQwords ? 2 : 1;
        int result = 0;
        for (int index = 0; index < dwords.Length && result == 0; index += step)
        {
            ulong value = asQwords ? dwords[index] | (ulong)dwords[index + 1] << 32 : dwords[index];
            result = Store(address + ((ulong)index * sizeof(uint)), value, step * sizeof(uint));
        }

        return result;
    }

    /// <summary>Changes a dword or a qword atomically.</summary>
    internal int Atomic(ulong address, in AtomicOperation operation)
    {
        DropWindow(address, (ulong)operation.Size);
        int result = memory.Atomic(address, operation);
        return result == -Errno.EOPNOTSUPP ? Refused(result) : result;
    }

    /// <summary>Copies memory.</summary>
    internal int Copy(ulong destination, ulong source, ulong length)
    {
        DropWindow(destination, length);
        return memory.Copy(destination, source, length);
    }

    /// <summary>Fills memory.</summary>
    internal int Fill(ulong address, byte value, ulong length)
    {
        DropWindow(address, length);
        return memory.Fill(address, value, length);
    }

    private int Refused(int error)
    {
        _reason = "memory of this kind takes 4-byte additions of -2048 to 2047 only";
        return error;
    }

    private int Step()
    {
        ulong address = _position;
        int result = Fetch(1, out ReadOnlySpan<uint> dwords);
        if (result < 0)
        {
            return Fail(result, address, 0, "command fetch");
        }

        uint header = dwords[0];
        Command? command = CommandTable.Find(header);
        if (command is null)
        {
            return Fail(-Errno.EINVAL, address, header, "unknown command");
        }

        int length = command.Length(header);
        result = !command.RunsOn(engine) ? Malformed("this engine does not have it")
            : length == 0 ? Malformed("it has no form of that length")
            : Fetch(length, out dwords);
        if (result == 0)
        {
            Registers.CommandAddress = address;
            Registers.CommandHeader = header;
            _position += (uint)length * sizeof(uint);
            result = command.Execute(this, dwords);
            CommandCount++;
        }

        return result < 0 ? Fail(result, address, header, command.Name) : result;
    }

    /// <summary>The dwords at the position, from the window where it has them.</summary>
    private int Fetch(int dwords, out ReadOnlySpan<uint> command)
    {
        uint bytes = (uint)dwords * sizeof(uint);
        ulong offset = _position - _windowStart;
        if (offset >= _windowLength || _windowLength - offset < bytes)
        {
            int result = FillWindow(bytes);
            if (result < 0)
            {
                command = default;
                return result;
            }

            offset = 0;
        }

        command = _window.AsSpan((int)(offset / sizeof(uint)), dwords);
        return 0;
    }

    /// <summary>
    /// Fetches at least some bytes from the position, and ahead to the end of a cache line, or of a few when the batch runs straight on; never
    /// into the next page for more than the command needs, as that page may not exist.
    /// </summary>
    private int FillWindow(uint bytes)
    {
        uint toLineEnd = CacheLine - (uint)(_position & (CacheLine - 1));
        uint toPageEnd = (uint)(GpuPageTable.PageSize - (_position & (GpuPageTable.PageSize - 1)));
        uint ahead = Math.Min(toLineEnd + _fetchAhead - CacheLine, toPageEnd);
        uint length = Math.Max(bytes, Math.Min(ahead, WindowBytes));
        _windowLength = 0;
        _fetchAhead = WindowBytes;
        fixed (uint* window = _window)
        {
            int result = memory.Read(_position, window, (int)length);
            if (result < 0)
            {
                return result;
            }
        }

        _windowStart = _position;
        _windowLength = length;
        return 0;
    }

    /// <summary>Forgets what was fetched when a batch writes to itself.</summary>
    private void DropWindow(ulong address, ulong length)
    {
        if (address - _windowStart < _windowLength || _windowStart - address < length)
        {
            _windowLength = 0;
        }
    }

    private int Fail(int error, ulong address, uint header, string what)
    {
        LastError = new BatchError(error, address, header, what) { Reason = _reason };
        return error;
    }
}

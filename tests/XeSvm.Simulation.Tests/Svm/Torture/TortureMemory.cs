using System.Globalization;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>
/// Memory that CPU threads and GPU queues change at the same time, and a model of what every byte of it must be. Each actor has lines of
/// its own in every page, so that pages are shared and bytes are not. Whoever accesses a block holds its lock shared; who replaces its
/// memory, exclusively.
/// </summary>
internal sealed unsafe class TortureMemory : IDisposable
{
    public const ulong Block = 2 << 20;
    public const int BlockPages = 512;
    public const int Line = 64;
    public const int Lines = 32;
    private const int PageBytes = 4096;
    private const int PiecePages = 16;
    private const int PiecesOfBlock = BlockPages / PiecePages;
    private const int PrivateAnonymousAtFreeAddress = 0x100022; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
    private const int HoleSpins = 3000;

    /// <summary>
    /// Far below everything else. The kernel gives whoever maps memory without naming an address the highest gap that is large enough
    /// (vm_unmapped_area_topdown), or one above 42 TiB (the legacy layout), so a hole down here stays a hole: no stack, file or code of the
    /// runtime comes to lie in it.
    /// </summary>
    private const ulong FirstAddress = 1UL << 44;
    private const ulong AddressStep = 1UL << 30;

    private readonly ReaderWriterLockSlim[] _locks;
    private readonly uint[] _values;

    public TortureMemory(int blocks)
    {
        Blocks = blocks;
        Address = MapFarBelow((ulong)blocks * Block);
        _locks = [.. Enumerable.Range(0, blocks).Select(_ => new ReaderWriterLockSlim())];
        _values = GC.AllocateArray<uint>(blocks * BlockPages * Lines, pinned: true);
    }

    public int Blocks { get; }

    public int Pages => Blocks * BlockPages;

    public ulong Address { get; }

    public ulong Bytes => (ulong)Blocks * Block;

    /// <summary>Where a line is.</summary>
    public ulong AddressOf(int page, int line) => Address + ((ulong)page * PageBytes) + ((ulong)line * Line);

    /// <summary>What the first word of a line must be; the other words follow from it (<see cref="WordOf"/>).</summary>
    public ref uint ValueOf(int page, int line) => ref _values[(page * Lines) + line];

    /// <summary>A word of a line that the CPU has written.</summary>
    public static uint WordOf(uint value, int word) => value == 0 ? 0 : value * (uint)((word * 2) + 1);

    public void EnterShared(int block) => _locks[block].EnterReadLock();

    public void ExitShared(int block) => _locks[block].ExitReadLock();

    /// <summary>
    /// Drops the content of some pages of a block: the pages are given back, a new mapping takes the place of the old one, or there is a hole
    /// for a while and then a new mapping.
    /// </summary>
    public void Drop(int block, Random random)
    {
        _locks[block].EnterWriteLock();
        try
        {
            (int first, int count) = random.Next(4) == 0 ? (0, BlockPages) : (random.Next(PiecesOfBlock) * PiecePages, PiecePages);
            nuint bytes = (nuint)count * PageBytes;
            nint address = (nint)(Address + ((ulong)block * Block) + ((ulong)first * PageBytes));
            switch (random.Next(3))
            {
                case 0:
                    Assert.Equal(0, SystemCalls.Advise(address, bytes, MemoryAdvice.DontNeed));
                    break;
                case 1:
                    Assert.Equal(0, SystemCalls.MoveMapping((nint)DrmClient.Map(bytes), bytes, address));
                    break;
                default:
                    UnmapAndMap(address, bytes);
                    break;
            }

            _values.AsSpan(((block * BlockPages) + first) * Lines, count * Lines).Clear();
        }
        finally
        {
            _locks[block].ExitWriteLock();
        }
    }

    /// <summary>Forks while nobody writes to a block, and has the child look at it.</summary>
    /// <returns>Null when the child has found every byte as it must be, else what is wrong.</returns>
    public string? Fork(int block)
    {
        _locks[block].EnterWriteLock();
        try
        {
            fixed (uint* values = &_values[block * BlockPages * Lines])
            {
                int status = ForkedCheck.Run((uint*)(Address + ((ulong)block * Block)), values);
                return status == 0 ? null : $"a child found block {block} wrong, or did not come to its end: status {status:x}";
            }
        }
        finally
        {
            _locks[block].ExitWriteLock();
        }
    }

    /// <summary>Writes a whole line.</summary>
    public void Write(int page, int line, uint value)
    {
        uint* words = (uint*)AddressOf(page, line);
        for (int word = 0; word < Line / 4; word++)
        {
            Volatile.Write(ref words[word], WordOf(value, word));
        }

        ValueOf(page, line) = value;
    }

    /// <summary>Null when a line that the CPU writes is as it must be, else what is wrong with it.</summary>
    public string? CheckWhole(int page, int line)
    {
        uint value = ValueOf(page, line);
        uint* words = (uint*)AddressOf(page, line);
        for (int word = 0; word < Line / 4; word++)
        {
            uint found = Volatile.Read(ref words[word]);
            if (found != WordOf(value, word))
            {
                return $"page {page}, line {line}, word {word}: {found:x}, expected {WordOf(value, word):x}";
            }
        }

        return null;
    }

    /// <summary>Null when a line of which the GPU writes the first word is as it must be, else what is wrong with it.</summary>
    /// <param name="page">The page.</param>
    /// <param name="line">The line.</param>
    /// <param name="other">Another value that is right too: of a job that may or may not have been done.</param>
    public string? CheckWord(int page, int line, uint other)
    {
        uint* words = (uint*)AddressOf(page, line);
        uint found = Volatile.Read(ref words[0]);
        return found == ValueOf(page, line) || found == other ? CheckZero(page, line, 1)
            : $"page {page}, line {line}: {found:x}, expected {ValueOf(page, line):x}";
    }

    /// <summary>Null when the rest of a line is zero.</summary>
    public string? CheckZero(int page, int line, int firstWord)
    {
        var words = new ReadOnlySpan<uint>((uint*)AddressOf(page, line) + firstWord, (Line / 4) - firstWord);
        int wrong = words.IndexOfAnyExcept(0u);
        return wrong < 0 ? null : $"page {page}, line {line}, word {wrong + firstWord}: {words[wrong]:x}, expected 0";
    }

    /// <summary>The mappings of this process in and around the memory, for a finding that they may explain.</summary>
    public string DescribeMappings()
    {
        var lines = new List<string>();
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            int dash = line.IndexOf('-', StringComparison.Ordinal);
            ulong start = ulong.Parse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            ulong end = ulong.Parse(line.AsSpan(dash + 1, line.IndexOf(' ', StringComparison.Ordinal) - dash - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (start < Address + Bytes && end > Address)
            {
                lines.Add(line);
            }
        }

        return string.Join('\n', lines);
    }

    public void Dispose()
    {
        DrmClient.Unmap(Address, Bytes);
        Array.ForEach(_locks, entry => entry.Dispose());
    }

    private static ulong MapFarBelow(ulong bytes)
    {
        for (ulong address = FirstAddress; ; address += AddressStep)
        {
            int result = TryMap(address, bytes);
            if (result == 0)
            {
                Assert.Equal(0, SystemCalls.Advise((nint)address, (nuint)bytes, MemoryAdvice.NoHugePage));
                return address;
            }

            Assert.True(result == -Errno.EEXIST, $"{bytes} bytes cannot be mapped at {address:x}: {Errno.Describe(result)}");
        }
    }

    private static int TryMap(ulong address, ulong bytes)
    {
        ulong mapped;
        return (int)NativeMethods.xesvm_mmap(address, bytes, (int)MemoryProtection.ReadWrite, PrivateAnonymousAtFreeAddress, -1, 0, &mapped);
    }

    private void UnmapAndMap(nint address, nuint bytes)
    {
        Assert.Equal(0, SystemCalls.Unmap(address, bytes));
        Thread.SpinWait(HoleSpins);
        int result = TryMap((ulong)address, bytes);
        Assert.True(result == 0, $"a hole at {address:x} cannot be filled: {Errno.Describe(result)}; mappings:\n{DescribeMappings()}");
    }
}

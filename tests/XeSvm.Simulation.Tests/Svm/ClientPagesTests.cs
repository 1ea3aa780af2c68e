using System.Diagnostics;

using XeSvm.Interop.LibC;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>
/// Kinds of pages that a client's memory may have: which of them migrate, and that those that do not stay where they are with the right data,
/// whatever the GPU asks for.
/// </summary>
[Trait("Rule", "svm 5")]
public sealed unsafe class ClientPagesTests : IDisposable
{
    private const ulong Block = 2 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private const int Pages = 512;
    private const uint AtomicIncrement = 0x17800501;

    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 64 << 20 });
    private readonly ulong _memory = GpuClient.Map(Block, Block);
    private readonly byte[] _content = new byte[Block];

    public ClientPagesTests() => new Random(11).NextBytes(_content);

    private Span<byte> Memory => new((void*)_memory, (int)Block);

    private bool IsInVram => _gpu.Counter("device_allocations", "backend") != 0;

    public void Dispose()
    {
        _gpu.Dispose();
        GpuClient.Unmap(_memory, Block);
    }

    [SkippableFact]
    [Trait("Rule", "svm 5.3.huge")]
    public void A_transparent_huge_page_migrates_and_comes_back_with_its_content()
    {
        SkipWithoutCpuFaults();
        MakeHuge();
        for (uint round = 0; round < 2; round++)
        {
            Store(0x123008, round);
            AssertHasLeft();
            Assert.True(Memory.SequenceEqual(_content));
            Assert.Equal(Pages, CpuPageTable.Entries(_memory, Pages));

            // What came home in small pages goes the same way once it is a huge page again.
            Skip.If(SystemCalls.Advise((nint)_memory, (nuint)Block, MemoryAdvice.Collapse) < 0, "The kernel does not collapse the pages (MADV_COLLAPSE).");
            Assert.Equal(Block, CpuPageTable.HugeBytes(_memory));
            Assert.True(Memory.SequenceEqual(_content));
        }
    }

    [SkippableFact]
    [Trait("Rule", "svm 5.3.huge")]
    public void A_part_of_a_huge_page_migrates_alone_and_the_rest_keeps_its_content()
    {
        SkipWithoutCpuFaults();
        MakeHuge();

        // No 2 MiB chunk fits the mapping any more, so the range has 64 KiB. The rest stays mapped: nobody else's memory may come there.
        Assert.Equal(0, SystemCalls.Protect((nint)(_memory + Block - 0x10000), 0x10000, MemoryProtection.None));
        Store(0x30008, 77);
        Assert.Equal(1, _gpu.Counter("svm_64K_migrate_count"));
        Assert.Equal(0, CpuPageTable.Entries(_memory + 0x30000, 16));
        Assert.Equal(Pages - 32, CpuPageTable.Entries(_memory, Pages - 16));
        Assert.True(Memory[..^0x10000].SequenceEqual(_content.AsSpan()[..^0x10000]));
    }

    [SkippableTheory]
    [InlineData(0u, Pages)]
    [InlineData(0x100000u, 1)]
    public void Locked_memory_migrates_and_is_locked_when_it_is_home_again(uint at, int pages)
    {
        SkipWithoutCpuFaults();
        _content.CopyTo(Memory);
        int locked = PagePins.Lock(_memory + at, (ulong)pages * 4096);
        Skip.If(locked < 0, $"{pages} pages of memory cannot be locked: {Errno.Describe(locked)}");
        AssertMigrates();
        Assert.Equal((ulong)pages * 4096, CpuPageTable.LockedBytes(_memory + at));

        // Home by the copy engine and not by a touch; then unlocked where it is.
        Assert.Equal(0, _gpu.Prefetch(_memory, Block, region: 1));
        AssertHasLeft();
        Assert.Equal(0, _gpu.Prefetch(_memory, Block, region: 0));
        Assert.Equal(Pages, CpuPageTable.Entries(_memory, Pages));
        Assert.Equal(0, _gpu.Prefetch(_memory, Block, region: 1));
        Assert.Equal(0, PagePins.Unlock(_memory + at, (ulong)pages * 4096));
        AssertHasLeft();
        Assert.True(Memory.SequenceEqual(_content));
        Assert.Equal(0ul, CpuPageTable.LockedBytes(_memory + at));
        AssertMigrates();
    }

    [SkippableFact]
    [Trait("Rule", "svm 5.3.collect")]
    public void A_registered_buffer_of_io_uring_keeps_the_whole_range_in_system_memory()
    {
        SkipWithoutCpuFaults();
        _content.CopyTo(Memory);
        int ring = PagePins.RegisterBuffer(_memory + 0x5000, 100);
        Skip.If(ring < 0, $"There is no io_uring to pin a page with: {Errno.Describe(ring)}");
        AssertStays();
        PagePins.Close(ring);

        // The kernel lets go of the buffer some time after the close.
        Assert.True(SpinWait.SpinUntil(() => _gpu.Prefetch(_memory, Block, region: 1) == 0 && IsInVram, TimeSpan.FromMinutes(2)), "The page stays pinned.");
        AssertHasLeft();
        Assert.True(Memory.SequenceEqual(_content));
    }

    [SkippableFact]
    public void Pages_in_a_pipe_keep_what_they_had_and_the_memory_gets_what_the_GPU_stores()
    {
        SkipWithoutCpuFaults();
        _content.CopyTo(Memory);
        Assert.Equal(0, PagePins.OpenPipe(out int reader, out int writer));
        Assert.Equal(4 * 4096, PagePins.Splice(writer, _memory + 0x5000, 4 * 4096));
        Store(0x100008, 5);
        Assert.Equal(0, _gpu.Prefetch(_memory, Block, region: 1));
        Store(0x100010, 6);
        Assert.True(Memory.SequenceEqual(_content));
        byte[] read = new byte[4 * 4096];
        Assert.Equal(read.Length, PagePins.Read(reader, read));
        Assert.True(read.AsSpan().SequenceEqual(_content.AsSpan(0x5000, read.Length)));
        Assert.True(Memory.SequenceEqual(_content));
        PagePins.Close(reader);
        PagePins.Close(writer);
        AssertMigrates();
    }

    [SkippableFact]
    public void Direct_reads_into_memory_that_migrates_all_the_time_deliver_every_byte()
    {
        SkipWithoutCpuFaults();
        const int rounds = 60;
        const ulong half = Block / 2;
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, _content);
        int file = PagePins.OpenDirect(path);
        if (file < 0)
        {
            File.Delete(path);
            Skip.If(true, $"Files in {Path.GetTempPath()} cannot be read directly (O_DIRECT): {Errno.Describe(file)}");
        }

        _content.CopyTo(Memory);
        var wrong = new List<string>();
        bool done = false;
        long begin = Stopwatch.GetTimestamp();
        var reader = new Thread(() =>
        {
            // More than that where this thread has been faster than the migrations so far.
            for (int round = 0; (round < rounds || (_gpu.Counter("svm_cpu_copy_kb") == 0 && Stopwatch.GetElapsedTime(begin) < s_patience)) && wrong.Count == 0; round++)
            {
                // The two halves of the file by turns, so that a read that did not arrive shows.
                ulong offset = (ulong)(round & 1) * half;
                ReadAll(file, (long)offset, _memory, half, wrong);
                if (!Memory[..(int)half].SequenceEqual(_content.AsSpan((int)offset, (int)half)))
                {
                    wrong.Add($"round {round}: what was read is not what the file has");
                }
            }

            Volatile.Write(ref done, true);
        });
        reader.Start();
        uint stored = 0;
        int failed = 0;
        while (!Volatile.Read(ref done) && failed == 0)
        {
            failed = _gpu.Prefetch(_memory, Block, region: 1);
            failed = failed < 0 ? failed : _gpu.Store(_memory + half + 8, ++stored);
        }

        reader.Join();
        PagePins.Close(file);
        File.Delete(path);
        Assert.Empty(wrong);
        Assert.Equal(0, failed);
        Assert.True(_gpu.Counter("svm_cpu_copy_kb") > 0, "No read met memory in VRAM, so nothing was tested.");
        Assert.Equal(stored, *(uint*)(_memory + half + 8));
        BitConverter.TryWriteBytes(_content.AsSpan((int)half + 8), stored);
        Assert.True(Memory[(int)half..].SequenceEqual(_content.AsSpan((int)half)));
        Assert.Equal("clean\n", _gpu.File.ReadDebugFile("dma_audit").Text);
    }

    [SkippableFact]
    [Trait("Rule", "svm 5.3.swapped")]
    public void Swapped_pages_come_to_the_device_with_their_content()
    {
        SkipWithoutCpuFaults();
        using SwapArea swap = SwapArea.Provide();
        _content.CopyTo(Memory);
        Assert.Equal(0, SystemCalls.Advise((nint)_memory, (nuint)Block, MemoryAdvice.PageOut));
        Skip.If(CpuPageTable.Swapped(_memory, Pages) == 0, "The kernel has swapped nothing out (MADV_PAGEOUT).");
        Store(0x100008, 5);
        Assert.True(Memory.SequenceEqual(_content));
        AssertMigrates();
    }

    [SkippableFact]
    public void Memory_that_was_never_touched_gets_pages_only_by_the_touch_that_brings_it_home()
    {
        SkipWithoutCpuFaults();
        Assert.Equal(0, CpuPageTable.Entries(_memory, Pages));
        Store(0x100008, 5);
        Assert.Equal(0, _gpu.Counter("migrate_to_device.bytes_copied", "dma"));
        AssertHasLeft();
        Assert.Equal(5u, *(uint*)(_memory + 0x100008));
        Assert.Equal(Pages, CpuPageTable.Entries(_memory, Pages));
        Assert.Equal(1, Memory.Length - Memory.Count((byte)0));
    }

    /// <summary>Reads all of a piece. A read that meets device pages may end early, with EFAULT where system calls do not bring them home.</summary>
    private static void ReadAll(int file, long offset, ulong address, ulong bytes, List<string> wrong)
    {
        for (ulong done = 0; done < bytes;)
        {
            int result = PagePins.Read(file, address + done, bytes - done, offset + (long)done);
            if (result is < 0 and not -Errno.EFAULT)
            {
                wrong.Add($"read: {Errno.Describe(result)}");
                return;
            }

            if (result < 0)
            {
                Interlocked.Add(ref *(int*)(address + done), 0);
                continue;
            }

            // A direct read goes on at a boundary of the file's blocks.
            done += (ulong)result & ~4095UL;
        }
    }

    private void SkipWithoutCpuFaults() =>
        Skip.If(_gpu.IsCoherent, "Without userfaultfd pages stay in the CPU's page table, whatever they are.");

    private void MakeHuge()
    {
        Assert.Equal(0, SystemCalls.Advise((nint)_memory, (nuint)Block, MemoryAdvice.HugePage));
        _content.CopyTo(Memory);
        Skip.If(CpuPageTable.HugeBytes(_memory) != Block, "The kernel has not given a transparent huge page.");
    }

    /// <summary>The GPU stores into the memory; the wanted content changes likewise.</summary>
    private void Store(int offset, uint value)
    {
        Assert.Equal(0, _gpu.Store(_memory + (ulong)offset, value));
        BitConverter.TryWriteBytes(_content.AsSpan(offset), value);
    }

    private void AssertHasLeft()
    {
        Assert.True(IsInVram, _gpu.Backend);
        Assert.Equal(0, CpuPageTable.Entries(_memory, Pages));
        Assert.Equal(0, CpuPageTable.Resident(_memory, Block));
    }

    private void AssertMigrates()
    {
        Assert.Equal(0, _gpu.Prefetch(_memory, Block, region: 1));
        AssertHasLeft();
        Assert.True(Memory.SequenceEqual(_content));
    }

    /// <summary>A store works in system memory, an atomic that has to have VRAM is refused, and no byte changes but the stored ones.</summary>
    private void AssertStays()
    {
        long attempts = _gpu.Counter("svm_2M_migrate_count");
        Store(0x180008, 0xC0FFEE);
        Assert.Equal(1, _gpu.Counter("svm_2M_migrate_count") - attempts);
        Assert.False(IsInVram);
        Assert.Equal(Pages, CpuPageTable.Entries(_memory, Pages));
        Assert.True(Memory.SequenceEqual(_content));

        uint queue = _gpu.CreateQueue(_gpu.Vm);
        ulong target = _memory + 0x180010;
        Assert.Equal(-Errno.EIO, _gpu.Run(queue, _gpu.Control, [AtomicIncrement, (uint)target, (uint)(target >> 32)]));
        Assert.False(IsInVram);
        Assert.True(Memory.SequenceEqual(_content));
        Assert.Equal("clean\n", _gpu.File.ReadDebugFile("dma_audit").Text);
    }
}

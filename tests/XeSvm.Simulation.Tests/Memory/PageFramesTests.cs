using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Gpu.Support;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Memory;

public unsafe class PageFramesTests(ITestOutputHelper output)
{
    private const ulong Address = 0x7f00_0020_0000;

    private readonly UnreachableClientMemory _client = new();

    [Fact]
    public void A_block_is_found_by_any_address_in_it()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock block = frames.Block(_client, Address + 0x1f_ffff);
        Assert.Equal(Address, block.Address);
        Assert.Same(block, frames.Block(_client, Address));
        Assert.NotSame(block, frames.Block(_client, Address + 0x20_0000));
        Assert.NotSame(block, frames.Block(new UnreachableClientMemory(), Address));
    }

    [Fact]
    public void A_frame_resolves_to_its_client_byte_while_it_is_in_use()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock block = frames.Block(_client, Address);
        ulong physical = block.Acquire(5);
        Assert.True(frames.TryResolve(physical + 0x123, out ResolvedFrame frame));
        Assert.Same(_client, frame.Client);
        Assert.Equal(Address + 0x5123, frame.ClientAddress);
        Assert.True(frame.Host is null);
        block.Release(5);
        Assert.False(frames.TryResolve(physical, out _));
        Assert.True(frames.Contains(physical));
    }

    [Fact]
    public void A_page_in_use_keeps_its_frame_until_its_last_user_releases_it()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock block = frames.Block(_client, Address);
        ulong first = block.Acquire(7);
        ulong second = block.Acquire(7);
        Assert.Equal(first, second);
        block.Release(7);
        Assert.True(frames.TryResolve(first, out _));
        block.Release(7);
        Assert.False(frames.TryResolve(first, out _));
        Assert.Equal(0, block.PagesInUse);
    }

    [Fact]
    public void Staged_content_is_found_at_its_host_address_and_the_next_use_starts_in_place()
    {
        PageFrames frames = new(PageLayout.Parse("contiguous"));
        PageFrameBlock block = frames.Block(_client, Address);
        byte staging = 0;
        ulong physical = block.Acquire(1);
        block.Acquire(0);
        block.SetHost(1, &staging);
        Assert.True(frames.TryResolve(physical + 16, out ResolvedFrame frame));
        Assert.True(frame.Host == &staging + 16);
        block.SetHost(1, null);
        Assert.True(frames.TryResolve(physical, out frame));
        Assert.True(frame.Host is null);

        block.SetHost(1, &staging);
        block.Release(1);
        Assert.Equal(physical, block.Acquire(1));
        Assert.True(frames.TryResolve(physical, out frame));
        Assert.True(frame.Host is null);
    }

    [Fact]
    public void A_released_extent_is_used_again_only_after_many_others()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock block = frames.Block(_client, Address);
        HashSet<ulong> seen = [];
        for (int i = 0; i < 60; i++)
        {
            ulong physical = block.Acquire(0);
            Assert.True(seen.Add(physical), "A released frame came back at once.");
            block.Release(0);
            Assert.All(seen, old => Assert.False(frames.TryResolve(old, out _)));
        }

        for (int i = 0; i < 1000; i++)
        {
            block.Acquire(0);
            block.Release(0);
        }

        Assert.InRange(frames.Extents, 60, 70);
    }

    [Theory]
    [InlineData("huge", 9)]
    [InlineData("contiguous", 0)]
    public void Only_page_0_of_a_huge_folio_has_an_order(string layout, int order)
    {
        PageFrameBlock block = new PageFrames(PageLayout.Parse(layout)).Block(_client, Address);
        Assert.Equal(order, block.Order(0));
        Assert.Equal(0, block.Order(1));
    }

    [Fact]
    public void A_huge_folio_is_aligned_to_2_MiB_of_physical_memory()
    {
        PageFrameBlock block = new PageFrames(PageLayout.Parse("huge")).Block(_client, Address);
        Assert.Equal(0UL, block.Acquire(0) % (2UL << 20));
    }

    [Fact]
    public void Releasing_what_is_not_in_use_is_refused()
    {
        PageFrameBlock block = new PageFrames(PageLayout.Parse("huge")).Block(_client, Address);
        Assert.Throws<InvalidOperationException>(() => block.Release(0));
        block.Acquire(1);
        Assert.Throws<InvalidOperationException>(() => block.Release(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => block.Acquire(512));
        Assert.Throws<ArgumentOutOfRangeException>(() => block.Release(-1));
        Assert.Equal(1, block.PagesInUse);
    }

    [Fact]
    public void Addresses_that_are_no_frames_do_not_resolve()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        frames.Block(_client, Address).Acquire(0);
        Assert.False(frames.TryResolve(0, out _));
        Assert.False(frames.TryResolve(PageFrames.FirstPhysical - 1, out _));
        Assert.False(frames.TryResolve(PageFrames.FirstPhysical + (1UL << 22), out _));
        Assert.False(frames.TryResolve(ulong.MaxValue, out _));

        // Frame 600 of the extent belongs to no page.
        Assert.False(frames.TryResolve(PageFrames.FirstPhysical + (600UL << 12), out _));
        Assert.False(frames.Contains(PageFrames.FirstPhysical - 1));
    }

    [Fact]
    public void A_client_that_is_gone_is_forgotten_but_for_pages_in_use()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock used = frames.Block(_client, Address);
        PageFrameBlock unused = frames.Block(_client, 0);
        used.Acquire(0);
        used.Acquire(1);
        Assert.Equal(2, frames.Forget(_client));
        Assert.Same(used, frames.Block(_client, Address));
        Assert.NotSame(unused, frames.Block(_client, 0));
    }

    [Fact]
    public void Acquire_and_release_of_a_warm_block_allocate_nothing()
    {
        PageFrames frames = new(PageLayout.Parse("scattered"));
        PageFrameBlock block = frames.Block(_client, Address);
        Allocations.AssertNone(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                frames.Block(_client, Address).Acquire(i);
                block.Release(i);
            }
        });
    }

    [Fact]
    public void Frames_of_concurrent_users_are_always_their_own()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        PageFrames frames = new(PageLayout.Parse("scattered"));
        Thread[] threads = new Thread[8];
        string?[] errors = new string?[threads.Length];
        for (int t = 0; t < threads.Length; t++)
        {
            int thread = t;
            threads[t] = new Thread(() => errors[thread] = UseFrames(frames, new Random(seed + thread), thread));
            threads[t].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.All(errors, Assert.Null);
    }

    /// <summary>Half of the blocks are shared between two threads; a frame in use must resolve to its own page whatever the others do.</summary>
    private string? UseFrames(PageFrames frames, Random random, int thread)
    {
        for (int i = 0; i < 20_000; i++)
        {
            ulong address = Address + ((ulong)((thread / 2) + (random.Next(4) * 4)) << 21);
            int page = random.Next(512);
            PageFrameBlock block = frames.Block(_client, address);
            ulong physical = block.Acquire(page);
            ulong expected = address + ((ulong)page << 12);
            if (!frames.TryResolve(physical, out ResolvedFrame frame) || frame.ClientAddress != expected)
            {
                return $"Frame 0x{physical:x} of 0x{expected:x} resolved to 0x{frame.ClientAddress:x}.";
            }

            block.Release(page);
        }

        return null;
    }
}

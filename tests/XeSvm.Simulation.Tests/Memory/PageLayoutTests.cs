using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Memory;

public class PageLayoutTests
{
    [Theory]
    [InlineData("scattered")]
    [InlineData("descending")]
    [InlineData("contiguous")]
    [InlineData("contiguous-unaligned")]
    [InlineData("huge")]
    [InlineData("runs:1")]
    [InlineData("runs:7")]
    [InlineData("runs:256")]
    [InlineData("runs:512")]
    public void A_layout_has_its_name_and_gives_each_page_a_frame_of_its_own(string name)
    {
        PageLayout layout = PageLayout.Parse(name);
        Assert.Equal(name, layout.Name);
        ushort[] frames = Place(layout);
        Assert.Equal(512, frames.Distinct().Count());
        Assert.All(frames, frame => Assert.InRange(frame, 0, 1023));
    }

    [Fact]
    public void Scattered_pages_never_lie_next_to_each_other_in_either_direction()
    {
        ushort[] frames = Place(PageLayout.Parse("scattered"));
        for (int i = 1; i < frames.Length; i++)
        {
            Assert.NotEqual(1, Math.Abs(frames[i] - frames[i - 1]));
        }
    }

    [Fact]
    public void Runs_are_exactly_as_long_as_asked_for_every_length()
    {
        for (int length = 1; length <= 512; length++)
        {
            ushort[] frames = Place(PageLayout.Parse($"runs:{length}"));
            Assert.Equal(512, frames.Distinct().Count());
            Assert.True(frames.Max() < 1024);
            for (int i = 1; i < frames.Length; i++)
            {
                Assert.Equal(i % length != 0, frames[i] == frames[i - 1] + 1);
            }
        }
    }

    [Theory]
    [InlineData("contiguous", 0)]
    [InlineData("huge", 0)]
    [InlineData("contiguous-unaligned", 3)]
    public void Contiguous_layouts_differ_in_alignment_only(string name, int first)
    {
        ushort[] frames = Place(PageLayout.Parse(name));
        Assert.Equal(Enumerable.Range(first, 512).Select(i => (ushort)i), frames);
    }

    [Fact]
    public void Descending_pages_lie_the_wrong_way_round()
    {
        ushort[] frames = Place(PageLayout.Parse("descending"));
        Assert.All(Enumerable.Range(1, 511), i => Assert.Equal(frames[i - 1] - 1, frames[i]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Scattered")]
    [InlineData("runs")]
    [InlineData("runs:")]
    [InlineData("runs:0")]
    [InlineData("runs:513")]
    [InlineData("runs:-1")]
    [InlineData("runs:8x")]
    public void A_name_that_is_no_layout_is_refused_with_the_valid_ones(string name)
    {
        FormatException error = Assert.Throws<FormatException>(() => PageLayout.Parse(name));
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("contiguous-unaligned", error.Message, StringComparison.Ordinal);
        Assert.Contains("runs:K with K from 1 to 512", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Real_frame_numbers_keep_their_runs_and_follow_nothing_else()
    {
        ulong[] numbers = new ulong[512];
        for (int i = 0; i < 512; i++)
        {
            // Runs of 3 in descending order, every 50th page missing.
            numbers[i] = i % 50 == 0 ? 0 : 100_000 - ((ulong)(i / 3) * 3) + (ulong)(i % 3);
        }

        ushort[] frames = new ushort[512];
        PageLayoutActual.PlaceNumbers(numbers, frames);
        Assert.Equal(512, frames.Distinct().Count());
        Assert.True(frames.Max() < 1024);
        for (int i = 1; i < 512; i++)
        {
            Assert.Equal(numbers[i] != 0 && numbers[i] == numbers[i - 1] + 1, frames[i] == frames[i - 1] + 1);
        }
    }

    [Theory]
    [InlineData(512 * 7, 0)]
    [InlineData((512 * 7) + 1, 1)]
    public void A_block_of_one_run_is_aligned_exactly_if_it_really_is(int first, int frame)
    {
        ulong[] numbers = [.. Enumerable.Range(first, 512).Select(number => (ulong)number)];
        ushort[] frames = new ushort[512];
        PageLayoutActual.PlaceNumbers(numbers, frames);
        Assert.Equal(Enumerable.Range(frame, 512).Select(i => (ushort)i), frames);
    }

    [Fact]
    public void Pages_without_numbers_are_all_apart()
    {
        ushort[] frames = new ushort[512];
        PageLayoutActual.PlaceNumbers(new ulong[512], frames);
        Assert.Equal(512, frames.Distinct().Count());
        Assert.True(frames.Max() < 1024);
        Assert.All(Enumerable.Range(1, 511), i => Assert.NotEqual(1, Math.Abs(frames[i] - frames[i - 1])));
    }

    [SkippableFact]
    public unsafe void The_actual_layout_places_blocks_of_this_process()
    {
        Skip.IfNot(PageLayoutActual.IsReadable, "This process may not see its frame numbers (CAP_SYS_ADMIN).");
        PageFrames frames = new(PageLayout.Parse("actual"));
        void* memory = System.Runtime.InteropServices.NativeMemory.AlignedAlloc(2 << 20, 2 << 20);
        System.Runtime.InteropServices.NativeMemory.Fill(memory, 2 << 20, 1);
        PageFrameBlock block = frames.Block(new UnreachableClientMemory(), (ulong)memory);
        for (int page = 0; page < 512; page++)
        {
            ulong physical = block.Acquire(page);
            Assert.True(frames.TryResolve(physical, out ResolvedFrame frame));
            Assert.Equal((ulong)memory + ((ulong)page << 12), frame.ClientAddress);
        }

        System.Runtime.InteropServices.NativeMemory.AlignedFree(memory);
    }

    [SkippableFact]
    public void Without_permission_the_actual_layout_is_refused_with_the_reason()
    {
        Skip.If(PageLayoutActual.IsReadable, "This process may see its frame numbers.");
        Assert.Contains("CAP_SYS_ADMIN", Assert.Throws<FormatException>(() => PageLayout.Parse("actual")).Message, StringComparison.Ordinal);
    }

    private static ushort[] Place(PageLayout layout)
    {
        ushort[] frames = new ushort[PageLayout.BlockPages];
        layout.Place(frames);
        return frames;
    }
}

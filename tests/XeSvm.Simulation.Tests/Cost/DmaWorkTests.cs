using System.Runtime.CompilerServices;
using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Tests.Cost;

public class DmaWorkTests
{
    [Fact]
    public void Every_field_is_a_counter_with_its_name_in_snake_case_and_in_order()
    {
        string[] fields = [.. typeof(DmaWork).GetFields().Where(field => !field.IsStatic).Select(field => field.Name)];
        Assert.Equal(fields.Length * sizeof(ulong), Unsafe.SizeOf<DmaWork>());
        Assert.Equal(fields, DmaWork.Names.ToArray().Select(name => string.Concat(name.Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]))));
        DmaWork work = default;
        for (int i = 0; i < fields.Length; i++)
        {
            typeof(DmaWork).GetField(fields[i])!.SetValueDirect(__makeref(work), (ulong)(i + 1));
        }

        Assert.Equal(Enumerable.Range(1, fields.Length).Select(i => (ulong)i), work.Values.ToArray());
        Assert.True(work.TryGet("iova_free", out ulong third));
        Assert.Equal(3UL, third);
        Assert.False(work.TryGet("iova_freed", out _));
    }

    [Fact]
    public void Work_is_added_and_subtracted_counter_by_counter()
    {
        DmaWork a = new() { LinkCalls = 5, PteSet = 7 };
        DmaWork b = new() { LinkCalls = 2, Errors = 1 };
        a.Add(in b);
        Assert.Equal(new DmaWork { LinkCalls = 7, PteSet = 7, Errors = 1 }, a);
        Assert.Equal(new DmaWork { LinkCalls = 5, PteSet = 7 }, a.Subtract(in b));
        ArgumentException error = Assert.Throws<ArgumentException>(() => b.Subtract(new DmaWork { LinkCalls = 3 }));
        Assert.Contains("'link_calls' ran backwards: 3 before, 2 after", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_of_work_reads_back_as_the_same_work()
    {
        DmaWork work = default;
        for (int i = 0; i < work.Values.Length; i++)
        {
            work.Values[i] = ((ulong)i * 1000) + 3;
        }

        string text = work.ToString();
        Assert.StartsWith("iova_alloc_magazine: 3\niova_alloc_tree: 1003\n", text, StringComparison.Ordinal);
        Assert.Equal(work, DmaWork.Parse(text));
        Assert.Equal(work, DmaWork.Parse(text.Replace("\n", "\r\n\r\n", StringComparison.Ordinal)));
        Assert.Equal(default, DmaWork.Parse(""));
    }

    [Theory]
    [InlineData("link_calls 5", "Line 1: 'link_calls 5' has no ':'")]
    [InlineData("link_calls: 5\nlinks: 5", "Line 2: 'links' is no counter; the counters are iova_alloc_magazine,")]
    [InlineData("\nlink_calls: -5", "Line 2: '-5' is no whole number of 0 or more")]
    [InlineData("link_calls: 99999999999999999999", "Line 1: '99999999999999999999'")]
    [InlineData("link_calls:", "Line 1: ''")]
    [InlineData("pte_set: 1\npte_set: 1", "Line 2: counter 'pte_set' is given twice")]
    public void Text_that_is_no_work_is_refused_with_the_line(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => DmaWork.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Counters_of_operations_are_kept_by_purpose_and_read_back_from_their_text()
    {
        OperationCounters counters = new();
        counters.Add(DmaPurpose.MigrateToDevice, new DmaWork { LinkCalls = 512 });
        counters.Add(DmaPurpose.MigrateToDevice, new DmaWork { LinkCalls = 1, SyncCalls = 1 });
        counters.Add(DmaPurpose.Deferred, new DmaWork { InvalLazyFull = 2 });
        string text = counters.Format();
        Assert.Contains("migrate_to_device.link_calls: 513\n", text, StringComparison.Ordinal);
        Assert.Contains("deferred.inval_lazy_full: 2\n", text, StringComparison.Ordinal);
        Assert.Equal(5 * DmaWork.Names.Length, text.Count(c => c == '\n'));
        OperationCounters read = OperationCounters.Parse(text);
        Assert.Equal(text, read.Format());
        Assert.Equal(new DmaWork { LinkCalls = 513, SyncCalls = 1, InvalLazyFull = 2 }, read.ReadAll());
        Assert.Equal(Enum.GetValues<DmaPurpose>().Length, OperationCounters.PurposeNames.Length);
    }

    [Theory]
    [InlineData("link_calls: 5", "Line 1: 'link_calls: 5' does not begin with a purpose")]
    [InlineData("migrate.link_calls: 5", "the purposes are migrate_to_device, migrate_to_system, get_pages, buffer_object, deferred")]
    [InlineData("\ndeferred.link: 5", "Line 2: 'link' is no counter")]
    public void Text_that_is_no_counters_is_refused_with_the_line(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => OperationCounters.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Counters_lose_nothing_that_threads_add_at_once()
    {
        OperationCounters counters = new();
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                counters.Add(DmaPurpose.GetPages, new DmaWork { LinkCalls = 1, PteSet = 3 });
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(new DmaWork { LinkCalls = 80_000, PteSet = 240_000 }, counters.Read(DmaPurpose.GetPages));
    }
}

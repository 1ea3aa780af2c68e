using CsCheck;
using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class CounterSnapshotTests
{
    [Fact]
    public void Order_and_unknown_counters_are_kept()
    {
        CounterSnapshot snapshot = CounterSnapshot.Parse("zebra: 3\nsvm_2M_migrate_us: 5\r\n\nant: 18446744073709551615\n", "stats");

        Assert.Equal(
            [new Counter("zebra", 3, 1), new Counter("svm_2M_migrate_us", 5, 2), new Counter("ant", ulong.MaxValue, 4)],
            snapshot.Counters);
        Assert.True(snapshot.TryGet("ant", out Counter ant));
        Assert.Equal(4, ant.Line);
        Assert.False(snapshot.TryGet("ANT", out _));
    }

    [Theory]
    [InlineData("a: 1\nsvm_2M_migr\n", "stats: line 2: 'svm_2M_migr' has no colon")]
    [InlineData("a: 1\nb: twelve\n", "stats: line 2: 'b: twelve' has a value that is not a whole number")]
    [InlineData("a: 1\nb: -3\n", "stats: line 2: 'b: -3' has a value that is not a whole number")]
    [InlineData("a: 1\nb:\n", "stats: line 2: 'b:' has a value that is not a whole number")]
    [InlineData("a: 1\nb: 18446744073709551616\n", "stats: line 2: 'b: 18446744073709551616' has a value")]
    [InlineData("a: 1\n: 3\n", "stats: line 2: ': 3' does not begin with the name of a counter")]
    [InlineData("a: 1\nb c: 3\n", "stats: line 2: 'b c: 3' does not begin with the name of a counter")]
    [InlineData("a: 1\nb: 2\na: 3\n", "stats: line 3: 'a: 3' names a counter that line 1 has already")]
    [InlineData("a: 1\nsvm_2M_migrate_us: 6879", "stats: line 2: 'svm_2M_migrate_us: 6879' is the last line and has no newline")]
    [InlineData("", "stats: line 1: the text is empty")]
    [InlineData(" \n\n", "stats: line 1: the text is empty")]
    public void A_text_that_is_not_whole_names_the_line_and_its_content(string text, string expected)
    {
        CounterTextException exception = Assert.Throws<CounterTextException>(() => CounterSnapshot.Parse(text, "stats"));

        Assert.StartsWith(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Foreign_bytes_reach_a_message_only_as_escapes_and_cut()
    {
        CounterTextException exception = Assert.Throws<CounterTextException>(
            () => CounterSnapshot.Parse("\u001b[31m" + new string('x', 500) + "\n", "stats"));

        Assert.DoesNotContain('\u001b', exception.Message);
        Assert.Contains("\\u001b[31m", exception.Message, StringComparison.Ordinal);
        Assert.InRange(exception.Message.Length, 1, 250);
    }

    [Fact]
    public void Every_text_of_distinct_names_comes_back_as_written() =>
        Gen.Dictionary(Gen.String[Gen.Char['a', 'z'], 1, 12], Gen.ULong)[1, 40].Sample(counters =>
        {
            string text = string.Concat(counters.Select(counter => $"{counter.Key}: {counter.Value}\n"));

            CounterSnapshot snapshot = CounterSnapshot.Parse(text, "stats");

            Assert.Equal(counters, snapshot.Counters.Select(counter => KeyValuePair.Create(counter.Name, counter.Value)));
        });

    [Fact]
    public void No_text_does_worse_than_a_counter_text_exception() =>
        Gen.String[Gen.Frequency((6, Gen.Char["abz_019:: \n\n"]), (1, Gen.Char)), 0, 60].Sample(text =>
        {
            try
            {
                Assert.NotEmpty(CounterSnapshot.Parse(text, "stats").Counters);
            }
            catch (CounterTextException exception)
            {
                Assert.Contains("line", exception.Message, StringComparison.Ordinal);
            }
        });
}

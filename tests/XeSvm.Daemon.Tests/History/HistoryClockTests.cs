using Microsoft.Extensions.Time.Testing;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.History;

/// <summary>What a wall clock that is set does to the history: nothing is deleted that is not old by the clock that nobody sets.</summary>
public sealed class HistoryClockTests : IDisposable
{
    private static readonly DaemonSettings s_settings = new() { HistoryRawAge = TimeSpan.FromMinutes(20), HistoryMaximumAge = TimeSpan.FromMinutes(60) };

    private readonly TestFolder _folder = new();
    private readonly SettableTime _time = new();
    private HistoryStore _store;

    public HistoryClockTests() => _store = Open();

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(365)]
    [InlineData(3650)]
    public void A_clock_that_jumps_ahead_deletes_nothing_and_what_was_there_grows_old_as_if_it_had_not(int days)
    {
        Minutes(15);
        _time.Set(TimeSpan.FromDays(days));
        Minutes(4);

        Assert.Equal(19, Count("sample"));
        Assert.Equal(18, Count("minute"));

        // 31 minutes later the samples of the first 30 are gone, 56 later the first minutes.
        Minutes(31);
        Assert.InRange(Count("sample"), 20, 21);
        Assert.Equal(49, Count("minute"));
        Minutes(25);
        Assert.InRange(Count("sample"), 20, 21);
        Assert.InRange(Count("minute"), 59, 61);
    }

    [Fact]
    public void A_clock_that_jumps_ahead_and_back_leaves_ages_as_they_were()
    {
        Minutes(15);
        _time.Set(TimeSpan.FromDays(365));
        Minutes(2);
        _time.Set(TimeSpan.FromDays(-365));
        Minutes(3);
        Assert.Equal(20, Count("sample"));
        Assert.Equal(0, Count("jump"));

        Minutes(80);

        // What was written meanwhile is of a time to come; all else is as old as it is.
        Assert.InRange(Count("sample"), 20 + 2, 21 + 2);
        Assert.InRange(Count("minute"), 59, 61 + 2);
    }

    [Fact]
    public void A_clock_that_is_behind_at_the_start_and_set_later_deletes_nothing()
    {
        _time.Set(TimeSpan.FromDays(-20_000)); // a machine without a battery
        Minutes(10);
        _time.Set(TimeSpan.FromDays(20_000));
        Minutes(5);

        Assert.Equal(15, Count("sample"));
    }

    [Fact]
    public void While_the_daemon_is_off_nothing_grows_old_and_a_jump_outlives_it()
    {
        Minutes(15);
        _time.Set(TimeSpan.FromDays(365));
        Minutes(1);
        _store.Dispose();
        _time.Advance(TimeSpan.FromDays(2));
        _store = Open();
        Minutes(2);

        Assert.Equal(18, Count("sample"));
        Minutes(21);
        Assert.InRange(Count("sample"), 20, 21);
    }

    [Fact]
    public void A_clock_that_jumps_again_and_again_leaves_few_traces()
    {
        for (int jump = 0; jump < 100; jump++)
        {
            Minutes(1);
            _time.Set(TimeSpan.FromDays(1));
        }

        Minutes(1);
        Assert.InRange(Count("jump"), 1, 32);
        Assert.InRange(Count("sample"), 20, 101);
    }

    [Fact]
    public void A_database_that_is_too_large_loses_its_oldest_rows_only_also_when_the_clock_has_jumped()
    {
        DaemonSettings settings = s_settings with { HistoryMaximumSize = 1 << 20, HistoryRawAge = TimeSpan.FromDays(1) };
        _store.Maintain(_time.GetUtcNow(), settings);
        _store.Append([.. Enumerable.Range(0, 40_000).Select(second => Sample(_time.GetUtcNow().AddSeconds(second)))]);
        _time.Set(TimeSpan.FromDays(365));
        _store.Append([.. Enumerable.Range(0, 10_000).Select(second => Sample(_time.GetUtcNow().AddSeconds(second)))]);

        _store.Maintain(_time.GetUtcNow().AddSeconds(10_000), settings);

        // A tenth of the time would have been all rows from before the jump.
        Assert.InRange(_store.Query(connection => HistoryQueries.Scalar(
            connection, $"SELECT count(*) FROM sample WHERE time < {HistoryStore.Milliseconds(_time.GetUtcNow())}"), -1), 5_000, 39_999);
    }

    /// <summary>Lets minutes pass, each with a sample and maintenance.</summary>
    private void Minutes(int count)
    {
        for (int minute = 0; minute < count; minute++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            _store.Append([Sample(_time.GetUtcNow())]);
            _store.Maintain(_time.GetUtcNow(), s_settings);
        }
    }

    private long Count(string table) => _store.Query(connection => HistoryQueries.Scalar(connection, $"SELECT count(*) FROM {table}"), -1);

    private HistoryStore Open() => new(_folder.PathOf("h.db"), new FaultLog(new LogLines<FaultLog>()), _time, new LogLines<HistoryStore>());

    private static GtSample Sample(DateTimeOffset time) => new("a", "software", 0, time, 1, [default, default, new SizeFigures(1, 10, 3, 1)], 2048, 0);

    /// <summary>A wall clock that can be set; the monotonic one goes on.</summary>
    private sealed class SettableTime() : FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
        private TimeSpan _ahead;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _ahead;

        internal void Set(TimeSpan by) => _ahead += by;
    }
}

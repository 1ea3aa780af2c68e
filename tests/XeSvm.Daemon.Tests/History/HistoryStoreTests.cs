using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.History;

public sealed class HistoryStoreTests : IDisposable
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new(s_start);
    private readonly LogLines<HistoryStore> _log = new();
    private readonly FaultLog _faults = new(new LogLines<FaultLog>());

    private string DatabasePath => _folder.PathOf("h.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Samples_become_minutes_whose_sums_are_the_samples()
    {
        using HistoryStore store = Open();
        for (int second = 0; second < 150; second++)
        {
            store.Append([Sample(second, migrations: second), Sample(second, migrations: 1, device: "b")]);
        }

        store.Maintain(s_start.AddSeconds(150), new DaemonSettings());

        IReadOnlyList<HistoryPoint> minutes = Points(store, "a", TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1));
        Assert.Equal([s_start, s_start.AddMinutes(1)], minutes.Select(point => point.Time));
        Assert.Equal(Enumerable.Range(0, 60).Sum(), minutes[0].Figures.Sizes[2].Migrations);
        Assert.Equal(Enumerable.Range(60, 60).Sum(), minutes[1].Figures.Sizes[2].Migrations);
        Assert.Equal(60, minutes[0].Figures.Seconds, 6);
        Assert.Equal(60, Points(store, "b", TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1))[0].Figures.Sizes[2].Migrations);

        IReadOnlyList<HistoryPoint> raw = Points(store, "a", TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(10));
        Assert.Equal(15, raw.Count);
        Assert.Equal(Enumerable.Range(140, 10).Sum(), raw[^1].Figures.Sizes[2].Migrations);
    }

    [Fact]
    public void Minutes_that_a_killed_daemon_did_not_make_are_made_after_the_restart()
    {
        using (HistoryStore killed = Open())
        {
            for (int second = 0; second < 70; second++)
            {
                killed.Append([Sample(second, migrations: 1)]);
            }
        }

        using HistoryStore store = Open();
        store.Append([Sample(200, migrations: 1)]);
        store.Maintain(s_start.AddMinutes(4), new DaemonSettings());
        store.Maintain(s_start.AddMinutes(5), new DaemonSettings());

        Assert.Equal([60, 10, 1], Points(store, "a", TimeSpan.FromMinutes(6), TimeSpan.FromMinutes(1)).Select(point => point.Figures.Sizes[2].Migrations));
    }

    [Fact]
    public void What_is_too_old_goes_samples_sooner_than_minutes()
    {
        DaemonSettings settings = new() { HistoryRawAge = TimeSpan.FromMinutes(2), HistoryMaximumAge = TimeSpan.FromMinutes(10) };
        using HistoryStore store = Open();
        for (int minute = 0; minute < 20; minute++)
        {
            store.Append([Sample(minute * 60, migrations: 1)]);
            store.Maintain(s_start.AddMinutes(minute), settings);
        }

        Assert.Equal(3, store.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM sample"), -1));
        Assert.Equal(10, store.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM minute"), -1));
    }

    [Fact]
    public void A_database_that_grows_too_large_loses_its_oldest_part()
    {
        DaemonSettings settings = new() { HistoryMaximumSize = 1 << 20 };
        using HistoryStore store = Open();
        for (int batch = 0; batch < 20; batch++)
        {
            store.Append([.. Enumerable.Range(batch * 1000, 1000).SelectMany(second => Both(second))]);
        }

        store.Maintain(s_start.AddSeconds(20_000), settings);

        Assert.InRange(store.Size, 100_000, 1 << 20);

        // The write-ahead log comes on top, and is cut back to 4 MiB.
        Assert.InRange(Directory.GetFiles(_folder.FullPath).Sum(file => new FileInfo(file).Length), 100_000, 6 << 20);
        long oldest = store.Query(connection => HistoryQueries.Scalar(connection, "SELECT min(time) FROM sample"), -1);
        long newest = store.Query(connection => HistoryQueries.Scalar(connection, "SELECT max(time) FROM sample"), -1);
        Assert.True(oldest > HistoryStore.Milliseconds(s_start));
        Assert.Equal(HistoryStore.Milliseconds(s_start.AddSeconds(19_999)), newest);
    }

    [Theory]
    [InlineData("this is no database, and it is long enough to be read as the header of one, which has a hundred bytes at least")]
    public void A_file_that_is_no_database_is_set_aside_and_a_new_one_begun(string content)
    {
        _folder.Write("h.db", content);
        using HistoryStore store = Open();
        store.Append([Sample(1, migrations: 5)]);

        Assert.Equal(1, store.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM sample"), -1));
        string aside = Assert.Single(Directory.GetFiles(_folder.FullPath, "h.db.unusable-*"));
        Assert.Equal(content, File.ReadAllText(aside));
        Assert.Contains(_log.All, line => line.Contains("set aside", StringComparison.Ordinal));
    }

    [Fact]
    public void A_database_of_another_version_is_set_aside()
    {
        Change("PRAGMA user_version = 99; CREATE TABLE x(y);");

        using HistoryStore store = Open();
        store.Append([Sample(1, migrations: 5)]);

        Assert.Single(Directory.GetFiles(_folder.FullPath, "h.db.unusable-*"));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_a_fault_and_nothing_else()
    {
        string file = _folder.Write("file", "");
        using HistoryStore store = new(Path.Combine(file, "h.db"), _faults, _time, _log);

        store.Append([Sample(1, migrations: 1)]);
        store.Append([Sample(2, migrations: 1)]);
        store.AddEvent("x", "y");

        Assert.Equal("history", _faults.Ongoing.Single().Subject);
        Assert.Equal(7, store.Query(_ => 8, 7));
    }

    [Fact]
    public void Baselines_probes_and_events_come_back_as_they_were_written()
    {
        BaselineRow baseline = new(s_start, "a", "2M", "measured/kernel", 224.5, 3.25, "kernel 7.3");
        ProbeRow probe = new(s_start, "a", "2M", "measured/kernel", 220, 2, null, 80, "kernel 7.3", "within noise");
        using (HistoryStore store = Open())
        {
            Assert.True(store.SetBaseline(baseline with { Cpu = 1 }));
            Assert.True(store.SetBaseline(baseline));
            store.AddProbe(probe);
            store.AddEvent("alarm", "text; DROP TABLE event --");
        }

        using HistoryStore again = Open();
        Assert.Equal([baseline], again.Baselines());
        Assert.Equal([probe], again.Query(connection => HistoryQueries.Probes(connection, "a", 10), []));
        Assert.Empty(again.Query(connection => HistoryQueries.Probes(connection, "' OR 1=1 --", 10), [probe]));
        Assert.Equal([new EventRow(s_start, "alarm", "text; DROP TABLE event --")], again.Query(connection => HistoryQueries.Events(connection, 10), []));
    }

    [Fact]
    public void Long_questions_which_blocks_answer_have_the_sums_of_the_minutes_up_to_the_last_one()
    {
        const int Minutes = 137;
        using HistoryStore store = Open();
        for (int minute = 0; minute < Minutes; minute++)
        {
            store.Append([Sample(minute * 60, migrations: minute % 13), Sample((minute * 60) + 30, migrations: minute % 7, device: "b")]);
            store.Maintain(s_start.AddMinutes(minute), new DaemonSettings());
        }

        store.Maintain(s_start.AddMinutes(Minutes), new DaemonSettings());

        Assert.Equal(2 * 13, store.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM block"), -1));
        foreach ((string device, int modulus) in new[] { ("a", 13), ("b", 7) })
        {
            IReadOnlyList<HistoryPoint> points = Points(store, device, TimeSpan.FromMinutes(Minutes), TimeSpan.FromMinutes(20));
            Assert.Equal(
                Enumerable.Range(0, Minutes).GroupBy(minute => minute / 20).Select(slot => slot.Sum(minute => (long)(minute % modulus))),
                points.Select(point => point.Figures.Sizes[2].Migrations));
        }
    }

    [Fact]
    public void A_clock_that_is_set_back_loses_at_most_a_block_and_makes_minutes_and_blocks_again()
    {
        DaemonSettings settings = new();
        using HistoryStore store = Open();
        for (int minute = 0; minute < 40; minute++)
        {
            store.Append([Sample((60 * 60 * 24) + (minute * 60), migrations: 1)]);
            store.Maintain(s_start.AddDays(1).AddMinutes(minute), settings);
        }

        for (int minute = 0; minute < 40; minute++)
        {
            store.Append([Sample(minute * 60, migrations: 2)]);
            store.Maintain(s_start.AddMinutes(minute), settings);
        }

        long migrations = Points(store, "a", TimeSpan.FromMinutes(40), TimeSpan.FromMinutes(1)).Sum(point => point.Figures.Sizes[2].Migrations);
        Assert.InRange(migrations, 2 * 38, 2 * 40);
        Assert.InRange(Points(store, "a", TimeSpan.FromMinutes(40), TimeSpan.FromMinutes(10)).Sum(point => point.Figures.Sizes[2].Migrations), 2 * 30, 2 * 40);

        // What was written at the later time is there still, once.
        Assert.Equal(39, Points(store, "a", TimeSpan.FromDays(2), TimeSpan.FromMinutes(10)).Where(point => point.Time >= s_start.AddDays(1)).Sum(point => point.Figures.Sizes[2].Migrations));
    }

    [Fact]
    public void A_database_without_blocks_is_taken_over_and_they_are_made()
    {
        using (HistoryStore store = Open())
        {
            for (int minute = 0; minute <= 30; minute++)
            {
                store.Append([Sample(minute * 60, migrations: 1)]);
                store.Maintain(s_start.AddMinutes(minute), new DaemonSettings());
            }
        }

        Change("DROP TABLE block; ALTER TABLE progress DROP COLUMN blocks_until; PRAGMA user_version = 1;");

        using HistoryStore again = Open();
        again.Append([Sample(31 * 60, migrations: 1)]);
        Assert.Equal(30, Points(again, "a", TimeSpan.FromHours(1), TimeSpan.FromMinutes(1)).Count);
        again.Maintain(s_start.AddMinutes(31), new DaemonSettings());

        Assert.Equal([10, 10, 10, 1], Points(again, "a", TimeSpan.FromHours(1), TimeSpan.FromMinutes(10)).Select(point => point.Figures.Sizes[2].Migrations));
        Assert.Empty(Directory.GetFiles(_folder.FullPath, "h.db.unusable-*"));
    }

    [Fact]
    public void A_database_that_is_damaged_while_it_is_open_is_set_aside_and_a_new_one_begun()
    {
        using HistoryStore store = Open();
        store.Append([.. Enumerable.Range(0, 2000).SelectMany(second => Both(second))]);
        Change("PRAGMA wal_checkpoint(TRUNCATE)");
        using (FileStream file = new(DatabasePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = 4096;
            file.Write(Enumerable.Repeat((byte)0xa5, (int)file.Length - 4096).ToArray());
        }

        // A page that is damaged is noticed when it is read; another process's write made the cached ones stale.
        Change("PRAGMA user_version = 2");
        for (int second = 3000; second < 3010; second++)
        {
            store.Append([Sample(second, migrations: 1)]);
            _time.Advance(TimeSpan.FromSeconds(3));
        }

        Assert.Single(Directory.GetFiles(_folder.FullPath, "h.db.unusable-*"));
        Assert.Empty(_faults.Ongoing);
        Assert.InRange(store.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM sample"), -1), 1, 10);
    }

    [Fact]
    public void A_week_of_minutes_of_four_gts_is_answered_quickly()
    {
        const int LoadedMachine = 8; // the goal of 50 ms, and what a machine may need that runs other tests beside
        using HistoryStore store = Open();
        store.Append([Sample(0, 1), Sample(0, 1) with { Gt = 1 }, Sample(0, 1, "b"), Sample(0, 1, "b") with { Gt = 1 }]);
        Change($"""
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 10079)
            INSERT INTO minute SELECT id, {HistoryStore.Milliseconds(s_start)} + i * 60000, 60, {string.Join(", ", Enumerable.Repeat("i % 100", HistorySchema.Sums.Length - 1))} FROM n, series
            """);
        store.Maintain(s_start.AddDays(7), new DaemonSettings());

        TimeSpan best = TimeSpan.MaxValue;
        for (int attempt = 0; attempt < 10; attempt++)
        {
            long begin = Stopwatch.GetTimestamp();
            int points = store.Query(
                connection => HistoryQueries.Series(connection).Sum(series =>
                    HistoryQueries.Points(connection, series.Id, s_start, s_start.AddDays(7), TimeSpan.FromMinutes(40)).Count), 0);
            TimeSpan taken = Stopwatch.GetElapsedTime(begin);
            best = taken < best ? taken : best;
            Assert.Equal(4 * 252, points);
        }

        Assert.InRange(best.TotalMilliseconds, 0, 50 * LoadedMachine);
    }

    /// <summary>Does something with the database from outside.</summary>
    private void Change(string sql)
    {
        using SqliteConnection connection = new($"Data Source={DatabasePath};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static GtSample[] Both(int second) => [Sample(second, migrations: 1), Sample(second, migrations: 1, device: "b")];

    private HistoryStore Open() => new(DatabasePath, _faults, _time, _log);

    private static GtSample Sample(int second, long migrations, string device = "a") => new(
        device, "software", 0, s_start.AddSeconds(second), 1, [default, default, new SizeFigures(migrations, migrations * 10, migrations * 3, migrations)], 2048 * migrations, 0);

    private static IReadOnlyList<HistoryPoint> Points(HistoryStore store, string device, TimeSpan length, TimeSpan step) => store.Query(
        connection => HistoryQueries.Points(
            connection, HistoryQueries.Series(connection).Single(series => series.Device == device).Id, s_start, s_start + length, step),
        []);
}

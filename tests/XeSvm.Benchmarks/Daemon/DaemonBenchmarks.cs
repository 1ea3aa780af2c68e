using System.Globalization;
using BenchmarkDotNet.Attributes;
using Microsoft.Data.Sqlite;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Metrics;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Benchmarks.Daemon;

/// <summary>What questions to xesvmd cost: a scrape, and a week of history.</summary>
[Config(typeof(BenchmarkConfiguration))]
[TableDescription(
    "xesvmd with two software devices and a week of history (one row a minute for each GT), in this process. Scrape: the text of /metrics. ScrapeOverHttp: the same "
    + "with Kestrel and a client on one kept connection, whose bytes are counted too. Week*: 300 points of every GT at most; WeekOfMinutes adds the minutes up, as "
    + "was done before there were blocks of ten minutes; WeekOfBlocks is what is done; WeekOverHttp adds JSON, Kestrel and the client.")]
public class DaemonBenchmarks
{
    private const int MinutesOfAWeek = 7 * 24 * 60;
    private static readonly Uri s_metrics = new("/metrics", UriKind.Relative);
    private static readonly Uri s_week = new("/api/v1/history?last=7d&points=300", UriKind.Relative);

    private RunningDaemon _daemon = null!;
    private PrometheusExporter _exporter = null!;
    private HistoryStore _history = null!;
    private DateTimeOffset _until;

    /// <summary>Starts the daemon and gives it a past.</summary>
    [GlobalSetup]
    public async Task SetupAsync()
    {
        _daemon = await RunningDaemon.StartAsync("--software.device=dual-bmg", "--sampling.interval=1s");
        _exporter = _daemon.Get<PrometheusExporter>();
        _history = _daemon.Get<HistoryStore>();
        _until = DateTimeOffset.UtcNow;
        Execute(string.Create(CultureInfo.InvariantCulture, $"""
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {MinutesOfAWeek - 1})
            INSERT OR REPLACE INTO minute SELECT id, {_until.ToUnixTimeSeconds() / 60 * 60_000} - (i + 1) * 60000, 60, {string.Join(", ", Enumerable.Repeat("i % 100", HistorySchema.Sums.Length - 1))} FROM n, series;
            UPDATE progress SET blocks_until = 0;
            """));
        _history.Maintain(_until.AddMinutes(1), new DaemonSettings());
    }

    /// <summary>Stops it.</summary>
    [GlobalCleanup]
    public async Task CleanupAsync() => await _daemon.DisposeAsync();

    /// <summary>The text of a scrape.</summary>
    [Benchmark]
    public int Scrape() => _exporter.Collect().Length;

    /// <summary>A scrape as a client sees it.</summary>
    [Benchmark]
    public async Task<int> ScrapeOverHttp() => (await _daemon.Client.GetByteArrayAsync(s_metrics)).Length;

    /// <summary>A week, added up from minutes.</summary>
    [Benchmark]
    public int WeekOfMinutes() => _history.Query(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"""
                SELECT series, (time - $from) / 2040000 AS slot, {string.Join(", ", HistorySchema.Sums.Select(name => $"sum({name})"))}
                FROM minute WHERE time >= $from AND time < $until GROUP BY series, slot ORDER BY series, slot
                """;
            command.Parameters.AddWithValue("$from", _until.AddDays(-7).ToUnixTimeMilliseconds());
            command.Parameters.AddWithValue("$until", _until.ToUnixTimeMilliseconds());
            using SqliteDataReader reader = command.ExecuteReader();
            int rows = 0;
            while (reader.Read())
            {
                rows++;
            }

            return rows;
        },
        0);

    /// <summary>A week, from blocks.</summary>
    [Benchmark]
    public int WeekOfBlocks() => _history.Query(
        connection => HistoryQueries.Series(connection).Sum(series =>
            HistoryQueries.Points(connection, series.Id, _until.AddDays(-7), _until, TimeSpan.FromMinutes(40)).Count),
        0);

    /// <summary>A week as a client sees it.</summary>
    [Benchmark]
    public async Task<int> WeekOverHttp() => (await _daemon.Client.GetByteArrayAsync(s_week)).Length;

    private void Execute(string sql)
    {
        using SqliteConnection connection = new($"Data Source={_daemon.HistoryPath};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

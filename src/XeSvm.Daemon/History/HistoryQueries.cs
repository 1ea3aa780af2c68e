using System.Globalization;
using Microsoft.Data.Sqlite;
using XeSvm.Daemon.Sampling;

namespace XeSvm.Daemon.History;

/// <summary>Questions to the database.</summary>
internal static class HistoryQueries
{
    private const int ColumnsPerSize = 4;
    private const int FirstSize = 2; // behind slot and seconds
    private const int SizeCount = 3;

    internal static long Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    internal static IReadOnlyList<SeriesRow> Series(SqliteConnection connection) => Read(
        connection,
        "SELECT id, device, gt, backend FROM series ORDER BY device, gt, backend",
        row => new SeriesRow(row.GetInt64(0), row.GetString(1), row.GetInt32(2), row.GetString(3)));

    /// <summary>
    /// The points of a series: of single samples for stretches below a minute, of minutes, or, for stretches of ten minutes and more, of blocks and of the
    /// minutes that are in no block yet.
    /// </summary>
    /// <param name="connection">The database.</param>
    /// <param name="series">The series.</param>
    /// <param name="from">The first moment.</param>
    /// <param name="until">The moment after the last.</param>
    /// <param name="step">The length of a point's stretch.</param>
    internal static IReadOnlyList<HistoryPoint> Points(SqliteConnection connection, long series, DateTimeOffset from, DateTimeOffset until, TimeSpan step)
    {
        long stepMilliseconds = Math.Max(1, (long)step.TotalMilliseconds);
        long start = HistoryStore.Milliseconds(from);
        string rows = stepMilliseconds < HistoryMaintenance.MinuteMilliseconds ? Rows("sample", "time >= $from")
            : stepMilliseconds < HistoryMaintenance.BlockMilliseconds ? Rows("minute", "time >= $from")
            : $"{Rows("block", "time >= $from AND time < (SELECT blocks_until FROM progress)")} UNION ALL {Rows("minute", "time >= max($from, (SELECT blocks_until FROM progress))")}";
        return Read(
            connection,
            $"""
            SELECT (time - $from) / $step AS slot, {string.Join(", ", HistorySchema.Sums.Select(name => $"sum({name})"))}
            FROM ({rows}) GROUP BY slot ORDER BY slot
            """,
            row => new HistoryPoint(DateTimeOffset.FromUnixTimeMilliseconds(start + (row.GetInt64(0) * stepMilliseconds)), FiguresOf(row)),
            ("$series", series),
            ("$from", start),
            ("$until", HistoryStore.Milliseconds(until)),
            ("$step", stepMilliseconds));
    }

    private static string Rows(string table, string from) =>
        $"SELECT time, {string.Join(", ", HistorySchema.Sums)} FROM {table} WHERE series = $series AND {from} AND time < $until";

    internal static IReadOnlyList<ProbeRow> Probes(SqliteConnection connection, string? device, int limit) => Read(
        connection,
        "SELECT time, device, size, face, cpu, noise, share, migrations, context, verdict FROM probe WHERE $device IS NULL OR device = $device ORDER BY time DESC, id DESC LIMIT $limit",
        row => new ProbeRow(
            Time(row), row.GetString(1), row.GetString(2), row.GetString(3), row.GetDouble(4), row.GetDouble(5),
            row.IsDBNull(6) ? null : row.GetDouble(6), row.GetInt64(7), row.GetString(8), row.GetString(9)),
        ("$device", device is null ? DBNull.Value : device),
        ("$limit", limit));

    internal static IReadOnlyList<BaselineRow> Baselines(SqliteConnection connection) => Read(
        connection,
        "SELECT time, device, size, face, cpu, noise, context FROM baseline ORDER BY device, size, face",
        row => new BaselineRow(Time(row), row.GetString(1), row.GetString(2), row.GetString(3), row.GetDouble(4), row.GetDouble(5), row.GetString(6)));

    internal static IReadOnlyList<EventRow> Events(SqliteConnection connection, int limit) => Read(
        connection,
        "SELECT time, kind, text FROM event ORDER BY time DESC, id DESC LIMIT $limit",
        row => new EventRow(Time(row), row.GetString(1), row.GetString(2)),
        ("$limit", limit));

    private static DateTimeOffset Time(SqliteDataReader row) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(0));

    private static WindowFigures FiguresOf(SqliteDataReader row)
    {
        SizeFigures[] sizes = new SizeFigures[SizeCount];
        for (int index = 0; index < SizeCount; index++)
        {
            int column = FirstSize + (index * ColumnsPerSize);
            sizes[index] = new SizeFigures(row.GetInt64(column), row.GetInt64(column + 1), row.GetInt64(column + 2), row.GetInt64(column + 3));
        }

        int totals = FirstSize + (SizeCount * ColumnsPerSize);
        return new WindowFigures(row.GetDouble(1), sizes, row.GetInt64(totals), row.GetInt64(totals + 1));
    }

    private static List<T> Read<T>(
        SqliteConnection connection, string sql, Func<SqliteDataReader, T> convert, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        List<T> rows = [];
        using SqliteDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            rows.Add(convert(reader));
        }

        return rows;
    }
}

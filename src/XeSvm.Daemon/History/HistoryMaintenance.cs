using Microsoft.Data.Sqlite;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.History;

/// <summary>Keeps the database small and quick: samples become minutes, minutes blocks, old rows go, and when it is too large the oldest tenth goes.</summary>
internal static class HistoryMaintenance
{
    internal const long MinuteMilliseconds = 60_000;

    /// <summary>Ten minutes: what long questions are answered from, with a tenth of the rows.</summary>
    internal const long BlockMilliseconds = 10 * MinuteMilliseconds;

    private const int MostRounds = 20;
    private static readonly string[] s_longLived = ["minute", "block", "probe", "event", "jump"];

    /// <summary>Does what is due.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="now">The wall clock's time.</param>
    /// <param name="elapsed">Time since the call before, by the monotonic clock.</param>
    /// <param name="settings">The settings in force.</param>
    /// <returns>The database's size in bytes.</returns>
    internal static long Run(SqliteConnection connection, DateTimeOffset now, TimeSpan elapsed, DaemonSettings settings)
    {
        long minute = HistoryStore.Milliseconds(now) / MinuteMilliseconds * MinuteMilliseconds;
        using (SqliteTransaction transaction = connection.BeginTransaction())
        {
            AddUp(connection, "sample", "minute", MinuteMilliseconds, minute);
            AddUp(connection, "minute", "block", BlockMilliseconds, minute / BlockMilliseconds * BlockMilliseconds);
            long oldest = HistoryStore.Milliseconds(now - settings.HistoryMaximumAge);
            HistoryClock.Observe(connection, HistoryStore.Milliseconds(now), elapsed);
            HistoryClock.DeleteOlder(connection, "sample", HistoryStore.Milliseconds(now - settings.HistoryRawAge));
            foreach (string table in s_longLived)
            {
                HistoryClock.DeleteOlder(connection, table, oldest);
            }

            transaction.Commit();
        }

        return ShrinkTo(connection, settings.HistoryMaximumSize);
    }

    /// <summary>
    /// Makes rows of a coarser table of all finer ones that are complete and not made yet. A clock that was set back leaves a progress in the
    /// future behind, up to which nothing would be made: it begins anew from now.
    /// </summary>
    private static void AddUp(SqliteConnection connection, string finer, string coarser, long length, long until) => Execute(connection, $"""
        UPDATE progress SET {coarser}s_until = $until WHERE {coarser}s_until > $until;
        INSERT OR REPLACE INTO {coarser} SELECT series, time / {length} * {length}, {string.Join(", ", HistorySchema.Sums.Select(name => $"sum({name})"))} FROM {finer}
            WHERE time >= (SELECT {coarser}s_until FROM progress) AND time < $until GROUP BY series, time / {length};
        UPDATE progress SET {coarser}s_until = $until;
        """, until);

    private static long ShrinkTo(SqliteConnection connection, long most)
    {
        long size = UsedSize(connection);
        for (int round = 0; size > most && round < MostRounds; round++)
        {
            using (SqliteTransaction transaction = connection.BeginTransaction())
            {
                foreach (string table in new[] { "sample", "minute", "block", "probe", "event" })
                {
                    // A tenth of the rows, not of the time: a clock that jumped has made a long stretch without any.
                    Execute(connection, $"""
                        DELETE FROM {table} WHERE time <= (SELECT time FROM {table} ORDER BY time LIMIT 1 OFFSET (SELECT count(*) / 10 FROM {table}))
                        """, 0);
                }

                transaction.Commit();
            }

            Execute(connection, "PRAGMA incremental_vacuum", 0);
            size = UsedSize(connection);
        }

        return size;
    }

    private static long UsedSize(SqliteConnection connection) =>
        HistoryQueries.Scalar(connection, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()");

    private static void Execute(SqliteConnection connection, string sql, long until)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        if (sql.Contains("$until", StringComparison.Ordinal))
        {
            command.Parameters.AddWithValue("$until", until);
        }

        command.ExecuteNonQuery();
    }
}

using Microsoft.Data.Sqlite;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.History;

/// <summary>Keeps the database small: samples become minutes, old rows go, and when it is too large the oldest tenth goes.</summary>
internal static class HistoryMaintenance
{
    internal const long MinuteMilliseconds = 60_000;

    private const int MostRounds = 20;

    /// <summary>Does what is due.</summary>
    /// <returns>The database's size in bytes.</returns>
    internal static long Run(SqliteConnection connection, DateTimeOffset now, DaemonSettings settings)
    {
        long minute = HistoryStore.Milliseconds(now) / MinuteMilliseconds * MinuteMilliseconds;
        using (SqliteTransaction transaction = connection.BeginTransaction())
        {
            string sums = string.Join(", ", HistorySchema.Sums.Select(name => $"sum({name})"));
            Execute(connection, $"""
                INSERT OR REPLACE INTO minute SELECT series, time / {MinuteMilliseconds} * {MinuteMilliseconds}, {sums} FROM sample
                    WHERE time >= (SELECT minutes_until FROM progress) AND time < $until GROUP BY series, time / {MinuteMilliseconds};
                UPDATE progress SET minutes_until = max(minutes_until, $until);
                """, minute);
            long oldest = HistoryStore.Milliseconds(now - settings.HistoryMaximumAge);
            Execute(connection, "DELETE FROM sample WHERE time < $until", HistoryStore.Milliseconds(now - settings.HistoryRawAge));
            Execute(connection, "DELETE FROM minute WHERE time < $until; DELETE FROM probe WHERE time < $until; DELETE FROM event WHERE time < $until", oldest);
            transaction.Commit();
        }

        return ShrinkTo(connection, settings.HistoryMaximumSize);
    }

    private static long ShrinkTo(SqliteConnection connection, long most)
    {
        long size = UsedSize(connection);
        for (int round = 0; size > most && round < MostRounds; round++)
        {
            using (SqliteTransaction transaction = connection.BeginTransaction())
            {
                foreach (string table in new[] { "sample", "minute", "probe", "event" })
                {
                    Execute(connection, $"""
                        DELETE FROM {table} WHERE time <= (SELECT min(time) + (max(time) - min(time)) / 10 FROM {table})
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

using System.Globalization;
using Microsoft.Data.Sqlite;

namespace XeSvm.Daemon.History;

/// <summary>
/// How old rows are. Their times are the wall clock's, which may be set: when it goes ahead by more than time has passed, what was written before
/// does not grow old by that. The jumps are kept in the database; one back takes away from those that went ahead before it. As a daemon that was off
/// cannot tell its absence from a jump, only time in which it ran counts; the size is bounded all the same.
/// </summary>
internal static class HistoryClock
{
    /// <summary>A wall clock that is away from the monotonic one by less is not one that jumped.</summary>
    internal const long ToleranceMilliseconds = 60 * HistoryMaintenance.MinuteMilliseconds;

    private const int MostJumps = 32;

    /// <summary>Notes where the clock is, and a jump of it.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="now">The wall clock's time, in milliseconds.</param>
    /// <param name="elapsed">Time since the call before, by the monotonic clock.</param>
    internal static void Observe(SqliteConnection connection, long now, TimeSpan elapsed)
    {
        // A database that no clock was noted in has its newest row for it.
        long last = HistoryQueries.Scalar(connection, "SELECT coalesce((SELECT wall FROM clock), max((SELECT coalesce(max(time), 0) FROM sample), (SELECT coalesce(max(time), 0) FROM minute)))");
        long jump = now - last - (long)elapsed.TotalMilliseconds;
        if (last > 0 && jump > ToleranceMilliseconds)
        {
            HistoryStore.Execute(connection, "INSERT OR REPLACE INTO jump(time, shift) VALUES($time, $shift + coalesce((SELECT shift FROM jump WHERE time = $time), 0))", ("$time", last), ("$shift", jump));
            MergeOldest(connection);
        }
        else if (last > 0 && jump < -ToleranceMilliseconds)
        {
            TakeBack(connection, -jump);
        }

        HistoryStore.Execute(connection, "INSERT OR REPLACE INTO clock(id, wall) VALUES(1, $wall)", ("$wall", now));
    }

    /// <summary>Deletes the rows of a table that are older than an age.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="table">The table.</param>
    /// <param name="until">The wall clock's time before which rows would be too old, had it never jumped.</param>
    internal static void DeleteOlder(SqliteConnection connection, string table, long until)
    {
        long newer = long.MaxValue;
        foreach ((long time, long shift) in Jumps(connection))
        {
            HistoryStore.Execute(connection, $"DELETE FROM {table} WHERE time > $time AND time <= $newer AND time < $until", ("$time", time), ("$newer", newer), ("$until", until));
            newer = time;
            until -= shift;
        }

        HistoryStore.Execute(connection, $"DELETE FROM {table} WHERE time <= $newer AND time < $until", ("$newer", newer), ("$until", until));
    }

    /// <summary>The jumps, the newest first.</summary>
    private static List<(long Time, long Shift)> Jumps(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT time, shift FROM jump ORDER BY time DESC";
        List<(long, long)> jumps = [];
        using SqliteDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            jumps.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return jumps;
    }

    /// <summary>A clock that went back takes away from the jumps ahead, the newest first.</summary>
    private static void TakeBack(SqliteConnection connection, long back)
    {
        foreach ((long time, long shift) in Jumps(connection))
        {
            long taken = Math.Min(shift, back);
            back -= taken;
            HistoryStore.Execute(connection, taken == shift ? "DELETE FROM jump WHERE time = $time" : "UPDATE jump SET shift = $shift WHERE time = $time", ("$time", time), ("$shift", shift - taken));
            if (back == 0)
            {
                break;
            }
        }
    }

    /// <summary>Jumps without number are as few: the oldest counts with the next.</summary>
    private static void MergeOldest(SqliteConnection connection)
    {
        List<(long Time, long Shift)> jumps = Jumps(connection);
        if (jumps.Count > MostJumps)
        {
            HistoryStore.Execute(connection, "UPDATE jump SET shift = shift + $shift WHERE time = $time", ("$shift", jumps[^1].Shift), ("$time", jumps[^2].Time));
            HistoryStore.Execute(connection, "DELETE FROM jump WHERE time = $time", ("$time", jumps[^1].Time));
        }
    }
}

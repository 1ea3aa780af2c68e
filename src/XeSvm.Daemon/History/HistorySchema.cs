namespace XeSvm.Daemon.History;

/// <summary>The database's tables. Times are milliseconds since 1970 in UTC.</summary>
internal static class HistorySchema
{
    /// <summary>Stored as <c>user_version</c>; a database of another version is set aside.</summary>
    internal const int Version = 2;

    /// <summary>Version 1 had no blocks; they are made of its minutes at the first maintenance.</summary>
    internal const int VersionWithoutBlocks = 1;

    internal const string AddBlocks = "ALTER TABLE progress ADD COLUMN blocks_until INTEGER NOT NULL DEFAULT 0;";

    /// <summary>The columns that are added up, the same for samples and minutes. Four for each size, smallest size first.</summary>
    internal static readonly string[] Sums =
    [
        "seconds", "n4", "m4", "c4", "f4", "n64", "m64", "c64", "f64", "n2", "m2", "c2", "f2", "to_device", "to_system",
    ];

    internal static readonly string Create = $"""
        CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, device TEXT NOT NULL, gt INTEGER NOT NULL, backend TEXT NOT NULL,
            UNIQUE(device, gt, backend));
        CREATE TABLE IF NOT EXISTS sample(series INTEGER NOT NULL, time INTEGER NOT NULL, {Columns}, PRIMARY KEY(series, time)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS minute(series INTEGER NOT NULL, time INTEGER NOT NULL, {Columns}, PRIMARY KEY(series, time)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS block(series INTEGER NOT NULL, time INTEGER NOT NULL, {Columns}, PRIMARY KEY(series, time)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS progress(id INTEGER PRIMARY KEY CHECK(id = 1), minutes_until INTEGER NOT NULL, blocks_until INTEGER NOT NULL DEFAULT 0);
        INSERT OR IGNORE INTO progress(id, minutes_until) VALUES(1, 0);
        CREATE TABLE IF NOT EXISTS probe(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, device TEXT NOT NULL, size TEXT NOT NULL, face TEXT NOT NULL,
            cpu REAL NOT NULL, noise REAL NOT NULL, share REAL, migrations INTEGER NOT NULL, context TEXT NOT NULL, verdict TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS probe_time ON probe(time);
        CREATE TABLE IF NOT EXISTS baseline(device TEXT NOT NULL, size TEXT NOT NULL, face TEXT NOT NULL, time INTEGER NOT NULL,
            cpu REAL NOT NULL, noise REAL NOT NULL, context TEXT NOT NULL, PRIMARY KEY(device, size, face)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS event_time ON event(time);
        CREATE TABLE IF NOT EXISTS clock(id INTEGER PRIMARY KEY CHECK(id = 1), wall INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS jump(time INTEGER PRIMARY KEY, shift INTEGER NOT NULL);
        PRAGMA user_version = {Version};
        """;

    private static string Columns => string.Join(", ", Sums.Select(name => $"{name} {(name == "seconds" ? "REAL" : "INTEGER")} NOT NULL"));
}

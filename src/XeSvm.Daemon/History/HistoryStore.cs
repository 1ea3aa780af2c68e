using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.History;

/// <summary>
/// The history in SQLite: single samples for some hours, minutes for weeks, probes, baselines and events. Every write is a transaction of a
/// write-ahead log, so the process can be killed at any time. When the database cannot be written, the daemon goes on without.
/// </summary>
internal sealed class HistoryStore : IDisposable
{
    private const string Subject = "history";
    private const int Corrupt = 11; // SQLITE_CORRUPT
    private const int NotADatabase = 26; // SQLITE_NOTADB
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly FaultLog _faults;
    private readonly TimeProvider _time;
    private readonly ILogger<HistoryStore> _logger;
    private readonly Dictionary<(string Device, int Gt, string Backend), long> _series = [];
    private SqliteConnection? _connection;
    private SqliteCommand? _insert;
    private long _triedAt;
    private bool _tried;
    private long _maintainedMinute;
    private long _maintainedAt;
    private bool _disposed;

    internal HistoryStore(string path, FaultLog faults, TimeProvider time, ILogger<HistoryStore> logger)
    {
        _path = path;
        _faults = faults;
        _time = time;
        _logger = logger;
    }

    /// <summary>Size of the database in bytes, as it was after the last maintenance.</summary>
    internal long Size { get; private set; }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Close();
        }
    }

    /// <summary>Writes samples, all of a round in one transaction.</summary>
    internal void Append(IReadOnlyList<GtSample> samples)
    {
        if (samples.Count == 0)
        {
            return;
        }

        Use(connection =>
        {
            using SqliteTransaction transaction = connection.BeginTransaction();
            foreach (GtSample sample in samples)
            {
                Insert(connection, transaction, sample);
            }

            transaction.Commit();
        });
    }

    /// <summary>Once a minute: makes minutes of samples, and lets go what is too old or too much.</summary>
    internal void Maintain(DateTimeOffset now, DaemonSettings settings)
    {
        long minute = now.ToUnixTimeMilliseconds() / HistoryMaintenance.MinuteMilliseconds;
        if (minute == _maintainedMinute)
        {
            return;
        }

        Use(connection =>
        {
            TimeSpan elapsed = _maintainedMinute == 0 ? TimeSpan.Zero : _time.GetElapsedTime(_maintainedAt);
            Size = HistoryMaintenance.Run(connection, now, elapsed, settings);
            _maintainedMinute = minute;
            _maintainedAt = _time.GetTimestamp();
        });
    }

    /// <summary>Writes an event.</summary>
    internal void AddEvent(string kind, string text) => Use(connection => Execute(
        connection,
        "INSERT INTO event(time, kind, text) VALUES($time, $kind, $text)",
        ("$time", Milliseconds(_time.GetUtcNow())),
        ("$kind", kind),
        ("$text", text)));

    /// <summary>Writes a probe.</summary>
    internal void AddProbe(ProbeRow probe) => Use(connection => Execute(
        connection,
        "INSERT INTO probe(time, device, size, face, cpu, noise, share, migrations, context, verdict) VALUES($time, $device, $size, $face, $cpu, $noise, $share, $migrations, $context, $verdict)",
        ("$time", Milliseconds(probe.Time)),
        ("$device", probe.Device),
        ("$size", probe.Size),
        ("$face", probe.Face),
        ("$cpu", probe.Cpu),
        ("$noise", probe.Noise),
        ("$share", probe.Share is { } share ? share : DBNull.Value),
        ("$migrations", probe.Migrations),
        ("$context", probe.Context),
        ("$verdict", probe.Verdict)));

    /// <summary>Writes a baseline over the one that is there.</summary>
    /// <returns>Whether it was written.</returns>
    internal bool SetBaseline(BaselineRow baseline) => Use(connection => Execute(
        connection,
        "INSERT OR REPLACE INTO baseline VALUES($device, $size, $face, $time, $cpu, $noise, $context)",
        ("$device", baseline.Device),
        ("$size", baseline.Size),
        ("$face", baseline.Face),
        ("$time", Milliseconds(baseline.Time)),
        ("$cpu", baseline.Cpu),
        ("$noise", baseline.Noise),
        ("$context", baseline.Context)));

    /// <summary>All baselines; empty when the database cannot be read.</summary>
    internal IReadOnlyList<BaselineRow> Baselines()
    {
        List<BaselineRow> rows = [];
        Use(connection => rows.AddRange(HistoryQueries.Baselines(connection)));
        return rows;
    }

    /// <summary>Asks the database on a connection of the asker's own: a long question does not hold the sampler up.</summary>
    /// <param name="query">The question.</param>
    /// <param name="empty">The answer when there is no database.</param>
    internal T Query<T>(Func<SqliteConnection, T> query, T empty)
    {
        if (!Use(_ => { }))
        {
            return empty;
        }

        try
        {
            using SqliteConnection connection = new(ConnectionString(SqliteOpenMode.ReadWrite));
            connection.Open();
            return query(connection);
        }
        catch (SqliteException exception)
        {
            _faults.Report("history-query", exception.Message);
            return empty;
        }
    }

    internal static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    private string ConnectionString(SqliteOpenMode mode) => new SqliteConnectionStringBuilder
    {
        DataSource = _path,
        Mode = mode,
        Pooling = mode != SqliteOpenMode.ReadWriteCreate,
        DefaultTimeout = 5,
    }.ToString();

    internal static void Execute(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        command.ExecuteNonQuery();
    }

    private void Insert(SqliteConnection connection, SqliteTransaction transaction, GtSample sample)
    {
        if (_insert is null)
        {
            _insert = connection.CreateCommand();
            _insert.CommandText = $"INSERT OR REPLACE INTO sample VALUES($series, $time, {string.Join(", ", HistorySchema.Sums.Select(name => "$" + name))})";
            _insert.Parameters.Add("$series", SqliteType.Integer);
            _insert.Parameters.Add("$time", SqliteType.Integer);
            foreach (string name in HistorySchema.Sums)
            {
                _insert.Parameters.Add("$" + name, name == "seconds" ? SqliteType.Real : SqliteType.Integer);
            }
        }

        int next = 0;
        void Set(object value) => _insert.Parameters[next++].Value = value;
        Set(SeriesOf(connection, transaction, sample));
        Set(Milliseconds(sample.Time));
        Set(sample.Seconds);
        foreach (SizeFigures size in sample.Sizes)
        {
            Set(size.Migrations);
            Set(size.MigrateMicroseconds);
            Set(size.CopyMicroseconds);
            Set(size.Faults);
        }

        Set(sample.ToDeviceKilobytes);
        Set(sample.ToSystemKilobytes);
        _insert.Transaction = transaction;
        _insert.ExecuteNonQuery();
    }

    private long SeriesOf(SqliteConnection connection, SqliteTransaction transaction, GtSample sample)
    {
        (string, int, string) key = (sample.Device, sample.Gt, sample.Backend);
        if (!_series.TryGetValue(key, out long id))
        {
            using SqliteCommand command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = """
                INSERT OR IGNORE INTO series(device, gt, backend) VALUES($device, $gt, $backend);
                SELECT id FROM series WHERE device = $device AND gt = $gt AND backend = $backend;
                """;
            command.Parameters.AddWithValue("$device", sample.Device);
            command.Parameters.AddWithValue("$gt", sample.Gt);
            command.Parameters.AddWithValue("$backend", sample.Backend);
            id = Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
            _series[key] = id;
        }

        return id;
    }

    /// <summary>Does something with the open database; a failure is a fault and closes it, to be opened anew.</summary>
    private bool Use(Action<SqliteConnection> action)
    {
        lock (_lock)
        {
            if (_disposed || !TryOpen())
            {
                return false;
            }

            try
            {
                action(_connection!);
                _faults.Clear(Subject);
                return true;
            }
            catch (SqliteException exception)
            {
                _faults.Report(Subject, $"{_path}: {exception.Message}");
                Close();
                if (exception.SqliteErrorCode is Corrupt or NotADatabase)
                {
                    SetAside(exception.Message);
                }

                return false;
            }
        }
    }

    private bool TryOpen()
    {
        if (_connection is not null)
        {
            return true;
        }

        if (_tried && _time.GetElapsedTime(_triedAt) < s_retry)
        {
            return false;
        }

        _tried = true;
        _triedAt = _time.GetTimestamp();
        if (!TryOpenOnce(out string reason, out bool unusable) && unusable)
        {
            SetAside(reason);
            TryOpenOnce(out reason, out _);
        }

        if (_connection is null)
        {
            _faults.Report(Subject, $"{_path}: {reason}");
        }

        return _connection is not null;
    }

    private bool TryOpenOnce(out string reason, out bool unusable)
    {
        SqliteConnection? connection = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            connection = new SqliteConnection(ConnectionString(SqliteOpenMode.ReadWriteCreate));
            connection.Open();
            long version = HistoryQueries.Scalar(connection, "PRAGMA user_version");
            if (version is not (0 or HistorySchema.VersionWithoutBlocks or HistorySchema.Version))
            {
                reason = $"it is of version {version}, this program writes version {HistorySchema.Version}";
                unusable = true;
                connection.Dispose();
                return false;
            }

            Execute(connection, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -2000;");
            if (version == HistorySchema.VersionWithoutBlocks)
            {
                Execute(connection, HistorySchema.AddBlocks);
            }

            Execute(connection, HistorySchema.Create);
            _connection = connection;
            reason = "";
            unusable = false;
            return true;
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            connection?.Dispose();
            reason = exception.Message;
            unusable = exception is SqliteException { SqliteErrorCode: Corrupt or NotADatabase };
            return false;
        }
    }

    private void SetAside(string reason)
    {
        string aside = string.Create(CultureInfo.InvariantCulture, $"{_path}.unusable-{_time.GetUtcNow():yyyyMMddHHmmss}");
        try
        {
            SqliteConnection.ClearAllPools();
            File.Move(_path, aside, overwrite: true);
            File.Delete(_path + "-wal");
            File.Delete(_path + "-shm");
            DaemonLog.HistorySetAside(_logger, _path, reason, aside);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _faults.Report(Subject, exception.Message);
        }
    }

    private void Close()
    {
        _insert?.Dispose();
        _insert = null;
        _series.Clear();
        _connection?.Dispose();
        _connection = null;
        SqliteConnection.ClearAllPools();
    }
}

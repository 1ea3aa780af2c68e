using System.Globalization;

using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>What the devices of a machine have done with each other's memory. Thread-safe.</summary>
internal sealed class PeerCounters
{
    private static readonly string[] s_routes = ["none", "local", "pcie-p2p", "fabric-physical", "fabric-virtual"];

    private readonly Lock _lock = new();
    private readonly long[] _accessed = new long[RouteBytes.RouteCount];
    private readonly long[] _migrations = new long[RouteBytes.RouteCount];
    private PeerWork _migrate;
    private PeerWork _getPages;
    private long _migrationsRefused;
    private long _evictionsRefused;
    private long _staleAccesses;

    /// <summary>Work of migrations between devices.</summary>
    public PeerWork Migrate => Read(in _migrate);

    /// <summary>Work of making other devices' memory known to a device (get_pages).</summary>
    public PeerWork GetPages => Read(in _getPages);

    /// <summary>How often a buffer was not evicted because a migration had it pinned.</summary>
    public long EvictionsRefused => Volatile.Read(ref _evictionsRefused);

    /// <summary>Accesses that reached VRAM which nobody has: proof of a stale mapping.</summary>
    public long StaleAccesses => Volatile.Read(ref _staleAccesses);

    /// <summary>Bytes that a route's engines have read and written in place.</summary>
    public long Accessed(PeerRoute route) => Volatile.Read(ref _accessed[(int)route]);

    /// <summary>Migrations over a route.</summary>
    public long Migrations(PeerRoute route) => Volatile.Read(ref _migrations[(int)route]);

    /// <summary>Adds a migration between devices.</summary>
    public void AddMigration(PeerRoute route, bool succeeded, in PeerWork work)
    {
        Interlocked.Increment(ref succeeded ? ref _migrations[(int)route] : ref _migrationsRefused);
        lock (_lock)
        {
            _migrate.Add(in work);
        }
    }

    /// <summary>Adds work of get_pages.</summary>
    public void AddGetPages(in PeerWork work)
    {
        lock (_lock)
        {
            _getPages.Add(in work);
        }
    }

    /// <summary>Adds an access in place.</summary>
    public void AddAccess(PeerRoute route, int bytes) => Interlocked.Add(ref _accessed[(int)route], bytes);

    /// <summary>Counts an eviction that a pin has prevented.</summary>
    public void AddRefusedEviction() => Interlocked.Increment(ref _evictionsRefused);

    /// <summary>Counts an access to memory that nobody has.</summary>
    public void AddStaleAccess() => Interlocked.Increment(ref _staleAccesses);

    /// <summary>All of it as lines <c>name: value</c>.</summary>
    public string Format(SoftwareMachine machine)
    {
        using StringWriter text = new(CultureInfo.InvariantCulture);
        PeerWork migrate = Migrate;
        PeerWork getPages = GetPages;
        text.WriteLine($"topology: {machine.Topology.Name}");
        text.WriteLine($"policy: {machine.Policy.Name}");
        for (int route = 0; route < s_routes.Length; route++)
        {
            text.WriteLine($"{s_routes[route]}.migrations: {_migrations[route]}");
            text.WriteLine($"{s_routes[route]}.migrated_bytes: {migrate.Bytes[route]}");
            text.WriteLine($"{s_routes[route]}.accessed_bytes: {_accessed[route]}");
        }

        text.WriteLine($"migrations_refused: {_migrationsRefused}");
        text.WriteLine($"evictions_refused: {_evictionsRefused}");
        text.WriteLine($"stale_accesses: {_staleAccesses}");
        text.WriteLine($"lock_violations: {machine.Locks.ViolationCount}");
        Write("migrate", in migrate);
        Write("get_pages", in getPages);
        return text.ToString();

        void Write(string purpose, in PeerWork work)
        {
            text.WriteLine($"{purpose}.cookie_alloc: {work.CookieAlloc}");
            text.WriteLine($"{purpose}.cookie_free: {work.CookieFree}");
            text.WriteLine($"{purpose}.direct: {work.Direct}");
            text.WriteLine($"{purpose}.mmio: {work.Mmio}");
            work.Initiator.Write(text, $"{purpose}.initiator.");
            work.Target.Write(text, $"{purpose}.target.");
        }
    }

    private PeerWork Read(in PeerWork work)
    {
        lock (_lock)
        {
            return work;
        }
    }
}

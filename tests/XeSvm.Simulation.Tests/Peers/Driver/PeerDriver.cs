using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Software;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>A machine of several devices with one client on each, driven by ioctls; at the end nothing may be left on any side.</summary>
internal sealed unsafe class PeerDriver : IDisposable
{
    public const ulong Block = 2 << 20;
    public const int Pages = 512;

    private readonly GpuClient[] _clients;
    private readonly List<ulong> _memory = [];
    private readonly int _violations;
    private bool _closed;

    public PeerDriver(string topology, string policy = "driver-owned", ulong vram = 64 << 20, int expectedViolations = 0, FaultPlan? faults = null)
        : this(
            new SoftwareBackendOptions { Device = topology, PeerPolicy = policy, VramBytes = vram, Faults = faults ?? FaultPlan.None },
            expectedViolations)
    {
    }

    public PeerDriver(SoftwareBackendOptions options, int expectedViolations = 0)
    {
        Backend = new SoftwareBackend(options);
        _violations = expectedViolations;
        _clients = [.. Enumerable.Range(0, Backend.Enumerate().Count).Select(device => new GpuClient(Backend, device))];
    }

    public SoftwareBackend Backend { get; }

    public SoftwareMachine Machine => Backend.Machine;

    public PeerCounters Counters => Machine.Counters;

    /// <summary>Accesses by stale mappings that the test makes itself.</summary>
    public long ExpectedStaleAccesses { get; init; }

    public bool IsCoherent => _clients[0].IsCoherent;

    public int Count => _clients.Length;

    public GpuClient this[int device] => _clients[device];

    /// <summary>Fresh memory, each page of which the CPU has touched: page i begins with i.</summary>
    public ulong Allocate(ulong bytes = Block)
    {
        ulong memory = DrmClient.Map(bytes, Block);
        DrmClient.Touch(memory, bytes);
        _memory.Add(memory);
        return memory;
    }

    /// <summary>Advises that memory belongs into a device's VRAM, for the VM of another.</summary>
    public int Advise(int device, ulong memory, int target, ulong bytes = Block, ushort region = 1) =>
        this[device].AdviseLocation(this[device].Vm, memory, bytes, this[target].File.Descriptor, region: region);

    /// <summary>Prefetches to where the advice says.</summary>
    public int PrefetchAdvised(int device, ulong memory, ulong bytes = Block) => this[device].Prefetch(memory, bytes, uint.MaxValue);

    /// <summary>The device whose VRAM has a block; -1 for system memory.</summary>
    public int Home(ulong memory, ulong bytes = Block)
    {
        ClientMemory client = this[0].Software.Client;
        client.Settle();
        return client.Residency.Examine(memory, memory + bytes, out DeviceMemoryAllocation? allocation) == Residency.Device
            ? allocation!.Pagemap.Device.Port.Index
            : -1;
    }

    public DeviceMemoryAllocation AllocationOf(ulong memory)
    {
        Assert.True(this[0].Software.Client.Residency.TryFind(memory, out DeviceMemoryAllocation? allocation));
        return allocation;
    }

    /// <summary>Every page has what <see cref="Allocate"/> wrote, but for its second word.</summary>
    public static void AssertContent(ulong memory, ulong bytes = Block)
    {
        for (ulong at = 0; at < bytes; at += 4096)
        {
            Assert.Equal(at >> 12, *(ulong*)(memory + at));
        }
    }

    public void AssertClean()
    {
        // The audit is of a quiet machine: a settlement of pages that CPU touches have brought home may still be mapping them for its accounts.
        foreach (GpuClient client in _clients)
        {
            client.Device.Client.Settle();
        }

        IReadOnlyList<string> findings = MachineAudit.Run(Machine);
        Assert.True(findings.Count == _violations, string.Join('\n', findings));
    }

    /// <summary>Closes every file, and looks whether anything is left.</summary>
    public void CloseAll()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        AssertClean();

        // Audited once more when no VM is left: devices live as long as the backend.
        foreach (GpuClient client in _clients)
        {
            client.Dispose();
        }

        AssertClean();
        PeerWork migrate = Counters.Migrate;
        PeerWork getPages = Counters.GetPages;
        Assert.Equal(migrate.CookieAlloc, migrate.CookieFree);
        Assert.Equal(getPages.CookieAlloc, getPages.CookieFree);
        Assert.Equal(getPages.Initiator.PteSet + getPages.Target.PteSet, getPages.Initiator.PteClear + getPages.Target.PteClear);
        Assert.Equal(ExpectedStaleAccesses, Counters.StaleAccesses);
    }

    public void Dispose()
    {
        try
        {
            CloseAll();
        }
        finally
        {
            Backend.Dispose();
            foreach (ulong memory in _memory)
            {
                DrmClient.Unmap(memory, Block);
            }
        }
    }

    /// <summary>Lets a device's VM see a block in ranges of 64 KiB only, as its mirror does not reach the last page.</summary>
    public void SeeInChunks(int device, ulong memory) => Assert.Equal(0, this[device].UnbindRange(this[device].Vm, memory + Block - 4096, 4096));

    public int AdviseAtomic(int device, ulong memory, uint policy = DrmXe.DRM_XE_ATOMIC_DEVICE) =>
        this[device].AdviseAtomic(this[device].Vm, memory, Block, policy);
}

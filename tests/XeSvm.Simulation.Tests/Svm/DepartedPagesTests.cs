using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>
/// An allocation can be settled as gone while the migration that made it has not ended: its client was killed, or lies. It is released once,
/// and its record, which may serve other pages by then, is left alone.
/// </summary>
/// <remarks>
/// Without other tests beside: one here migrates while a migration is under way, and all devices of a process share the lock that a second attempt
/// takes alone.
/// </remarks>
[Trait("Rule", "svm 8")]
[Collection(TortureCollection.Name)]
public sealed class DepartedPagesTests : IDisposable
{
    private const ulong Block = 2 << 20;
    private const ulong FirstCookie = (1UL << 32) + 1;
    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 8 * Block, CpuFaults = "coherent" });
    private readonly ulong _memory = GpuClient.Map(2 * Block, Block);
    private readonly ulong _used;

    public DepartedPagesTests() => _used = Pagemap.Vram.Used;

    private DevicePagemap Pagemap => _gpu.Device.Pagemap;

    public void Dispose()
    {
        GpuClient.Unmap(_memory, 2 * Block);
        _gpu.Dispose();
    }

    [Theory]
    [InlineData(Errno.EFAULT)]
    [InlineData(Errno.EBUSY)]
    public void A_migration_that_fails_after_its_pages_were_settled_as_gone_releases_them_once(int error)
    {
        var client = new DepartingClientMemory();
        client.BeforeCommitEnds = (_, memory) => memory.Depart(_memory);
        client.CommitResult = -error;
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages, TimeSpan.FromMilliseconds(5)));

        Assert.Equal((0, 0, 1), (Pagemap.AllocationCount, Pagemap.PinnedCount, client.Commits));
        Assert.Equal(Residency.System, client.Residency.Examine(_memory, _memory + Block, out _));
        AssertUsable();
    }

    [Fact]
    public void A_record_that_serves_another_client_since_is_left_alone()
    {
        var other = new DepartingClientMemory();
        var client = new DepartingClientMemory { CommitResult = -Errno.EFAULT };
        client.BeforeCommitEnds = (_, memory) =>
        {
            memory.Depart(_memory);
            int result = -1;
            var migration = new Thread(() => result = Pagemap.Migrate(other, _memory, PageConstants.BlockPages));
            migration.Start();
            Assert.True(migration.Join(TimeSpan.FromSeconds(20)), "Another migration waits for the lock, and this one behind it.");
            Assert.Equal(0, result);
        };
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages));

        Assert.Equal((1, 0), (Pagemap.AllocationCount, Pagemap.PinnedCount));
        Assert.Equal(Residency.Device, other.Residency.Examine(_memory, _memory + Block, out _));
        other.Depart(_memory);
        Assert.Equal(0, Pagemap.AllocationCount);
        AssertUsable();
    }

    [Fact]
    public void A_departure_that_is_told_of_twice_or_late_changes_nothing()
    {
        var client = new DepartingClientMemory();
        ulong cookie = 0;
        client.BeforeCommitEnds = (allocation, _) => cookie = allocation;
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages));
        IDevicePageOwner owner = Assert.IsType<DeviceMemoryAllocation>(client.Owners.Find(cookie));
        var left = new DevicePagesLeft(cookie, _memory, PageConstants.BlockPages, 0, Discarded: true, 0);
        owner.PagesLeft(client, left);
        Assert.Equal(0, Pagemap.AllocationCount);
        owner.PagesLeft(client, left);
        Assert.Equal(0, Pagemap.AllocationCount);

        Assert.Equal(0, Pagemap.Migrate(client, _memory + Block, PageConstants.BlockPages));
        owner.PagesLeft(client, left);
        Assert.Equal(Residency.Device, client.Residency.Examine(_memory + Block, _memory + (2 * Block), out _));
        client.Depart(_memory + Block);
        AssertUsable();
    }

    [Fact]
    public void A_departure_before_the_pages_are_published_changes_nothing()
    {
        var client = new DepartingClientMemory();
        client.BeforeIsolation = () =>
        {
            // The first cookie that a client's owners give, known to whoever can count.
            Assert.NotNull(client.Owners.Find(FirstCookie));
            client.Owners.Find(FirstCookie)!.PagesLeft(client, new DevicePagesLeft(FirstCookie, _memory, PageConstants.BlockPages, 0, Discarded: true, 0));
        };
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages));
        Assert.Equal(Residency.Device, client.Residency.Examine(_memory, _memory + Block, out _));
        client.Depart(_memory);
        AssertUsable();
    }

    [Fact]
    public void A_move_of_what_has_gone_meanwhile_does_not_end()
    {
        var client = new DepartingClientMemory();
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages));
        Assert.Equal(Residency.Device, client.Residency.Examine(_memory, _memory + Block, out DeviceMemoryAllocation? from));
        ulong cookie = from!.Cookie;
        Assert.True(client.Residency.TryBeginMove(MovingAllocation.Of(from), _memory, PageConstants.BlockPages));
        client.Depart(_memory);

        Assert.False(client.Residency.EndMove(from, cookie, to: from));
        Assert.False(client.Residency.EndMove(from, cookie, to: null));
        Assert.False(client.Residency.TryRemove(from, cookie));
        Assert.Equal(Residency.System, client.Residency.Examine(_memory, _memory + Block, out _));
        AssertUsable();
    }

    [Fact]
    public unsafe void What_is_late_about_one_client_does_not_reach_the_equal_cookie_of_another()
    {
        var gone = new DepartingClientMemory();
        var other = new DepartingClientMemory();
        Assert.Equal(0, Pagemap.Migrate(gone, _memory, PageConstants.BlockPages));
        Assert.Equal(Residency.Device, gone.Residency.Examine(_memory, _memory + Block, out DeviceMemoryAllocation? record));
        MovingAllocation moving = MovingAllocation.Of(record!);
        Assert.True(gone.Residency.TryBeginMove(moving, _memory, PageConstants.BlockPages));
        gone.Depart(_memory);

        // The same record, the same address, and the first cookie of either.
        Assert.Equal(0, Pagemap.Migrate(other, _memory, PageConstants.BlockPages));
        Assert.Equal(moving, MovingAllocation.Of(record!));
        record!.PagesLeft(gone, new DevicePagesLeft(moving.Cookie, _memory, PageConstants.BlockPages, 0, Discarded: true, 0));
        Assert.Equal(-Errno.EBUSY, gone.EndRelocation(record, moving.Cookie, record, null, TimeSpan.Zero));
        gone.AbortRelocation(record, moving.Cookie, _memory);
        Assert.Equal(Residency.Device, other.Residency.Examine(_memory, _memory + Block, out _));
        Assert.Equal(1, Pagemap.AllocationCount);
        other.Depart(_memory);
        AssertUsable();
    }

    /// <summary>All VRAM is free, and can be had.</summary>
    private void AssertUsable()
    {
        Assert.Equal((0, 0, _used), (Pagemap.AllocationCount, Pagemap.PinnedCount, Pagemap.Vram.Used));
        var client = new DepartingClientMemory();
        Assert.Equal(0, Pagemap.Migrate(client, _memory, PageConstants.BlockPages));
        Assert.Equal(0, Pagemap.Migrate(client, _memory + Block, PageConstants.BlockPages));
        Assert.Equal(2, Pagemap.AllocationCount);
        client.Depart(_memory);
        client.Depart(_memory + Block);
        Assert.Equal(0, Pagemap.AllocationCount);
        Assert.Equal(_used, Pagemap.Vram.Used);
    }

    private sealed unsafe class DepartingClientMemory() : CoherentClientMemory("It is a test double.")
    {
        public Action<ulong, DepartingClientMemory>? BeforeCommitEnds { get; set; }

        public Action? BeforeIsolation { get; set; }

        public int CommitResult { get; set; }

        public int Commits { get; private set; }

        /// <summary>The pages of a block are settled as dropped.</summary>
        public void Depart(ulong block) => MappingGone(block, block + Block);

        public override int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation)
        {
            BeforeIsolation?.Invoke();
            return base.Isolate(address, pages, hold, out isolation);
        }

        public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold)
        {
            Commits++;
            BeforeCommitEnds?.Invoke(allocation, this);
            if (CommitResult is 0 or -Errno.EBUSY)
            {
                // Any other error leaves the isolation open.
                Abort(isolation);
            }

            return CommitResult;
        }
    }
}

using System.Globalization;

using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;

using Xunit.Abstractions;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>Files that are closed while jobs run, jobs and binds wait for fences, and threads wait for both: nothing is left behind.</summary>
[Collection(DriverConcurrencyCollection.Name)]
public sealed unsafe class CloseTests(ITestOutputHelper output)
{
    /// <summary>How many files are closed, unless XESVM_CLOSE_COUNT says otherwise.</summary>
    private const int DefaultCount = 10_000;
    private const int Closers = 4;
    private const ulong Address = 0x10_0000_0000;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    [Fact]
    [Trait("Rule", "1.close")]
    public void Files_that_are_closed_with_work_in_flight_from_any_thread_leave_nothing_behind()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("XESVM_CLOSE_COUNT"), NumberStyles.None, CultureInfo.InvariantCulture, out int wanted)
            ? wanted
            : DefaultCount;
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {count} files");
        var options = new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" };
        using var keeper = new DrmClient(options);
        ulong batch = PrepareSpinner();
        Close(keeper, batch, new Random(seed)); // what the process keeps after its first queue
        FenceDescriptors.Sweep();
        ProcessResources before = ProcessResources.Now;
        int descriptors = FenceDescriptors.Count;
        int next = 0;
        var closers = Enumerable.Range(0, Closers).Select(index => BlockingCall.Start(() =>
        {
            var random = new Random(seed + index);
            while (Interlocked.Increment(ref next) <= count)
            {
                Close(keeper, batch, random);
            }
        })).ToArray();
        Assert.All(closers, closer => Assert.True(closer.EndsWithin(s_patience), "Closing a file does not end."));
        Assert.All(closers, closer => Assert.True(closer.Result));
        before.AssertNothingAdded();
        Assert.Equal(descriptors, FenceDescriptors.Count);
        Assert.Equal(0ul, keeper.Device.SystemMemoryUse);
        Assert.InRange(keeper.Device.Vram.Used, 0ul, 0x1000ul); // the batch, which belongs to the process
        DrmClient.Unmap(batch, 0x1000);
    }

    /// <summary>A batch that never ends, in memory that a fault-mode VM mirrors.</summary>
    private static ulong PrepareSpinner()
    {
        ulong batch = DrmClient.Map(0x1000);
        uint[] commands = [0, .. Commands.Jump(batch)];
        commands.CopyTo(new Span<uint>((void*)batch, commands.Length));
        return batch;
    }

    /// <summary>Opens a file, gives it work of a random kind that does not end, and closes it, sometimes from several threads.</summary>
    private static void Close(DrmClient keeper, ulong batch, Random random)
    {
        var client = new DrmClient(keeper);
        DrmFile file = client.File;
        int kind = random.Next(4);
        BlockingCall<int>? waiter = null;
        if (kind == 3)
        {
            uint handle = client.CreateSyncobj();
            const uint flags = Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
            waiter = BlockingCall.Start(() => client.WaitFor(handle, long.MaxValue, flags));
        }
        else if (kind == 0)
        {
            uint vm = client.CreateVm(DrmClient.FaultMode);
            Assert.Equal(0, client.BindMirror(vm, 0, 1UL << 47));
            Submit(client, client.CreateQueue(vm), batch);
        }
        else
        {
            QueueBehindASpinner(client, waitWithBind: kind == 1);
        }

        if (random.Next(4) == 0)
        {
            var others = Enumerable.Range(0, 2).Select(_ => BlockingCall.Start(file.Dispose)).ToArray();
            file.Dispose();
            Assert.All(others, other => Assert.True(other.EndsWithin(s_patience)));
        }
        else
        {
            file.Dispose();
        }

        if (waiter is not null)
        {
            Assert.True(waiter.EndsWithin(s_patience), "A wait outlives its file.");
            Assert.Contains(waiter.Result, (int[])[-Errno.EINTR, -Errno.EBADF]);
        }
    }

    /// <summary>A job that spins in an object, and a job or a bind that waits for its fence.</summary>
    private static void QueueBehindASpinner(DrmClient client, bool waitWithBind)
    {
        uint vm = client.CreateVm(0);
        uint handle = client.CreateBo(0x1000);
        uint* spinner = (uint*)client.MapBo(handle, 0x1000);
        uint[] commands = [0, .. Commands.Jump(Address)];
        commands.CopyTo(new Span<uint>(spinner, commands.Length));
        client.UnmapBo(spinner, 0x1000);
        Assert.Equal(0, client.BindBo(vm, handle, Address, 0x1000));
        uint syncobj = client.CreateSyncobj();
        Submit(client, client.CreateQueue(vm), Address, FenceMachine.Syncobj(syncobj, signal: true));
        drm_xe_sync wait = FenceMachine.Syncobj(syncobj, signal: false);
        Assert.Equal(0, client.Export(syncobj, out int descriptor, Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE));
        SyncobjClient.Own(descriptor).Dispose();
        if (!waitWithBind)
        {
            Submit(client, client.CreateQueue(vm), Address, wait);
            return;
        }

        var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = 1, bind = Ops.MapNull(2 * Address, 0x1000), num_syncs = 1, syncs = (ulong)&wait };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
    }

    private static void Submit(DrmClient client, uint queue, ulong batch, params ReadOnlySpan<drm_xe_sync> syncs)
    {
        fixed (drm_xe_sync* list = syncs)
        {
            var exec = new drm_xe_exec
            {
                exec_queue_id = queue,
                num_batch_buffer = 1,
                address = batch,
                num_syncs = (uint)syncs.Length,
                syncs = (ulong)list,
            };
            Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        }
    }
}

using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;

using static XeSvm.Interop.Uapi.Drm;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>SYNCOBJ_HANDLE_TO_FD, SYNCOBJ_FD_TO_HANDLE and SYNCOBJ_EVENTFD: syncobjs and fences as file descriptors. Counts descriptors.</summary>
[Collection(DriverConcurrencyCollection.Name)]
public sealed unsafe class SyncobjDescriptorTests : IDisposable
{
    private const uint Unknown = 77;
    private const uint ExportSyncFile = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    private const uint ExportTimeline = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
    private const uint ImportSyncFile = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
    private const uint ImportTimeline = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE;
    private readonly FenceMachine _machine = new();

    private GpuClient Gpu => _machine.Gpu;

    public void Dispose() => _machine.Dispose();

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void An_export_checks_its_arguments()
    {
        uint handle = Gpu.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, Gpu.Export(handle, out _, pad: 1));
        Assert.Equal(-Errno.EINVAL, Gpu.Export(handle, out _, flags: 4));
        Assert.Equal(-Errno.EINVAL, Gpu.Export(Unknown, out _));
        Assert.Equal(-Errno.ENOENT, Gpu.Export(Unknown, out _, ExportSyncFile));
        Assert.Equal(-Errno.EINVAL, Gpu.Export(handle, out _, ExportSyncFile)); // no fence
        Assert.Equal(-Errno.EINVAL, Gpu.Export(handle, out _, ExportSyncFile | ExportTimeline, point: 1));
        foreach (uint flags in (uint[])[0, ExportSyncFile, ExportTimeline])
        {
            Assert.Equal(-Errno.EINVAL, Gpu.Export(handle, out int descriptor, flags, point: 1));
            Assert.Equal(-1, descriptor);
        }
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_FD_TO_HANDLE")]
    public void An_import_checks_its_arguments_and_what_kind_of_descriptor_it_gets()
    {
        uint handle = Gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(0, Gpu.Export(handle, out int syncobj));
        Assert.Equal(0, Gpu.Export(handle, out int syncFile, ExportSyncFile));
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        using FileDescriptorHandle first = SyncobjClient.Own(syncobj);
        using FileDescriptorHandle second = SyncobjClient.Own(syncFile);
        using FileDescriptorHandle third = eventFd!;
        uint into = handle;
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncobj, ref into, pad: 1));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncobj, ref into, flags: 4));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncobj, ref into, point: 1));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncFile, ref into, ImportSyncFile, point: 1));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncFile, ref into));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(syncobj, ref into, ImportSyncFile));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(SyncobjClient.NumberOf(third), ref into));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(SyncobjClient.NumberOf(third), ref into, ImportSyncFile));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(-1, ref into));
        Assert.Equal(-Errno.EINVAL, Gpu.Import(int.MaxValue, ref into, ImportSyncFile));
        into = Unknown;
        Assert.Equal(-Errno.ENOENT, Gpu.Import(syncFile, ref into, ImportSyncFile));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void A_syncobj_is_the_same_in_every_file_that_imports_it()
    {
        using var other = new DrmClient(Gpu);
        uint handle = Gpu.CreateSyncobj();
        Assert.Equal(0, Gpu.Export(handle, out int descriptor));
        using (FileDescriptorHandle file = SyncobjClient.Own(descriptor))
        {
            Assert.Equal(0, Gpu.DestroySyncobj(handle)); // the descriptor keeps it
            uint there = 0;
            Assert.Equal(0, other.Import(descriptor, ref there));
            uint back = 0;
            Assert.Equal(0, Gpu.Import(descriptor, ref back));
            Assert.NotEqual(0u, back);
            Assert.Equal(0, other.Signal(there));
            Assert.Equal(0, Gpu.WaitFor(back));
            Assert.Equal(0, other.Reset(there));
            Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(back));
        }

        uint late = 0;
        Assert.Equal(-Errno.EINVAL, Gpu.Import(descriptor, ref late)); // closed
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void Callers_with_the_struct_of_16_bytes_still_work()
    {
        const uint shorter = (DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD & ~(0x3fffu << 16)) | (16 << 16);
        var export = new drm_syncobj_handle { handle = Gpu.CreateSyncobj(), point = ulong.MaxValue };
        Assert.Equal(0, Gpu.Ioctl(shorter, ref export));
        Assert.Equal(ulong.MaxValue, export.point);
        SyncobjClient.Own(export.fd).Dispose();
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void A_sync_file_becomes_readable_when_its_fence_is_signalled_and_not_before()
    {
        uint pending = _machine.PendingSyncobj(0);
        Assert.Equal(0, Gpu.Export(pending, out int descriptor, ExportSyncFile));
        using FileDescriptorHandle file = SyncobjClient.Own(descriptor);
        Assert.False(SystemCalls.IsReadable(file));
        Assert.Equal(0, Gpu.Reset(pending)); // the sync_file has the fence, not the syncobj
        Assert.False(SystemCalls.IsReadable(file));
        _machine.End(0);
        Assert.True(SyncobjClient.BecomesReadable(file));
        Assert.Equal(0, Gpu.Signal(pending));
        Assert.Equal(0, Gpu.Export(pending, out descriptor, ExportSyncFile));
        using FileDescriptorHandle signaled = SyncobjClient.Own(descriptor);
        Assert.True(SystemCalls.IsReadable(signaled));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_FD_TO_HANDLE")]
    public void A_sync_file_goes_into_a_syncobj_or_to_a_point_also_of_another_device()
    {
        using var elsewhere = new DrmClient();
        uint pending = _machine.PendingSyncobj(0);
        Assert.Equal(0, Gpu.Export(pending, out int descriptor, ExportSyncFile));
        using FileDescriptorHandle file = SyncobjClient.Own(descriptor);
        uint binary = elsewhere.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        uint timeline = elsewhere.CreateSyncobj();
        Assert.Equal(0, elsewhere.Import(descriptor, ref binary, ImportSyncFile));
        Assert.Equal(0, elsewhere.Import(descriptor, ref timeline, ImportSyncFile | ImportTimeline, point: 8));
        Assert.Equal(-Errno.ETIME, elsewhere.WaitFor(binary));
        Assert.Equal(-Errno.ETIME, elsewhere.WaitForPoint(timeline, 8));
        Assert.Equal(-Errno.EINVAL, elsewhere.WaitForPoint(timeline, 9));
        _machine.End(0);
        Assert.Equal(0, elsewhere.WaitFor(binary, SyncobjClient.Later));
        Assert.Equal(0, elsewhere.WaitForPoint(timeline, 8, SyncobjClient.Later));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void A_sync_file_of_a_point_waits_for_all_that_is_before_the_point()
    {
        uint timeline = Gpu.CreateSyncobj();
        _machine.Spin(0, 0, FenceMachine.Syncobj(timeline, signal: true, point: 1));
        _machine.Spin(1, 0, FenceMachine.Syncobj(timeline, signal: true, point: 2));
        _machine.WaitUntilRuns(0);
        _machine.WaitUntilRuns(1);
        Assert.Equal(0, Gpu.Export(timeline, out int descriptor, ExportSyncFile | ExportTimeline, point: 2));
        using FileDescriptorHandle file = SyncobjClient.Own(descriptor);
        uint copy = Gpu.CreateSyncobj();
        Assert.Equal(0, Gpu.Import(descriptor, ref copy, ImportSyncFile));
        _machine.End(1);
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(copy, System.Diagnostics.Stopwatch.GetTimestamp() + 1_000_000));
        Assert.False(SystemCalls.IsReadable(file));
        _machine.End(0);
        Assert.True(SyncobjClient.BecomesReadable(file));
        Assert.Equal(0, Gpu.WaitFor(copy, SyncobjClient.Later));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_HANDLE_TO_FD")]
    public void Descriptors_that_the_client_has_closed_are_forgotten()
    {
        FenceDescriptors.Sweep();
        int before = FenceDescriptors.Count;
        int files = Directory.GetFiles("/proc/self/fd").Length;
        uint handle = Gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        for (int i = 0; i < 300; i++)
        {
            Assert.Equal(0, Gpu.Export(handle, out int descriptor, i % 2 == 0 ? ExportSyncFile : 0));
            SyncobjClient.Own(descriptor).Dispose();
            Assert.True(i % 50 != 49 || Directory.GetFiles("/proc/self/fd").Length < files + 100, "Descriptors pile up.");
        }

        Assert.Equal(before, FenceDescriptors.Count);
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_EVENTFD")]
    public void An_eventfd_call_checks_its_arguments()
    {
        uint handle = Gpu.CreateSyncobj();
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        using FileDescriptorHandle file = eventFd!;
        int number = SyncobjClient.NumberOf(file);
        Assert.Equal(-Errno.EINVAL, Gpu.SetEventFd(handle, number, pad: 1));
        Assert.Equal(-Errno.EINVAL, Gpu.SetEventFd(handle, number, flags: DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL));
        Assert.Equal(-Errno.EINVAL, Gpu.SetEventFd(Unknown, number, pad: 1));
        Assert.Equal(-Errno.ENOENT, Gpu.SetEventFd(Unknown, -1));
        Assert.Equal(-Errno.EBADF, Gpu.SetEventFd(handle, -1));
        Assert.Equal(0, Gpu.Export(handle, out int other));
        using FileDescriptorHandle noEventFd = SyncobjClient.Own(other);
        Assert.Equal(-Errno.EINVAL, Gpu.SetEventFd(handle, other));
        Assert.Equal(0, Gpu.SetEventFd(handle, number));
        Assert.False(SystemCalls.IsReadable(file));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(3ul)]
    [Trait("Rule", "15.SYNCOBJ_EVENTFD")]
    public void An_eventfd_is_signalled_with_the_fence_or_when_it_is_submitted(ulong point)
    {
        uint handle = Gpu.CreateSyncobj();
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? one));
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? two));
        using FileDescriptorHandle done = one!;
        using FileDescriptorHandle available = two!;
        Assert.Equal(0, Gpu.SetEventFd(handle, SyncobjClient.NumberOf(done), point));
        Assert.Equal(0, Gpu.SetEventFd(handle, SyncobjClient.NumberOf(available), point, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE));
        _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true, point));
        Assert.True(SystemCalls.IsReadable(available));
        Assert.False(SystemCalls.IsReadable(done));
        _machine.WaitUntilRuns(0);
        _machine.End(0);
        Assert.True(SyncobjClient.BecomesReadable(done));
        ulong count = 0;
        Assert.Equal(8, SystemCalls.Read(done, new Span<byte>(&count, 8)));
        Assert.Equal(1ul, count);
        Assert.Equal(0, Gpu.SetEventFd(handle, SyncobjClient.NumberOf(done), point)); // signalled already
        Assert.True(SystemCalls.IsReadable(done));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_EVENTFD")]
    public void An_eventfd_that_waits_is_let_go_with_its_syncobj_and_with_its_file()
    {
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        using FileDescriptorHandle file = eventFd!;
        int before = CountEventFds();
        for (int round = 0; round < 2; round++)
        {
            using var client = new DrmClient(Gpu);
            uint handle = client.CreateSyncobj();
            Assert.Equal(0, client.SetEventFd(handle, SyncobjClient.NumberOf(file), point: 5));
            Assert.Equal(before + 1, CountEventFds());
            if (round == 0)
            {
                Assert.Equal(0, client.DestroySyncobj(handle));
                Assert.Equal(before, CountEventFds());
            }
        }

        Assert.Equal(before, CountEventFds());
        Assert.False(SystemCalls.IsReadable(file));
    }

    private static int CountEventFds() => Directory.GetFiles("/proc/self/fd")
        .Count(file => new FileInfo(file).LinkTarget == "anon_inode:[eventfd]");
}

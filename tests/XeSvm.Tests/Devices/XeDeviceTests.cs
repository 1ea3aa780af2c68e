using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Statistics;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Devices;

public sealed class XeDeviceTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();

    [Fact]
    public void Queries_come_back_as_records()
    {
        using XeDevice device = Open();

        Assert.Equal(0xe20b, device.Configuration.DeviceId);
        Assert.Equal(3, device.Configuration.Revision);
        Assert.Equal(48, device.Configuration.VirtualAddressBits);
        Assert.True(device.Capabilities.SupportsCpuAddressMirror);
        Assert.True(device.Capabilities.HasVram);
        Assert.Equal(
            [new XeEngine(XeEngineClass.Render, 0, 0), new XeEngine(XeEngineClass.Copy, 0, 0), new XeEngine(XeEngineClass.Compute, 0, 0)],
            device.Engines);
        Assert.Equal("copy0@gt0", device.FindEngine(XeEngineClass.Copy).ToString());
        Assert.Equal([XeMemoryClass.System, XeMemoryClass.Vram], device.MemoryRegions.Select(region => region.MemoryClass));
        Assert.Equal(8UL << 30, device.MemoryRegions[1].TotalSize);
        XeGt gt = Assert.Single(device.Gts);
        Assert.Equal(new Version(20, 1, 0), gt.IpVersion);
        Assert.Equal(19_200_000u, gt.ReferenceClock);
    }

    [Fact]
    public void Every_query_asks_for_the_size_first_and_then_with_exactly_that_size()
    {
        using XeDevice device = Open();

        drm_xe_device_query[] queries = [.. _backend.File.Log.Select(request => request.Argument<drm_xe_device_query>())];

        Assert.Equal([0u, 48u, 0u, 104u, 0u, 184u, 0u, 104u], queries.Select(query => query.size));
        Assert.All(queries.Where(query => query.size == 0), query => Assert.Equal(0u, query.data));
    }

    [Theory]
    [InlineData(20, 48, 2)]
    [InlineData(30, 48, 2)]
    [InlineData(12, 48, 3)]
    [InlineData(0, 57, 3)]
    [InlineData(0, 48, 0)]
    public void The_write_back_page_attribute_is_the_generations(int version, int addressBits, int expected)
    {
        XeConfiguration configuration = new(0, 0, 0, 4096, addressBits, 1);
        XeGt gt = new(XeGtType.Main, 0, 0, 0, 0, 0, new Version(version, 0, 0));

        Assert.Equal(expected, PatIndex.WriteBack(configuration, [gt]));
    }

    [Fact]
    public void A_missing_engine_class_is_named_with_what_there_is()
    {
        using XeDevice device = Open();

        InvalidOperationException exception = Assert.Throws<InvalidOperationException>(() => device.FindEngine(XeEngineClass.VideoDecode));

        Assert.Contains("render0@gt0, copy0@gt0, compute0@gt0", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_without_permission_names_the_render_group()
    {
        _backend.OpenErrno = Errno.EACCES;

        XeException exception = Assert.Throws<XeException>(Open);

        Assert.Equal(Errno.EACCES, exception.Errno);
        Assert.Equal(Errno.EACCES, exception.HResult);
        Assert.Equal("EACCES", exception.ErrnoName);
        Assert.Contains("/dev/dri/renderD128", exception.Request, StringComparison.Ordinal);
        Assert.Contains("render", exception.NextStep, StringComparison.Ordinal);
        Assert.Contains(exception.NextStep, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_device_is_told_as_such_and_the_file_is_closed()
    {
        _backend.Prepare = file => file.Fail(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, Errno.ENODEV);

        XeException exception = Assert.Throws<XeException>(Open);

        Assert.True(exception.IsDeviceLost);
        Assert.Contains("The device is gone", exception.Message, StringComparison.Ordinal);
        Assert.True(_backend.File.IsClosed);
    }

    [Theory]
    [InlineData(6u, "claims 6 records but has room for 5")]
    [InlineData(2u, "it has 2 values instead of at least 5")]
    public void An_answer_that_contradicts_itself_is_refused(uint claimed, string expected)
    {
        _backend.Prepare = file => file.Queries.ClaimedParameters = claimed;

        InvalidDataException exception = Assert.Throws<InvalidDataException>(Open);

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.True(_backend.File.IsClosed);
    }

    [Fact]
    public void A_newer_kernel_may_have_more_parameters()
    {
        _backend.Prepare = file => file.Queries.Config = [.. file.Queries.Config, 77, 78];

        using XeDevice device = Open();

        Assert.Equal(1, device.Configuration.MaximumPriority);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(64UL)]
    public void An_address_width_that_no_address_space_can_have_is_refused(ulong bits)
    {
        _backend.Prepare = file => file.Queries.Config = [0, 0x3f, 4096, bits, 1];

        Assert.Throws<InvalidDataException>(Open);
    }

    [Fact]
    public void Statistics_that_cannot_be_read_say_why()
    {
        using XeDevice device = Open();

        Assert.False(device.TryReadGtStatistics(0, out _, out string? reason));
        StatisticsUnavailableException exception = Assert.Throws<StatisticsUnavailableException>(() => device.ReadGtStatistics());

        Assert.Contains("run as root", reason, StringComparison.Ordinal);
        Assert.Contains("gt0/stats of /dev/dri/renderD128 cannot be read", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_are_read_by_gt()
    {
        _backend.Prepare = file => file.DebugFiles["gt1/stats"] = () => "tlb_inval_count: 5\n";

        using XeDevice device = Open();

        Assert.Equal([new Counter("tlb_inval_count", 5, 1)], device.ReadGtStatistics(1).Snapshot.Counters);
    }

    [Fact]
    public void A_disposed_device_refuses_work_and_may_be_disposed_again()
    {
        XeDevice device = Open();
        device.Dispose();
        device.Dispose();

        Assert.Throws<ObjectDisposedException>(device.CreateMirrorVm);
        Assert.Throws<ObjectDisposedException>(() => device.ReadDebugFile("backend"));
        Assert.True(_backend.File.IsClosed);
        Assert.False(_backend.IsDisposed);
    }

    public void Dispose() => _backend.Dispose();

    private XeDevice Open() => XeDevice.Open(_backend, _backend.Nodes[0]);
}

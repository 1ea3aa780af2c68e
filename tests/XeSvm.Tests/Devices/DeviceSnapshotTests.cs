using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Devices;

public sealed unsafe class DeviceSnapshotTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();

    [Fact]
    public void A_snapshot_has_the_answer_to_every_query()
    {
        _backend.Prepare = file => AnswerAll(file.Queries);
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);

        XeDeviceSnapshot snapshot = device.QuerySnapshot();

        Assert.Empty(snapshot.Unavailable);
        Assert.Equal(device.Configuration, snapshot.Configuration);
        Assert.Equal((3, 2, 1), (snapshot.Engines.Count, snapshot.MemoryRegions.Count, snapshot.Gts.Count));
        Assert.Equal(
            [(0, XeTopologyKind.ComputeSubslices, 3), (1, XeTopologyKind.CacheBanks, 8)],
            snapshot.Topology.Select(mask => (mask.GtId, mask.Kind, mask.Count)));
        Assert.Equal([true, false, true, true, false], Enumerable.Range(6, 5).Select(snapshot.Topology[0].Has));
        Assert.Equal(
            [
                new XeFirmwareVersion(XeFirmware.GucSubmission, 0, new Version(1, 20, 3)),
                new XeFirmwareVersion(XeFirmware.Huc, 0, new Version(9, 4, 13)),
            ],
            snapshot.Firmware);
        Assert.Equal([(7, XeOaUnitType.Graphics, (int?)null), (8, XeOaUnitType.MediaSystemAgent, 1)], snapshot.OaUnits.Select(unit => (unit.Id, unit.UnitType, unit.GtId)));
        Assert.Equal([new XeEngine(XeEngineClass.Render, 0, 0), new XeEngine(XeEngineClass.Compute, 2, 0)], snapshot.OaUnits[0].Engines);
        Assert.Equal(19_200_000UL, snapshot.OaUnits[0].TimestampFrequency);
        Assert.Empty(snapshot.OaUnits[1].Engines);
        Assert.Equal(new XePxpStatus(true, 2), snapshot.Pxp);
        Assert.Equal((1UL, 64UL, 524_288UL), (snapshot.EuStall!.Capabilities, snapshot.EuStall.RecordSize, snapshot.EuStall.BufferSizePerCore));
        Assert.Equal([251UL, 502UL], snapshot.EuStall.SamplingRates);
        Assert.Equal([(4u, 1), (9u, 2)], snapshot.HardwareConfiguration.Select(entry => (entry.Key, entry.Values.Count)));
        Assert.Equal([21u, 22u], snapshot.HardwareConfiguration[1].Values);
    }

    [Fact]
    public void What_device_or_kernel_do_not_know_is_told_with_its_errno()
    {
        _backend.Prepare = file =>
        {
            file.Queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG] = [];
            file.Queries.Refused[DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS] = Errno.ENODEV;
        };
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);

        XeDeviceSnapshot snapshot = device.QuerySnapshot();

        Assert.Equal("ENODEV", snapshot.Unavailable["PXP_STATUS"].ErrnoName);
        Assert.Equal(
            ["EU_STALL", "GT_TOPOLOGY", "OA_UNITS", "PXP_STATUS", "UC_FW_VERSION GUC_SUBMISSION", "UC_FW_VERSION HUC"],
            snapshot.Unavailable.Keys.Order(StringComparer.Ordinal));
        Assert.Null(snapshot.Pxp);
        Assert.Null(snapshot.EuStall);
        Assert.Empty(snapshot.Firmware);
        Assert.Empty(snapshot.HardwareConfiguration);
        Assert.Equal(3, snapshot.Engines.Count);
    }

    [Theory]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY, new uint[] { 0x10000, 500, 0 }, "a mask claims 500 bytes where 4 are left")]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY, new uint[] { 0x10000 }, "a record of 8 bytes begins where 4 are left")]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG, new uint[] { 5, 3, 1, 2 }, "key 5 claims 3 values where 2 are left")]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_OA_UNITS, new uint[] { 0, 0, 1, 0 }, "a record of 72 bytes begins where 0 are left")]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS, new uint[] { 1 }, "a record of 8 bytes begins where 4 are left")]
    public void An_answer_that_contradicts_itself_is_refused(uint query, uint[] words, string problem)
    {
        _backend.Prepare = file =>
        {
            AnswerAll(file.Queries);
            file.Queries.Optional[query] = Words(words);
        };
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);

        InvalidDataException exception = Assert.Throws<InvalidDataException>(device.QuerySnapshot);

        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engines_time_stamp_comes_with_a_clock()
    {
        drm_xe_query_engine_cycles asked = default;
        _backend.Prepare = file => file.Queries.Exchange = (_, data) =>
        {
            drm_xe_query_engine_cycles* block = (drm_xe_query_engine_cycles*)data;
            asked = *block;
            (block->width, block->engine_cycles, block->cpu_timestamp, block->cpu_delta) = (36, 1000, 2000, 30);
            return 0;
        };
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);
        XeEngine engine = new(XeEngineClass.Compute, 1, 2);

        Assert.Equal(new XeEngineTimestamp(engine, 1000, 36, 2000, 30), device.ReadEngineTimestamp(engine, CpuClock.Boottime));
        Assert.Equal((4, 1, 2, 7), (asked.eci.engine_class, asked.eci.engine_instance, asked.eci.gt_id, asked.clockid));
        _backend.File.Queries.Refused[DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES] = Errno.EOPNOTSUPP;
        XeException exception = Assert.Throws<XeException>(() => device.ReadEngineTimestamp(engine));
        Assert.Equal("query ENGINE_CYCLES of compute1@gt2 against Monotonic", exception.Request);
    }

    [Fact]
    public void Features_are_told_by_flags_capabilities_and_probes()
    {
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);

        XeFeature[] absent = [.. Enum.GetValues<XeFeature>().Where(feature => !device.Supports(feature))];

        Assert.Equal([XeFeature.TimelineSyncObjects], absent);
        Assert.True(device.Capabilities.SupportsSystemAllocations);
        Assert.Equal(Errno.EOPNOTSUPP, device.TryGetCapability(Drm.DRM_CAP_CURSOR_WIDTH, out _).Errno);
        Assert.Throws<ArgumentOutOfRangeException>(() => device.Supports((XeFeature)99));
    }

    [Fact]
    public void A_client_can_be_named()
    {
        using XeDevice device = XeDevice.Open(_backend, _backend.Nodes[0]);

        device.SetClientName("measurement");
        device.SetClientName("");
        XeException exception = Assert.Throws<XeException>(() => device.SetClientName(new string('x', 65)));

        Assert.Equal("a name of 65 characters", exception.Request);
        Assert.Contains("at most 64 bytes", exception.NextStep, StringComparison.Ordinal);
    }

    public void Dispose() => _backend.Dispose();

    private static void AnswerAll(ScriptedQueries queries)
    {
        queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG] = Words(4, 1, 11, 9, 2, 21, 22);
        queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY] =
        [
            .. Words(0x20000, 2), 0x40, 0x03, .. Words(0x30001, 8), 1, 1, 1, 1, 1, 1, 1, 1,
        ];
        queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_OA_UNITS] =
        [
            .. ScriptedQueries.Bytes(
                new drm_xe_query_oa_units { num_oa_units = 2 },
                [new drm_xe_oa_unit { oa_unit_id = 7, capabilities = 1, oa_timestamp_freq = 19_200_000, num_engines = 2 }]),
            .. ScriptedQueries.Bytes(
                new drm_xe_engine_class_instance(), [new drm_xe_engine_class_instance { engine_class = 4, engine_instance = 2 }]),
            .. ScriptedQueries.Bytes<drm_xe_oa_unit, byte>(
                new drm_xe_oa_unit { oa_unit_id = 8, oa_unit_type = 2, capabilities = 0x21, gt_id = 1 }, []),
        ];
        queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS] =
            ScriptedQueries.Bytes<drm_xe_query_pxp_status, byte>(new() { status = 1, supported_session_types = 2 }, []);
        queries.Optional[DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL] = ScriptedQueries.Bytes(
            new drm_xe_query_eu_stall { capabilities = 1, record_size = 64, per_xecore_buf_size = 524_288, num_sampling_rates = 2 },
            [251UL, 502UL]);
        queries.Exchange = (_, data) =>
        {
            drm_xe_query_uc_fw_version* version = (drm_xe_query_uc_fw_version*)data;
            (version->major_ver, version->minor_ver, version->patch_ver) = version->uc_type == 0 ? (1u, 20u, 3u) : (9u, 4u, 13u);
            return 0;
        };
    }

    private static byte[] Words(params uint[] words) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(words.AsSpan()).ToArray();
}

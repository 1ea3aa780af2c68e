using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>The queries that not every device or kernel answers.</content>
internal static unsafe partial class DeviceQuery
{
    /// <summary>Asks for the fuse masks: records of different lengths, back to back.</summary>
    internal static XeResult Topology(DeviceFile file, out IReadOnlyList<XeTopologyMask> masks)
    {
        masks = [];
        XeResult result = TryAsk(file, DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY, "GT_TOPOLOGY", out byte[] answer);
        if (!result.IsSuccess)
        {
            return result;
        }

        List<XeTopologyMask> found = [];
        for (int position = 0; position < answer.Length;)
        {
            drm_xe_query_topology_mask head = Record<drm_xe_query_topology_mask>(answer, position, "GT_TOPOLOGY");
            position += sizeof(drm_xe_query_topology_mask);
            if (head.num_bytes > (uint)(answer.Length - position))
            {
                throw Malformed("GT_TOPOLOGY", $"a mask claims {head.num_bytes} bytes where {answer.Length - position} are left");
            }

            found.Add(new XeTopologyMask(head.gt_id, (XeTopologyKind)head.type, answer.AsMemory(position, (int)head.num_bytes)));
            position += (int)head.num_bytes;
        }

        masks = found;
        return result;
    }

    /// <summary>Asks for a firmware's version: the answer's struct carries the question.</summary>
    internal static XeResult Firmware(DeviceFile file, XeFirmware firmware, out XeFirmwareVersion? version)
    {
        drm_xe_query_uc_fw_version answer = new() { uc_type = (ushort)firmware };
        XeResult result = TryExchange(file, DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION, ref answer);
        version = result.IsSuccess
            ? new XeFirmwareVersion(firmware, answer.branch_ver, VersionOf(answer.major_ver, answer.minor_ver, answer.patch_ver))
            : null;
        return result;
    }

    /// <summary>Asks for the OA units: records of different lengths, back to back.</summary>
    internal static XeResult OaUnits(DeviceFile file, out IReadOnlyList<XeOaUnit> units)
    {
        units = [];
        XeResult result = TryAsk(file, DrmXe.DRM_XE_DEVICE_QUERY_OA_UNITS, "OA_UNITS", out byte[] answer);
        if (!result.IsSuccess)
        {
            return result;
        }

        List<XeOaUnit> found = [];
        drm_xe_query_oa_units head = Record<drm_xe_query_oa_units>(answer, 0, "OA_UNITS");
        int position = sizeof(drm_xe_query_oa_units);
        for (uint unit = 0; unit < head.num_oa_units; unit++)
        {
            drm_xe_oa_unit record = Record<drm_xe_oa_unit>(answer, position, "OA_UNITS");
            position += sizeof(drm_xe_oa_unit);
            if (record.num_engines > (ulong)((answer.Length - position) / sizeof(drm_xe_engine_class_instance)))
            {
                throw Malformed("OA_UNITS", $"unit {record.oa_unit_id} claims {record.num_engines} engines");
            }

            XeEngine[] engines = new XeEngine[record.num_engines];
            for (int index = 0; index < engines.Length; index++)
            {
                engines[index] = EngineOf(Record<drm_xe_engine_class_instance>(answer, position, "OA_UNITS"));
                position += sizeof(drm_xe_engine_class_instance);
            }

            found.Add(new XeOaUnit(
                (int)record.oa_unit_id,
                (XeOaUnitType)record.oa_unit_type,
                record.capabilities,
                record.oa_timestamp_freq,
                (record.capabilities & DrmXe.DRM_XE_OA_CAPS_OA_UNIT_GT_ID) != 0 ? record.gt_id : null,
                engines));
        }

        units = found;
        return result;
    }

    /// <summary>Asks for the state of protected content.</summary>
    internal static XeResult Pxp(DeviceFile file, out XePxpStatus? status)
    {
        XeResult result = TryAsk(file, DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS, "PXP_STATUS", out byte[] answer);
        status = null;
        if (result.IsSuccess)
        {
            drm_xe_query_pxp_status record = Record<drm_xe_query_pxp_status>(answer, 0, "PXP_STATUS");
            status = new XePxpStatus(record.status != 0, record.supported_session_types);
        }

        return result;
    }

    /// <summary>Asks how stalls can be sampled.</summary>
    internal static XeResult EuStall(DeviceFile file, out XeEuStallSampling? sampling)
    {
        XeResult result = TryAsk(file, DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL, "EU_STALL", out byte[] answer);
        sampling = null;
        if (result.IsSuccess)
        {
            ReadOnlySpan<ulong> rates = Items<drm_xe_query_eu_stall, ulong>(answer, "EU_STALL", out drm_xe_query_eu_stall head);
            if (head.num_sampling_rates > (ulong)rates.Length)
            {
                throw Malformed("EU_STALL", $"it claims {head.num_sampling_rates} rates but has room for {rates.Length}");
            }

            sampling = new XeEuStallSampling(
                head.capabilities, head.record_size, head.per_xecore_buf_size, rates[..(int)head.num_sampling_rates].ToArray());
        }

        return result;
    }

    /// <summary>Asks for the hardware configuration table: key, number of values, values.</summary>
    internal static XeResult HardwareConfiguration(DeviceFile file, out IReadOnlyList<XeHardwareConfigurationEntry> entries)
    {
        entries = [];
        XeResult result = TryAsk(file, DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG, "HWCONFIG", out byte[] answer);
        if (!result.IsSuccess)
        {
            return result;
        }

        List<XeHardwareConfigurationEntry> found = [];
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(answer);
        while (words.Length >= 2)
        {
            uint key = words[0];
            uint length = words[1];
            words = words[2..];
            if (length > (uint)words.Length)
            {
                throw Malformed("HWCONFIG", $"key {key} claims {length} values where {words.Length} are left");
            }

            found.Add(new XeHardwareConfigurationEntry(key, words[..(int)length].ToArray()));
            words = words[(int)length..];
        }

        entries = found;
        return result;
    }

    /// <summary>Reads an engine's time stamp counter: the answer's struct carries the question.</summary>
    internal static XeResult EngineCycles(DeviceFile file, XeEngine engine, CpuClock clock, out XeEngineTimestamp? timestamp)
    {
        drm_xe_query_engine_cycles answer = new()
        {
            eci = new()
            {
                engine_class = (ushort)engine.EngineClass,
                engine_instance = (ushort)engine.Instance,
                gt_id = (ushort)engine.GtId,
            },
            clockid = (int)clock,
        };
        XeResult result = TryExchange(file, DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES, ref answer);
        timestamp = result.IsSuccess
            ? new XeEngineTimestamp(engine, answer.engine_cycles, (int)answer.width, answer.cpu_timestamp, answer.cpu_delta)
            : null;
        return result;
    }

    /// <summary>Asks a query whose buffer holds the question as well: its size is that of the struct.</summary>
    private static XeResult TryExchange<T>(DeviceFile file, uint query, ref T data)
        where T : unmanaged
    {
        fixed (T* pointer = &data)
        {
            drm_xe_device_query request = new() { query = query, size = (uint)sizeof(T), data = (ulong)pointer };
            return file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref request);
        }
    }

    private static T Record<T>(byte[] answer, int position, string name)
        where T : unmanaged => answer.Length - position >= sizeof(T)
        ? Unsafe.ReadUnaligned<T>(ref answer[position])
        : throw Malformed(name, $"a record of {sizeof(T)} bytes begins where {answer.Length - position} are left");

    // A version of the firmware is 32 bits wide in the answer; what exceeds Version's range is a sign of a broken driver.
    private static Version VersionOf(uint major, uint minor, uint patch) => Math.Max(major, Math.Max(minor, patch)) <= int.MaxValue
        ? new Version((int)major, (int)minor, (int)patch)
        : throw Malformed("UC_FW_VERSION", $"the version is {major}.{minor}.{patch}");
}

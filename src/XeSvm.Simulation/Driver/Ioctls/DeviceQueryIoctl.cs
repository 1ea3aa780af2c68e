using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_DEVICE_QUERY (xe_query_ioctl): a size of 0 asks for the size, any other must be exactly it.</summary>
internal static unsafe class DeviceQueryIoctl
{
    private const int LargestAnswer = 1 << 13;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_device_query* args = (drm_xe_device_query*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        SoftwareDevice device = file.Device;
        Span<byte> answer = stackalloc byte[LargestAnswer];
        switch (args->query)
        {
            case DrmXe.DRM_XE_DEVICE_QUERY_ENGINES:
                return Give(file, args, answer[..DeviceQueries.Engines(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS:
                // The kernel's own oddity: this query alone reports a bad pointer so.
                return Give(file, args, answer[..DeviceQueries.MemRegions(device, answer)], -Errno.ENOSPC);
            case DrmXe.DRM_XE_DEVICE_QUERY_CONFIG:
                return Give(file, args, answer[..DeviceQueries.Config(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST:
                return Give(file, args, answer[..DeviceQueries.GtList(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG:
                return Give(file, args, answer[..DeviceQueries.HardwareConfiguration(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY:
                return Give(file, args, answer[..TopologyQuery.Write(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES:
                return Exchange<drm_xe_query_engine_cycles>(file, args, &EngineCyclesQuery.Answer);
            case DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION:
                return Exchange<drm_xe_query_uc_fw_version>(file, args, &FirmwareQuery.Answer);
            case DrmXe.DRM_XE_DEVICE_QUERY_OA_UNITS:
                return Give(file, args, answer[..OaUnitsQuery.Write(device, answer)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS:
                // The size can be had even where the hardware has no protected path; whether it has one is looked at before the data.
                return args->size == sizeof(drm_xe_query_pxp_status) ? -Errno.ENODEV : Give(file, args, answer[..sizeof(drm_xe_query_pxp_status)]);
            case DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL:
                // Whether the hardware can sample is looked at before the size.
                return device.Profile.HasEuStallSampling ? Give(file, args, answer[..DeviceQueries.EuStall(answer)]) : -Errno.ENODEV;
            default:
                return -Errno.EINVAL;
        }
    }

    private static int Give(SoftwareFile file, drm_xe_device_query* args, ReadOnlySpan<byte> answer, int failure = -Errno.EFAULT)
    {
        if (args->size == 0)
        {
            args->size = (uint)answer.Length;
            return 0;
        }

        if (args->size != answer.Length)
        {
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = answer)
        {
            return file.Client.Write(args->data, bytes, (nuint)answer.Length) < 0 ? failure : 0;
        }
    }

    /// <summary>A query whose struct says what is asked and takes the answer.</summary>
    private static int Exchange<T>(SoftwareFile file, drm_xe_device_query* args, delegate*<SoftwareDevice, ref T, int> answer)
        where T : unmanaged
    {
        if (args->size == 0)
        {
            args->size = (uint)sizeof(T);
            return 0;
        }

        if (args->size != sizeof(T))
        {
            return -Errno.EINVAL;
        }

        T value;
        if (file.Client.Read(args->data, &value, (nuint)sizeof(T)) < 0)
        {
            return -Errno.EFAULT;
        }

        int result = answer(file.Device, ref value);
        return result < 0 ? result : file.Client.Write(args->data, &value, (nuint)sizeof(T)) < 0 ? -Errno.EFAULT : 0;
    }
}

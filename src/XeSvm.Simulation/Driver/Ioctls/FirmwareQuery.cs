using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>UC_FW_VERSION (query_uc_fw_version): the versions of the firmware's interfaces.</summary>
internal static class FirmwareQuery
{
    /// <summary>0; -EINVAL; -ENODEV for a HuC that does not run.</summary>
    public static int Answer(SoftwareDevice device, ref drm_xe_query_uc_fw_version value)
    {
        if (value.pad != 0 || value.pad2 != 0 || value.reserved != 0)
        {
            return -Errno.EINVAL;
        }

        FirmwareVersion version;
        switch (value.uc_type)
        {
            case DrmXe.XE_QUERY_UC_TYPE_GUC_SUBMISSION:
                version = device.Profile.GucSubmission;
                break;
            case DrmXe.XE_QUERY_UC_TYPE_HUC:
                if (device.Profile.Huc is not { } huc || !Array.Exists(device.Gts, gt => gt.Type == GtType.Media))
                {
                    return -Errno.ENODEV;
                }

                version = huc;
                break;
            default:
                return -Errno.EINVAL;
        }

        value.branch_ver = 0;
        value.major_ver = version.Major;
        value.minor_ver = version.Minor;
        value.patch_ver = version.Patch;
        return 0;
    }
}

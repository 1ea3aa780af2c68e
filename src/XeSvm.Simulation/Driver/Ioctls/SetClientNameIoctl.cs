using System.Text;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SET_CLIENT_NAME (drm_set_client_name): a name for the open file, of printable ASCII without spaces.</summary>
internal static unsafe class SetClientNameIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_set_client_name* args = (drm_set_client_name*)argument;
        ulong length = args->name_len;
        if (length > Drm.DRM_CLIENT_NAME_MAX_LEN)
        {
            return -Errno.EINVAL;
        }

        byte* name = stackalloc byte[(int)Drm.DRM_CLIENT_NAME_MAX_LEN];
        if (length != 0 && file.Client.Read(args->name, name, (nuint)length) < 0)
        {
            return -Errno.EFAULT;
        }

        var text = new ReadOnlySpan<byte>(name, (int)length);
        if (text.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            return -Errno.EINVAL;
        }

        file.Name = Encoding.ASCII.GetString(text);
        return 0;
    }
}

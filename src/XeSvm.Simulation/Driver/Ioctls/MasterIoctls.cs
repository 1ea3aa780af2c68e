namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Masters, and who is let in by them (drm_auth.c, drm_ioctl.c). Primary nodes only.</summary>
internal static unsafe class MasterIoctls
{
    private const uint OverflowUser = 65534; // overflowuid: what of others is not told

    public static int SetMaster(SoftwareFile file, void* argument) => file.Device.Primary.SetMaster(file.Primary!);

    public static int DropMaster(SoftwareFile file, void* argument) => file.Device.Primary.DropMaster(file.Primary!);

    public static int GetMagic(SoftwareFile file, void* argument)
    {
        ((drm_auth*)argument)->magic = file.Device.Primary.GetMagic(file.Primary!);
        return 0;
    }

    public static int AuthMagic(SoftwareFile file, void* argument) =>
        file.Device.Primary.Authenticate(file.Primary!, ((drm_auth*)argument)->magic);

    /// <summary>drm_getclient: the caller is the only client that it tells of.</summary>
    public static int GetClient(SoftwareFile file, void* argument)
    {
        drm_client* client = (drm_client*)argument;
        if (client->idx != 0)
        {
            return -Errno.EINVAL;
        }

        *client = new drm_client
        {
            auth = file.Primary!.IsAuthenticated ? 1 : 0,
            pid = (ulong)CallerIdentity.ProcessAsItSeesItself,
            uid = OverflowUser,
        };
        return 0;
    }

    /// <summary>drm_getstats: there are none.</summary>
    public static int GetStats(SoftwareFile file, void* argument)
    {
        const int bytes = 248;
        new Span<byte>(argument, bytes).Clear();
        return 0;
    }

    /// <summary>drm_getunique, of a master that has not asked for a version, which gives it a name.</summary>
    public static int GetUnique(SoftwareFile file, void* argument)
    {
        ((drm_unique*)argument)->unique_len = 0;
        return 0;
    }

    /// <summary>drm_setclientcap, of a device without modesetting.</summary>
    public static int SetClientCap(SoftwareFile file, void* argument) => -Errno.EOPNOTSUPP;
}

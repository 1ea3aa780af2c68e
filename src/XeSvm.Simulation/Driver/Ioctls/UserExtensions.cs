using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Chains of drm_xe_user_extension in client memory (xe_bo.c, xe_exec_queue.c).</summary>
internal static unsafe class UserExtensions
{
    private const int LongestChain = 16;

    /// <summary>Walks a chain and hands every SET_PROPERTY to a handler.</summary>
    /// <param name="file">The file of the caller.</param>
    /// <param name="chain">Address of the first extension; 0: none.</param>
    /// <param name="context">What the handler judges by.</param>
    /// <param name="handler">Judges one property.</param>
    /// <returns>0; -EFAULT unreadable; -EINVAL unknown; -E2BIG too long; or what the handler says.</returns>
    public static int ForEachProperty<TContext>(
        SoftwareFile file, ulong chain, TContext context, delegate*<in drm_xe_ext_set_property, TContext, int> handler)
    {
        for (int depth = 0; chain != 0; depth++)
        {
            if (depth == LongestChain)
            {
                return -Errno.E2BIG;
            }

            int result = ReadProperty(file, chain, out drm_xe_ext_set_property property);
            if (result == 0)
            {
                result = handler(property, context);
            }

            if (result < 0)
            {
                return result;
            }

            chain = property.@base.next_extension;
        }

        return 0;
    }

    /// <summary>A PXP_TYPE property, of a queue or of a buffer object: 0 is none, and the one type there is needs hardware that no device has.</summary>
    public static int CheckPxpType(ulong value) => value switch
    {
        0 => 0,
        1 => -Errno.ENODEV,
        _ => -Errno.EINVAL,
    };

    /// <summary>Reads the head of an extension first: only a known name says how much follows.</summary>
    private static int ReadProperty(SoftwareFile file, ulong address, out drm_xe_ext_set_property property)
    {
        property = default;
        fixed (drm_xe_ext_set_property* destination = &property)
        {
            if (file.Client.Read(address, destination, (nuint)sizeof(drm_xe_user_extension)) < 0)
            {
                return -Errno.EFAULT;
            }

            if (property.@base.pad != 0 || property.@base.name != 0)
            {
                return -Errno.EINVAL;
            }

            if (file.Client.Read(address, destination, (nuint)sizeof(drm_xe_ext_set_property)) < 0)
            {
                return -Errno.EFAULT;
            }
        }

        return property.pad != 0 ? -Errno.EINVAL : 0;
    }
}

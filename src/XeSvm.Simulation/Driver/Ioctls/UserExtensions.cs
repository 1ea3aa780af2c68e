using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Chains of drm_xe_user_extension in client memory (xe_bo.c, xe_exec_queue.c).</summary>
internal static unsafe class UserExtensions
{
    private const int LongestChain = 16;

    /// <summary>Walks a chain and hands every SET_PROPERTY to a handler.</summary>
    /// <returns>0; -EFAULT unreadable; -EINVAL unknown; -E2BIG too long; or what the handler says.</returns>
    public static int ForEachProperty(SoftwareFile file, ulong chain, delegate*<SoftwareFile, in drm_xe_ext_set_property, int> handler)
    {
        int depth = 0;
        while (chain != 0)
        {
            if (++depth > LongestChain)
            {
                return -Errno.E2BIG;
            }

            drm_xe_ext_set_property property;
            int result = file.Client.Read(chain, &property, (nuint)sizeof(drm_xe_ext_set_property));
            if (result < 0)
            {
                return result;
            }

            if (property.@base.pad != 0 || property.@base.name != 0 || property.pad != 0)
            {
                return -Errno.EINVAL;
            }

            result = handler(file, property);
            if (result < 0)
            {
                return result;
            }

            chain = property.@base.next_extension;
        }

        return 0;
    }

    /// <summary>Walks a chain of properties none of which is known.</summary>
    public static int Reject(SoftwareFile file, ulong chain) => ForEachProperty(file, chain, &Unknown);

    private static int Unknown(SoftwareFile file, in drm_xe_ext_set_property property) => -Errno.EINVAL;
}

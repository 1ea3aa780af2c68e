using XeSvm.Interop.Uapi;

namespace XeSvm.Fuzz;

/// <summary>
/// What the arguments of a few ioctls must not say, so that every call comes to an end and leaves no descriptor behind: the kernel would wait as
/// long as it is told.
/// </summary>
internal static unsafe class ArgumentLimits
{
    private const uint NumberMask = 0xff;
    private const uint SizeMask = 0x3fff;
    private const uint BothWays = 3u << 30;
    private const long LongestWait = 1_000_000; // ns
    private const int UserFenceTimeout = 40; // drm_xe_wait_user_fence.timeout
    private const int SyncobjTimeout = 8; // drm_syncobj_wait.timeout_nsec
    private const int TimelineTimeout = 16; // drm_syncobj_timeline_wait.timeout_nsec
    private const int TransferFlags = 24; // drm_syncobj_transfer.flags
    private const int HandleFd = 8; // drm_syncobj_handle.fd and drm_prime_handle.fd
    private const int EventFd = 16; // drm_syncobj_eventfd.fd
    private const int PreferredFd = 32; // drm_xe_madvise.preferred_mem_loc.devmem_fd

    /// <summary>Whether what the call finds at a wild address could make it wait, or make a descriptor.</summary>
    public static bool NeedsOwnArgument(uint request) => TimeoutOf(request) is not null || Is(request, Drm.DRM_IOCTL_SYNCOBJ_TRANSFER)
        || Is(request, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD) || Is(request, Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD) || Is(request, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD);

    /// <summary>Makes waits short.</summary>
    public static void Apply(uint request, byte* argument)
    {
        if (TimeoutOf(request) is { } offset)
        {
            ref long timeout = ref *(long*)(argument + offset);
            timeout = timeout is >= 0 and <= LongestWait ? timeout : 0;
        }
        else if (Is(request, Drm.DRM_IOCTL_SYNCOBJ_TRANSFER))
        {
            *(uint*)(argument + TransferFlags) &= ~Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        }
        else if ((Is(request, Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD) || Is(request, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD)) && !GivesDescriptorBack(request))
        {
            // Nobody would know the descriptor, which keeps its object alive: no object has this handle.
            *(uint*)argument = 0;
        }
    }

    /// <summary>Puts the descriptor in place of a name (<see cref="FuzzDescriptors"/>) where the call takes one.</summary>
    public static void Resolve(uint request, byte* argument, FuzzDescriptors descriptors)
    {
        int? offset = Is(request, Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE) || Is(request, Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE) ? HandleFd
            : Is(request, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD) ? EventFd
            : Is(request, DrmXe.DRM_IOCTL_XE_MADVISE) ? PreferredFd
            : null;
        if (offset is { } at)
        {
            ref int fd = ref *(int*)(argument + at);
            fd = descriptors.Resolve(fd);
        }
    }

    /// <summary>Keeps the descriptor that a call has made.</summary>
    public static void KeepDescriptor(uint request, byte* argument, FuzzDescriptors descriptors)
    {
        int fd = *(int*)(argument + HandleFd);
        if ((Is(request, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD) || Is(request, Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD)) && GivesDescriptorBack(request) && fd > 2)
        {
            descriptors.Keep(fd);
        }
    }

    /// <summary>Whether a request for a descriptor is long enough, and goes both ways.</summary>
    private static bool GivesDescriptorBack(uint request) =>
        (request & BothWays) == BothWays && ((request >> 16) & SizeMask) >= HandleFd + sizeof(int);

    private static bool Is(uint request, uint known) => (request & NumberMask) == (known & NumberMask);

    private static int? TimeoutOf(uint request) =>
        Is(request, DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE) ? UserFenceTimeout
        : Is(request, Drm.DRM_IOCTL_SYNCOBJ_WAIT) ? SyncobjTimeout
        : Is(request, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT) ? TimelineTimeout
        : null;
}

using System.Runtime.CompilerServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Ioctls;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// What every ioctl goes through before and after its handler (drm_ioctl): type and number, copy-in of as many bytes as the caller's
/// number says, copy-back even when the handler failed.
/// </summary>
internal static unsafe class IoctlDispatcher
{
    private const int LargestArgument = 1 << 14; // the size field of a request number has 14 bits
    private const uint DirectionWrite = 1; // user space writes, the kernel reads
    private const uint DirectionRead = 2;

    // Core ioctls of primary nodes (drm.h, drm_mode.h).
    private const uint GetUnique = 0xc0106401;
    private const uint GetMagic = 0x80046402;
    private const uint GetClient = 0xc0286405;
    private const uint GetStats = 0x80f86406;
    private const uint GemFlink = 0xc008640a;
    private const uint GemOpen = 0xc010640b;
    private const uint AuthMagic = 0x40046411;
    private const uint SetMaster = 0x0000641e;
    private const uint DropMaster = 0x0000641f;
    private const uint CreateDumb = 0xc02064b2;
    private const uint MapDumb = 0xc01064b3;
    private const uint DestroyDumb = 0xc00464b4;

    private static readonly Entry[] s_table = BuildTable();

    /// <summary>Runs one ioctl of a file.</summary>
    [SkipLocalsInit]
    public static int Dispatch(SoftwareFile file, uint request, ulong argument)
    {
        if (file.Device.Loss.Strikes())
        {
            // For every command, unknown ones included (xe_drm_ioctl).
            return -Errno.ECANCELED;
        }

        if (((request >> 8) & 0xff) != Drm.DRM_IOCTL_BASE)
        {
            return -Errno.ENOTTY;
        }

        ref readonly Entry entry = ref s_table[request & 0xff];
        if (entry.Handler is null)
        {
            // A hole in the table is EINVAL, not ENOTTY: what an older kernel lacks looks like a bad argument.
            return -Errno.EINVAL;
        }

        // The number alone picks the handler; the size says how much is copied, in and out alike: what the caller lacks is zero, what it
        // has too much comes back as it was.
        byte* block = stackalloc byte[LargestArgument];
        uint size = SizeOf(request);
        uint known = SizeOf(entry.Request);
        uint directions = DirectionsOf(request) & DirectionsOf(entry.Request);
        uint copied = (directions & DirectionWrite) != 0 ? size : 0;
        new Span<byte>(block + copied, (int)(Math.Max(size, known) - copied)).Clear();
        if (copied != 0 && file.Client.Read(argument, block, copied) < 0)
        {
            return -Errno.EFAULT;
        }

        int result = Permits(entry.Access, file) ? entry.Handler(file, block) : -Errno.EACCES;
        return (directions & DirectionRead) != 0 && size != 0 && file.Client.Write(argument, block, size) < 0 ? -Errno.EFAULT : result;
    }

    /// <summary>Whether a file may make a call (drm_ioctl_permit), which is looked at once its argument has been copied in.</summary>
    private static bool Permits(IoctlAccess access, SoftwareFile file) => access switch
    {
        IoctlAccess.All => true,
        IoctlAccess.Primary => file.Primary is not null,
        IoctlAccess.Authenticated => file.Primary is { IsAuthenticated: true },
        _ => file.Primary is { } client && file.Device.Primary.IsMaster(client),
    };

    private static uint SizeOf(uint request) => (request >> 16) & 0x3fff;

    private static uint DirectionsOf(uint request) => request >> 30;

    private static Entry[] BuildTable()
    {
        var table = new Entry[256];
        Add(table, Drm.DRM_IOCTL_VERSION, &VersionIoctl.Invoke);
        Add(table, Drm.DRM_IOCTL_GET_CAP, &GetCapIoctl.Invoke);
        Add(table, Drm.DRM_IOCTL_SET_CLIENT_NAME, &SetClientNameIoctl.Invoke);
        Add(table, Drm.DRM_IOCTL_SET_CLIENT_CAP, &MasterIoctls.SetClientCap, IoctlAccess.Primary);
        Add(table, GetUnique, &MasterIoctls.GetUnique, IoctlAccess.Primary);
        Add(table, GetMagic, &MasterIoctls.GetMagic, IoctlAccess.Primary);
        Add(table, GetClient, &MasterIoctls.GetClient, IoctlAccess.Primary);
        Add(table, GetStats, &MasterIoctls.GetStats, IoctlAccess.Primary);
        Add(table, AuthMagic, &MasterIoctls.AuthMagic, IoctlAccess.Master);
        Add(table, SetMaster, &MasterIoctls.SetMaster, IoctlAccess.Primary);
        Add(table, DropMaster, &MasterIoctls.DropMaster, IoctlAccess.Primary);
        Add(table, GemFlink, &GemNameIoctls.Flink, IoctlAccess.Authenticated);
        Add(table, GemOpen, &GemNameIoctls.Open, IoctlAccess.Authenticated);
        Add(table, CreateDumb, &DumbBufferIoctls.Create, IoctlAccess.Primary);
        Add(table, MapDumb, &DumbBufferIoctls.Map, IoctlAccess.Primary);
        Add(table, DestroyDumb, &GemCloseIoctl.Invoke, IoctlAccess.Primary);
        Add(table, Drm.DRM_IOCTL_GEM_CLOSE, &GemCloseIoctl.Invoke);
        Add(table, Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, &PrimeIoctls.HandleToDescriptor);
        Add(table, Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, &PrimeIoctls.DescriptorToHandle);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_CREATE, &SyncobjIoctls.Create);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_DESTROY, &SyncobjIoctls.Destroy);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &SyncobjDescriptorIoctls.HandleToFd);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &SyncobjDescriptorIoctls.FdToHandle);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_WAIT, &SyncobjWaitIoctls.Wait);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_RESET, &SyncobjIoctls.Reset);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_SIGNAL, &SyncobjIoctls.Signal);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &SyncobjWaitIoctls.TimelineWait);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_QUERY, &SyncobjTimelineIoctls.Query);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_TRANSFER, &SyncobjTransferIoctl.Invoke);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &SyncobjTimelineIoctls.Signal);
        Add(table, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD, &SyncobjDescriptorIoctls.EventFd);
        Add(table, DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, &DeviceQueryIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_GEM_CREATE, &GemCreateIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, &GemMmapOffsetIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_VM_CREATE, &VmCreateIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_VM_DESTROY, &VmDestroyIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_VM_BIND, &VmBindIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &ExecQueueCreateIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, &ExecQueueDestroyIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, &ExecQueueGetPropertyIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, &ExecQueueSetPropertyIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_OBSERVATION, &ObservationIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_EXEC, &ExecIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, &WaitUserFenceIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_MADVISE, &MadviseIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, &VmQueryMemRangeAttrsIoctl.Invoke);
        Add(table, DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY, &VmGetPropertyIoctl.Invoke);
        return table;
    }

    private static void Add(
        Entry[] table, uint request, delegate*<SoftwareFile, void*, int> handler, IoctlAccess access = IoctlAccess.All) =>
        table[request & 0xff] = new Entry(request, handler, access);

    private readonly struct Entry(uint request, delegate*<SoftwareFile, void*, int> handler, IoctlAccess access)
    {
        public readonly IoctlAccess Access = access;
        public readonly uint Request = request;
        public readonly delegate*<SoftwareFile, void*, int> Handler = handler;
    }
}

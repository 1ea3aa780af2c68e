using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>MODE_CREATE_DUMB, MAP_DUMB and DESTROY_DUMB (drm_dumb_buffers.c, xe_bo_dumb_create). They need a primary node, not modesetting.</summary>
internal static unsafe class DumbBufferIoctls
{
    private const uint PitchAlignment = 64;

    public static int Create(SoftwareFile file, void* argument)
    {
        drm_mode_create_dumb* args = (drm_mode_create_dumb*)argument;
        if (args->width == 0 || args->height == 0 || args->bpp == 0 || args->bpp > uint.MaxValue - 8)
        {
            return -Errno.EINVAL;
        }

        uint bytesPerPixel = (args->bpp + 7) / 8;
        ulong stride = (ulong)args->width * bytesPerPixel;
        if (stride > uint.MaxValue || stride * args->height > uint.MaxValue)
        {
            return -Errno.EINVAL;
        }

        SoftwareDevice device = file.Device;
        ulong pitch = (stride + PitchAlignment - 1) & ~(ulong)(PitchAlignment - 1);
        ulong size = (pitch * args->height + device.Profile.MinPageSize - 1) & ~(device.Profile.MinPageSize - 1);
        device.DmaBufs.Sweep();
        uint placement = device.IsDiscrete ? device.Tiles[0].VramBit : MemoryRegions.SystemBit;
        uint flags = DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT | (device.IsDiscrete ? DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM : 0);
        var request = new BufferObjectRequest(size, placement, DrmXe.DRM_XE_GEM_CPU_CACHING_WC, flags, OwnerVm: null);
        int result = BufferObject.Create(device, request, out BufferObject? bufferObject);
        if (result < 0)
        {
            return result;
        }

        if (!file.Handles.TryAdd(bufferObject!, out args->handle))
        {
            bufferObject!.Release();
            return -Errno.EBADF;
        }

        args->pitch = (uint)pitch;
        args->size = size;
        return 0;
    }

    /// <summary>drm_gem_dumb_map_offset.</summary>
    public static int Map(SoftwareFile file, void* argument)
    {
        drm_mode_map_dumb* args = (drm_mode_map_dumb*)argument;
        if (!file.Handles.TryGet(args->handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        if (bufferObject.IsImported)
        {
            return -Errno.EINVAL;
        }

        args->offset = bufferObject.FakeOffset;
        return 0;
    }
}

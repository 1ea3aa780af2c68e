namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>GEM_FLINK and GEM_OPEN (drm_gem.c): objects by global names. Primary nodes only, and who is let in.</summary>
internal static unsafe class GemNameIoctls
{
    public static int Flink(SoftwareFile file, void* argument)
    {
        drm_gem_flink* args = (drm_gem_flink*)argument;
        if (!file.TryGetObject(args->handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        args->name = file.Device.Primary.NameOf(bufferObject);
        bufferObject.Release();
        return 0;
    }

    /// <remarks>Each call makes a new handle, as drm_gem_handle_create_tail does.</remarks>
    public static int Open(SoftwareFile file, void* argument)
    {
        drm_gem_open* args = (drm_gem_open*)argument;
        if (!file.Device.Primary.TryFindName(args->name, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        if (!file.Handles.TryAdd(bufferObject!, out args->handle))
        {
            bufferObject!.Release();
            return -Errno.EBADF;
        }

        args->size = bufferObject!.Size;
        return 0;
    }
}

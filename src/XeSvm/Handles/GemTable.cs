using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// How many buffers of an open file stand for each GEM handle. The driver gives the handle that the file has already when an object
/// is imported again (drm_prime.c), and one GEM_CLOSE ends it for all.
/// </summary>
internal sealed class GemTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, int> _users = [];

    /// <summary>Counts a handle that GEM_CREATE gave.</summary>
    internal void Add(uint handle)
    {
        lock (_lock)
        {
            AddUser(handle);
        }
    }

    /// <summary>Imports an object and counts its handle, so that no other user's closing comes between.</summary>
    internal XeResult Import(DeviceFile file, int descriptor, out uint handle)
    {
        lock (_lock)
        {
            drm_prime_handle request = new() { fd = descriptor };
            XeResult result = file.Ioctl(Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, ref request);
            handle = request.handle;
            if (result.IsSuccess)
            {
                AddUser(handle);
            }

            return result;
        }
    }

    /// <summary>Ends one use; the last one closes the handle.</summary>
    internal void Close(DeviceFile file, uint handle)
    {
        lock (_lock)
        {
            int users = _users[handle] - 1;
            if (users > 0)
            {
                _users[handle] = users;
                return;
            }

            _users.Remove(handle);
            drm_gem_close request = new() { handle = handle };
            _ = file.Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, ref request);
        }
    }

    private void AddUser(uint handle) => _users[handle] = _users.GetValueOrDefault(handle) + 1;
}

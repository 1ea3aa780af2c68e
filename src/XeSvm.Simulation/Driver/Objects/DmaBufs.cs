using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The exports of this process's devices, by the file that is behind an exported descriptor (drm_prime.c): any descriptor of that file, also a
/// duplicate or one that came back over a socket, names the object. An export keeps its object until the last descriptor is closed, of which
/// nobody tells the driver: it looks when an object is closed or imported, and when memory is wanted.
/// </summary>
internal sealed class DmaBufs(SoftwareDevice device)
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<FileIdentity, BufferObject> s_exports = [];
    private readonly Dictionary<FileIdentity, BufferObject> _imports = [];

    /// <summary>Gives out a descriptor of an object of this device.</summary>
    /// <returns>The descriptor, or a negative errno.</returns>
    public static int Export(BufferObject bufferObject, bool writable, bool closeOnExec)
    {
        lock (s_lock)
        {
            int descriptor = bufferObject.OpenContent(writable, closeOnExec);
            if (descriptor >= 0 && !bufferObject.IsExported)
            {
                bufferObject.AddReference();
                bufferObject.IsExported = true;
                s_exports.Add(bufferObject.Identity, bufferObject);
            }

            return descriptor;
        }
    }

    /// <summary>The object of this device that a descriptor names, with a reference for the caller.</summary>
    /// <returns>0; -EBADF; -EINVAL for a descriptor that is no export; or another negative errno.</returns>
    public int Import(int descriptor, out BufferObject? bufferObject)
    {
        bufferObject = null;
        int result = SystemCalls.Identify(descriptor, out FileIdentity identity);
        if (result < 0)
        {
            return result;
        }

        lock (s_lock)
        {
            if (!s_exports.TryGetValue(identity, out BufferObject? exported))
            {
                return -Errno.EINVAL;
            }

            if (exported.Device == device)
            {
                exported.AddReference();
                bufferObject = exported;
                return 0;
            }

            if (_imports.TryGetValue(identity, out bufferObject) && bufferObject.TryAddReference())
            {
                return 0;
            }

            result = BufferObject.Import(device, exported, out bufferObject);
            if (result == 0)
            {
                _imports[identity] = bufferObject!;
            }

            return result;
        }
    }

    /// <summary>An imported object is gone.</summary>
    public void Forget(BufferObject import)
    {
        lock (s_lock)
        {
            if (_imports.TryGetValue(import.Identity, out BufferObject? known) && ReferenceEquals(known, import))
            {
                _imports.Remove(import.Identity);
            }
        }
    }

    /// <summary>Ends the exports of this device whose descriptors are all closed.</summary>
    public void Sweep() => End(bufferObject => !bufferObject.HasOpenDescriptors);

    /// <summary>Ends all exports of this device: it goes away. Descriptors stay good for mmap.</summary>
    public void Close() => End(_ => true);

    private void End(Predicate<BufferObject> condition)
    {
        List<BufferObject>? ended = null;
        lock (s_lock)
        {
            foreach (BufferObject bufferObject in s_exports.Values)
            {
                if (bufferObject.Device == device && condition(bufferObject))
                {
                    (ended ??= []).Add(bufferObject);
                }
            }

            foreach (BufferObject bufferObject in ended ?? [])
            {
                s_exports.Remove(bufferObject.Identity);
                bufferObject.IsExported = false;
            }
        }

        foreach (BufferObject bufferObject in ended ?? [])
        {
            bufferObject.UpdatePurge();
            bufferObject.Release();
        }
    }
}

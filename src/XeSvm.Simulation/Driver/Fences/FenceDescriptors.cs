using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop.LibC;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>
/// File descriptors for syncobjs and for fences (sync_file). The client gets the read end of a pipe; the driver keeps the write end, which tells
/// when the last descriptor of the client is closed, and through which a sync_file becomes readable when its fence is signalled. One table
/// for the process, as descriptors are the process's and pass from device to device.
/// </summary>
internal static class FenceDescriptors
{
    private const int FewestToSweep = 16;
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<string, Exported> s_exported = [];
    private static int s_sweepAt = FewestToSweep;

    /// <summary>How many descriptors the client may still have; those that it has closed are forgotten first.</summary>
    public static int Count
    {
        get
        {
            Sweep();
            lock (s_lock)
            {
                return s_exported.Count;
            }
        }
    }

    /// <summary>A descriptor of a syncobj: 0, or a negative errno.</summary>
    public static int Export(Syncobj syncobj, out int descriptor) => Export(syncobj, default, out descriptor);

    /// <summary>A sync_file for a fence: 0, or a negative errno. It is readable once the fence is signalled.</summary>
    public static int Export(in DmaFence fence, out int descriptor) => Export(null, fence, out descriptor);

    /// <summary>The syncobj behind a descriptor, with a reference for the caller.</summary>
    public static bool TryFindSyncobj(int descriptor, [NotNullWhen(true)] out Syncobj? syncobj)
    {
        string? name = NameOf(descriptor);
        lock (s_lock)
        {
            syncobj = name is not null && s_exported.TryGetValue(name, out Exported? exported) ? exported.Syncobj : null;
            return syncobj is not null && syncobj.TryAddReference();
        }
    }

    /// <summary>The fence of a sync_file.</summary>
    public static bool TryFindFence(int descriptor, out DmaFence fence)
    {
        string? name = NameOf(descriptor);
        lock (s_lock)
        {
            fence = name is not null && s_exported.TryGetValue(name, out Exported? exported) ? exported.Fence : default;
            return fence.IsPresent;
        }
    }

    /// <summary>What a descriptor of this process stands for, as /proc names it; null when it stands for nothing.</summary>
    public static string? NameOf(int descriptor) => descriptor < 0 ? null : new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;

    /// <summary>Forgets what the client has closed all descriptors of.</summary>
    public static void Sweep()
    {
        lock (s_lock)
        {
            foreach ((string name, Exported exported) in s_exported)
            {
                if (exported.IsClosedByClient)
                {
                    s_exported.Remove(name);
                    exported.Dispose();
                }
            }

            s_sweepAt = Math.Max(FewestToSweep, s_exported.Count * 2);
        }
    }

    private static int Export(Syncobj? syncobj, in DmaFence fence, out int descriptor)
    {
        descriptor = -1;
        if (s_exported.Count >= s_sweepAt)
        {
            Sweep();
        }

        int result = SystemCalls.CreatePipe(out FileDescriptorHandle? readEnd, out FileDescriptorHandle? writeEnd);
        if (result < 0)
        {
            return result;
        }

        if (syncobj is not null && !syncobj.TryAddReference())
        {
            readEnd!.Dispose();
            writeEnd!.Dispose();
            return -Errno.EINVAL;
        }

        var exported = new Exported(writeEnd!, syncobj, fence);
        int number = (int)readEnd!.DangerousGetHandle();
        lock (s_lock)
        {
            // While the driver has the write end, no other pipe has this name.
            s_exported.Add(NameOf(number)!, exported);
        }

        exported.Start();
        descriptor = number;
        readEnd.SetHandleAsInvalid(); // it is the client's from here on
        return 0;
    }

    private sealed class Exported(FileDescriptorHandle writeEnd, Syncobj? syncobj, DmaFence fence) : FenceCallback, IDisposable
    {
        private static readonly byte[] s_signal = [1];

        public Syncobj? Syncobj { get; } = syncobj;

        public DmaFence Fence { get; } = fence;

        public bool IsClosedByClient => SystemCalls.HasNoReader(writeEnd);

        public void Start()
        {
            if (Fence.IsPresent && !TryAdd(Fence))
            {
                OnSignaled();
            }
        }

        public void Dispose()
        {
            Cancel();
            writeEnd.Dispose();
            Syncobj?.Release();
        }

        // Nobody reads it, or the client has closed its end: both are fine.
        protected internal override void OnSignaled() => _ = SystemCalls.Write(writeEnd, s_signal);
    }
}

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>One open file (xe_file): ids of one client, and the way in for its ioctls.</summary>
internal sealed unsafe class SoftwareFile(SoftwareDevice device) : DrmFile
{
    private readonly object _idle = new();
    private int _callsInFlight;
    private volatile bool _closing;
    private bool _closed;

    public SoftwareDevice Device { get; } = device;

    public ClientMemory Client => Device.Client;

    public IdTable<BufferObject> Handles { get; } = new();

    public IdTable<Vm> Vms { get; } = new();

    public IdTable<XeExecQueue> Queues { get; } = new();

    /// <summary>The file is being closed: blocking calls return.</summary>
    public bool IsClosing => _closing;

    /// <inheritdoc/>
    public override int Ioctl(uint request, void* argument)
    {
        if (!TryEnter())
        {
            return -Errno.EBADF;
        }

        try
        {
            return IoctlDispatcher.Dispatch(this, request, (ulong)argument);
        }
        finally
        {
            Leave();
        }
    }

    /// <inheritdoc/>
    public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address)
    {
        address = 0;
        if (!TryEnter())
        {
            return -Errno.EBADF;
        }

        try
        {
            if (length == 0 || !Device.FakeOffsets.TryFind(offset, out BufferObject? bufferObject) || length > bufferObject.Size)
            {
                return -Errno.EINVAL;
            }

            return Handles.Find(handle => ReferenceEquals(handle, bufferObject)) is null
                ? -Errno.EACCES
                : bufferObject.Map(length, protection, out address);
        }
        finally
        {
            Leave();
        }
    }

    /// <inheritdoc/>
    public override int Unmap(nint address, nuint length) => SystemCalls.Unmap(address, length);

    /// <inheritdoc/>
    public override DrmDebugText ReadDebugFile(string name) => DebugFiles.Read(Device, name);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_idle)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _closing = true;
        }

        Device.UserFences.Wake();
        foreach (Vm vm in Vms.Snapshot())
        {
            // Faults fail from now on, so that no queue can stay in a fault while it is being killed.
            vm.BeginClose();
        }

        lock (_idle)
        {
            while (_callsInFlight != 0)
            {
                Monitor.Wait(_idle);
            }
        }

        CloseObjects();
        Device.Release();
    }

    private void CloseObjects()
    {
        foreach (XeExecQueue queue in Queues.Close())
        {
            queue.Dispose();
        }

        foreach (Vm vm in Vms.Close())
        {
            vm.Release();
        }

        foreach (BufferObject bufferObject in Handles.Close())
        {
            bufferObject.Release();
        }
    }

    private bool TryEnter()
    {
        Interlocked.Increment(ref _callsInFlight);
        if (!_closing)
        {
            return true;
        }

        Leave();
        return false;
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _callsInFlight) == 0 && _closing)
        {
            lock (_idle)
            {
                Monitor.PulseAll(_idle);
            }
        }
    }
}

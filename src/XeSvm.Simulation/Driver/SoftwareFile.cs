using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>One open file (xe_file): ids of one client, and the way in for its ioctls.</summary>
internal sealed unsafe class SoftwareFile : DrmFile
{
    private readonly object _idle = new();
    private readonly FileDescriptorHandle _descriptor;
    private int _callsInFlight;
    private volatile bool _closing;
    private bool _closed;

    /// <param name="device">The device, with a reference for the file.</param>
    /// <param name="descriptor">What the file is known by; the file owns it from now on.</param>
    public SoftwareFile(SoftwareDevice device, FileDescriptorHandle descriptor)
    {
        Device = device;
        _descriptor = descriptor;
        DeviceFiles.Add(this, descriptor);
    }

    public SoftwareDevice Device { get; }

    /// <inheritdoc/>
    public override int Descriptor => _descriptor.IsClosed ? -1 : (int)_descriptor.DangerousGetHandle();

    public ClientMemory Client => Device.Client;

    /// <summary>What SET_CLIENT_NAME has called the file; empty unless it was.</summary>
    public string Name { get; set; } = "";

    public IdTable<BufferObject> Handles { get; } = new();

    public IdTable<Vm> Vms { get; } = new();

    public IdTable<XeExecQueue> Queues { get; } = new();

    public IdTable<Syncobj> Syncobjs { get; } = new();

    /// <summary>What calls are blocked at that closing the file interrupts.</summary>
    public BlockedCalls BlockedCalls { get; } = new();

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
            if (offset == PciBarrier.Offset)
            {
                return PciBarrier.Map(Device, length, protection, out address);
            }

            return length == 0 || !Device.FakeOffsets.TryFind(offset, out BufferObject? bufferObject) || !bufferObject.TryAddReference()
                ? -Errno.EINVAL
                : MapAndRelease(bufferObject, length, protection, out address);
        }
        finally
        {
            Leave();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Also after the file has been closed, since mappings stay.</remarks>
    public override int Unmap(nint address, nuint length) => Device.CpuMappings.Unmap(address, length);

    /// <inheritdoc/>
    public override DrmDebugText ReadDebugFile(string name)
    {
        if (!TryEnter())
        {
            return DrmDebugText.Unavailable("The file is closed.");
        }

        try
        {
            return DebugFiles.Read(Device, name);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>The object that a handle names, with a reference for the caller; false when there is none.</summary>
    public bool TryGetObject(uint handle, [NotNullWhen(true)] out BufferObject? bufferObject) =>
        Handles.TryGet(handle, out bufferObject) && bufferObject.TryAddReference();

    /// <summary>The syncobj that a handle names, with a reference for the caller; false when there is none.</summary>
    public bool TryGetSyncobj(uint handle, [NotNullWhen(true)] out Syncobj? syncobj) =>
        Syncobjs.TryGet(handle, out syncobj) && syncobj.TryAddReference();

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

        DeviceFiles.Remove(_descriptor);
        _descriptor.Dispose();
        Device.UserFences.Wake();
        BlockedCalls.WakeAll();
        foreach (Vm vm in Vms.Snapshot())
        {
            // Faults fail from now on, so that no queue can stay in a fault while it is being killed.
            vm.BeginClose();
        }

        // Queues go before calls are waited for: a call may be waiting for one of them.
        foreach (XeExecQueue queue in Queues.Close())
        {
            queue.Dispose();
        }

        lock (_idle)
        {
            while (_callsInFlight != 0)
            {
                Monitor.Wait(_idle);
            }
        }

        CloseObjects();
        FenceDescriptors.Sweep();
        Device.Release();
    }

    private void CloseObjects()
    {
        foreach (Vm vm in Vms.Close())
        {
            vm.Release();
        }

        foreach (BufferObject bufferObject in Handles.Close())
        {
            bufferObject.Release();
        }

        foreach (Syncobj syncobj in Syncobjs.Close())
        {
            syncobj.Release();
        }

        Device.DmaBufs.Sweep();
    }

    private int MapAndRelease(BufferObject bufferObject, nuint length, DrmMapProtection protection, out nint address)
    {
        address = 0;
        int result = length > bufferObject.Size ? -Errno.EINVAL
            : Handles.Find(handle => ReferenceEquals(handle, bufferObject)) is null ? -Errno.EACCES
            : Device.CpuMappings.Map(bufferObject, length, protection, out address);
        bufferObject.Release();
        return result;
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

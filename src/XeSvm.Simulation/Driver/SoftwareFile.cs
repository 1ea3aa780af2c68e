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

    /// <summary>The memory of whoever makes the call that this thread is in (<c>current->mm</c>).</summary>
    public ClientMemory Client => IoctlCaller.Current?.Memory ?? Device.Client;

    /// <summary>What the file is on the primary node; null on a render node.</summary>
    public PrimaryClient? Primary { get; private set; }

    /// <summary>What SET_CLIENT_NAME has called the file; empty unless it was.</summary>
    public string Name { get; set; } = "";

    public IdTable<BufferObject> Handles { get; } = new();

    public IdTable<Vm> Vms { get; } = new();

    public IdTable<XeExecQueue> Queues { get; } = new();

    public IdTable<Syncobj> Syncobjs { get; } = new();

    /// <summary>What calls are blocked at that closing the file interrupts.</summary>
    public BlockedCalls BlockedCalls { get; } = new();

    /// <summary>The file is being closed, or the caller of this thread's call is gone: blocking calls return.</summary>
    public bool IsClosing => _closing || IoctlCaller.Current is { IsGone: true };

    /// <summary>Makes this a file of the primary node, before anybody uses it.</summary>
    /// <param name="isAdministrator">Whether who opens it has CAP_SYS_ADMIN.</param>
    /// <param name="process">Who opens it.</param>
    public void BecomePrimary(bool isAdministrator, int process) => Primary = Device.Primary.Open(isAdministrator, process);

    /// <summary>The file is being closed: whoever opens the node from here on does not find its master there. Any number of times.</summary>
    public void LeavePrimary()
    {
        if (Primary is not null)
        {
            Device.Primary.Close(Primary);
        }
    }

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

            int result = FindMappable(offset, length, out BufferObject? bufferObject);
            if (result == 0)
            {
                result = Device.CpuMappings.Map(bufferObject!, length, protection, out address);
            }

            bufferObject?.Release();
            return result;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>The memory that <see cref="Map"/> would map, for a client in another process, which maps it itself.</summary>
    /// <param name="offset">Offset that names the object, or the PCI barrier.</param>
    /// <param name="length">Length of the mapping in bytes.</param>
    /// <param name="protection">Access that the mapping is to give.</param>
    /// <param name="memory">The memory when the result is 0, to be mapped from its beginning.</param>
    /// <returns>0, or a negative errno.</returns>
    public int OpenMapping(ulong offset, nuint length, DrmMapProtection protection, out FileDescriptorHandle? memory)
    {
        memory = null;
        if (!TryEnter())
        {
            return -Errno.EBADF;
        }

        try
        {
            if (offset == PciBarrier.Offset)
            {
                return PciBarrier.Open(Device, length, protection, out memory);
            }

            int result = FindMappable(offset, length, out BufferObject? bufferObject);
            if (result == 0)
            {
                result = bufferObject!.OpenMapping(out memory);
            }

            bufferObject?.Release();
            return result;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Has blocked calls look again whether they are still wanted.</summary>
    public void WakeBlockedCalls()
    {
        Device.UserFences.Wake();
        BlockedCalls.WakeAll();
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
        WakeBlockedCalls();
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

        LeavePrimary();
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

    /// <summary>The object at an offset, with a reference for the caller also on error when there is one, and whether this file may map it.</summary>
    private int FindMappable(ulong offset, nuint length, out BufferObject? bufferObject)
    {
        if (length == 0 || !Device.FakeOffsets.TryFind(offset, out bufferObject) || !bufferObject.TryAddReference())
        {
            bufferObject = null;
            return -Errno.EINVAL;
        }

        BufferObject found = bufferObject;
        return length > found.Size ? -Errno.EINVAL : Handles.Find(handle => ReferenceEquals(handle, found)) is null ? -Errno.EACCES : 0;
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

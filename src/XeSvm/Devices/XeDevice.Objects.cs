using System.Runtime.InteropServices;

namespace XeSvm;

/// <content>What is made on a device.</content>
public sealed partial class XeDevice
{
    /// <summary>Makes a VM that mirrors the process's whole address space: every CPU address is a GPU address.</summary>
    /// <exception cref="XeException">The device or the kernel cannot do it; the message says what is missing.</exception>
    public XeVm CreateMirrorVm() => CreateVm(new XeVmOptions { Mirror = true });

    /// <summary>Makes an empty VM that serves GPU page faults. Only what is bound in it can be reached.</summary>
    /// <exception cref="XeException">The device cannot do it; the message says what is missing.</exception>
    public XeVm CreateVm() => CreateVm(new XeVmOptions());

    /// <summary>Makes a VM.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="XeException">The device cannot do it; the message says what is missing.</exception>
    public XeVm CreateVm(XeVmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return XeVm.Create(this, options);
    }

    /// <summary>Makes a VM, or says why not.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <param name="vm">The VM when the result is success.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public XeResult TryCreateVm(XeVmOptions options, out XeVm? vm)
    {
        ArgumentNullException.ThrowIfNull(options);
        return XeVm.TryCreate(this, options, out vm);
    }

    /// <summary>Makes a buffer object.</summary>
    /// <param name="size">Size in bytes; a multiple of the place's minimum page size.</param>
    /// <param name="location">Where it lives: <see cref="MemoryLocation.System"/> or <see cref="MemoryLocation.Device(int)"/>.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeBuffer CreateBuffer(ulong size, MemoryLocation location) =>
        CreateBuffer(new XeBufferOptions { Size = size, Placements = [location] });

    /// <summary>Makes a buffer object.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <exception cref="ArgumentException">There are no places, or the device does not have them.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeBuffer CreateBuffer(XeBufferOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        using HandleUse use = Borrow();
        return XeBuffer.Create(this, use.File, options);
    }

    /// <summary>Makes a buffer object, or says why not.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <param name="buffer">The buffer when the result is success.</param>
    /// <exception cref="ArgumentException">There are no places, or the device does not have them.</exception>
    public XeResult TryCreateBuffer(XeBufferOptions options, out XeBuffer? buffer)
    {
        ArgumentNullException.ThrowIfNull(options);
        using HandleUse use = Borrow();
        return XeBuffer.TryCreate(this, use.File, options, out buffer);
    }

    /// <summary>Makes a buffer of a dma-buf, which may come from another device, driver or process (PRIME_FD_TO_HANDLE).</summary>
    /// <param name="dmaBuf">The descriptor; stays the caller's.</param>
    /// <exception cref="XeException">The driver refused; EINVAL: the descriptor is not a dma-buf.</exception>
    public XeBuffer ImportBuffer(SafeHandle dmaBuf)
    {
        XeResult result = TryImportBuffer(dmaBuf, out XeBuffer? buffer);
        if (buffer is null)
        {
            ThrowHelper.Throw(result, XeOperation.PrimeImport, "a descriptor");
        }

        return buffer;
    }

    /// <summary>Makes a buffer of a dma-buf, or says why not.</summary>
    /// <param name="dmaBuf">The descriptor; stays the caller's.</param>
    /// <param name="buffer">The buffer when the result is success.</param>
    public XeResult TryImportBuffer(SafeHandle dmaBuf, out XeBuffer? buffer)
    {
        ArgumentNullException.ThrowIfNull(dmaBuf);
        using HandleUse use = Borrow();
        return XeBuffer.TryImport(use.File, dmaBuf, out buffer);
    }

    /// <summary>Makes a sync object (SYNCOBJ_CREATE).</summary>
    /// <param name="signaled">Whether it begins with a fence that has signalled.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public SyncObject CreateSyncObject(bool signaled = false)
    {
        XeResult result = TryCreateSyncObject(out SyncObject? syncObject, signaled);
        if (syncObject is null)
        {
            ThrowHelper.Throw(result, XeOperation.SyncCreate, signaled ? "a signalled sync object" : "a sync object");
        }

        return syncObject;
    }

    /// <summary>Makes a sync object, or says why not.</summary>
    /// <param name="syncObject">The sync object when the result is success.</param>
    /// <param name="signaled">Whether it begins with a fence that has signalled.</param>
    public XeResult TryCreateSyncObject(out SyncObject? syncObject, bool signaled = false)
    {
        using HandleUse use = Borrow();
        return SyncObject.TryCreate(use.File, signaled, out syncObject);
    }

    /// <summary>Makes a sync object of an exported descriptor: both are the same from then on (SYNCOBJ_FD_TO_HANDLE).</summary>
    /// <param name="exported">What <see cref="SyncObject.Export()"/> gave; stays the caller's.</param>
    /// <exception cref="XeException">The driver refused; EINVAL: the descriptor is not a syncobj.</exception>
    public SyncObject ImportSyncObject(SafeHandle exported)
    {
        XeResult result = TryImportSyncObject(exported, out SyncObject? syncObject);
        if (syncObject is null)
        {
            ThrowHelper.Throw(result, XeOperation.SyncImport, "a descriptor");
        }

        return syncObject;
    }

    /// <summary>Makes a sync object of an exported descriptor, or says why not.</summary>
    /// <param name="exported">What <see cref="SyncObject.Export()"/> gave; stays the caller's.</param>
    /// <param name="syncObject">The sync object when the result is success.</param>
    public XeResult TryImportSyncObject(SafeHandle exported, out SyncObject? syncObject)
    {
        ArgumentNullException.ThrowIfNull(exported);
        using HandleUse use = Borrow();
        return SyncObject.TryImport(use.File, exported, out syncObject);
    }

    /// <summary>Maps the page whose stores are memory barriers on the PCI bus (GEM_MMAP_OFFSET with PCI_BARRIER).</summary>
    /// <exception cref="XeException">EINVAL: the device is integrated, and needs none. Or the driver refused for another reason.</exception>
    public XePciBarrier CreatePciBarrier()
    {
        XeResult result = TryCreatePciBarrier(out XePciBarrier? barrier);
        if (barrier is null)
        {
            ThrowHelper.Throw(result, XeOperation.Mmap, "the PCI barrier page");
        }

        return barrier;
    }

    /// <summary>Maps the page whose stores are memory barriers on the PCI bus, or says why not.</summary>
    /// <param name="barrier">The page when the result is success.</param>
    /// <returns>EINVAL when the device is integrated, and needs none.</returns>
    public XeResult TryCreatePciBarrier(out XePciBarrier? barrier)
    {
        using HandleUse use = Borrow();
        return XePciBarrier.TryCreate(use.File, out barrier);
    }

    /// <summary>Makes a user fence of value 0, for binds to raise.</summary>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public XeUserFence CreateUserFence()
    {
        using HandleUse use = Borrow();
        return new XeUserFence(use.File);
    }
}

namespace XeSvm;

/// <summary>One use of a handle: until it is disposed, the driver's object stays.</summary>
internal readonly ref struct HandleUse
{
    private readonly XeHandle _handle;

    /// <summary>Begins a use.</summary>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    internal HandleUse(XeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    /// <summary>The number for the request.</summary>
    internal uint Id => _handle.Id;

    /// <summary>The open file for the request.</summary>
    internal DeviceFile File => _handle.File;

    /// <summary>Ends the use.</summary>
    public void Dispose() => _handle.DangerousRelease();
}

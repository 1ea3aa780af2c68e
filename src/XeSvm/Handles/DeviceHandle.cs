namespace XeSvm;

/// <summary>A device object's own hold on the open file; the file itself goes with its last user.</summary>
internal sealed class DeviceHandle(DeviceFile file) : XeHandle(file, id: 1)
{
    /// <inheritdoc/>
    protected override void Destroy(uint id)
    {
        // There is no object of the driver behind a device but the file.
    }
}

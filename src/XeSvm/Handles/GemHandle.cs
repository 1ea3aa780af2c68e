namespace XeSvm;

/// <summary>A GEM handle. An import can name an object that the file has already: the last of its users closes it.</summary>
internal sealed class GemHandle(DeviceFile file, uint id) : XeHandle(file, id)
{
    /// <inheritdoc/>
    protected override void Destroy(uint id) => File.Gems.Close(File, id);
}

namespace XeSvm.Interop.Kernel;

/// <summary>Where the kernel shows its devices. Tests put folders of their own here.</summary>
internal sealed record KernelPaths
{
    /// <summary>The folder of the DRM nodes.</summary>
    internal string Devices { get; init; } = "/dev/dri";

    /// <summary>Where sysfs is mounted.</summary>
    internal string Sysfs { get; init; } = "/sys";

    /// <summary>Where debugfs is mounted.</summary>
    internal string Debugfs { get; init; } = "/sys/kernel/debug";

    /// <summary>Where procfs is mounted.</summary>
    internal string Procfs { get; init; } = "/proc";
}

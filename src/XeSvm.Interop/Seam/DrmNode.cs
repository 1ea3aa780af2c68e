namespace XeSvm.Interop;

/// <summary>A DRM node that can be opened.</summary>
/// <param name="Path">The node's path, such as <c>/dev/dri/renderD128</c>; a software device has a path of the form <c>software:0</c>.</param>
/// <param name="Driver">The driver's name as DRM_IOCTL_VERSION says it: <c>xe</c>.</param>
/// <param name="BusAddress">The PCI address (<c>0000:03:00.0</c>), or an empty string when it is not known.</param>
/// <param name="Minor">The minor number of the node, or -1.</param>
public sealed record DrmNode(string Path, string Driver, string BusAddress, int Minor);

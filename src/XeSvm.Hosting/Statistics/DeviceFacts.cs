using System.Globalization;
using XeSvm.Measurement;

namespace XeSvm.Hosting.Statistics;

/// <summary>What does not change about an open device.</summary>
/// <param name="HardwareId">The PCI address, or the node's path.</param>
/// <param name="Name">Vendor and device id.</param>
/// <param name="Backend">The backend's name.</param>
/// <param name="Strategy">How pages are mapped for DMA.</param>
/// <param name="Iommu">The IOMMU's mode.</param>
/// <param name="KernelRelease">The kernel's release.</param>
public sealed record DeviceFacts(string HardwareId, string Name, string Backend, string Strategy, string Iommu, string KernelRelease)
{
    private const int IntelVendor = 0x8086;

    /// <summary>Asks a device.</summary>
    /// <param name="device">The device.</param>
    public static DeviceFacts Of(XeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        BackendReport report = BackendReport.Read(device);
        string id = device.Node.BusAddress.Length > 0 ? device.Node.BusAddress : device.Node.Path;
        string name = string.Create(CultureInfo.InvariantCulture, $"{IntelVendor:x4}:{device.Configuration.DeviceId:x4}");
        return new DeviceFacts(id, name, device.BackendName, report.Strategy, report.Iommu, HostInformation.Read().Kernel);
    }

    /// <summary>A reading of the device.</summary>
    /// <param name="gts">The GTs that could be read.</param>
    /// <param name="memory">The memory regions.</param>
    public XeDeviceReading With(IReadOnlyList<XeGtReading> gts, IReadOnlyList<XeMemoryRegion> memory) =>
        new(HardwareId, Name, Backend, Strategy, Iommu, KernelRelease, gts, memory);
}

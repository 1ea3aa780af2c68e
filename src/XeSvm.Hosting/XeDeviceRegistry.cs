using Microsoft.Extensions.Logging;

namespace XeSvm.Hosting;

/// <summary>The devices that the host has opened, for metrics and health checks. The devices belong to the container.</summary>
public sealed class XeDeviceRegistry
{
    private readonly Lock _lock = new();
    private readonly XeSvmBackend _backend;
    private readonly ILogger<XeDeviceRegistry> _logger;
    private XeDevice[] _devices = [];

    /// <summary>Makes an empty registry.</summary>
    /// <param name="backend">The backend that devices are opened on.</param>
    /// <param name="logger">Is told of each device.</param>
    public XeDeviceRegistry(XeSvmBackend backend, ILogger<XeDeviceRegistry> logger)
    {
        ArgumentNullException.ThrowIfNull(backend);
        _backend = backend;
        _logger = logger;
    }

    /// <summary>The devices that have been opened so far.</summary>
    public IReadOnlyList<XeDevice> Devices => Volatile.Read(ref _devices);

    /// <summary>Opens a device.</summary>
    /// <param name="pathOrBusAddress">The node, or <see langword="null"/> for the one that the backend was chosen for.</param>
    /// <exception cref="XeDeviceNotFoundException">There is no such node.</exception>
    /// <exception cref="XeException">The node cannot be opened or queried.</exception>
    public XeDevice Open(string? pathOrBusAddress)
    {
        XeDevice device = XeDevice.Open(_backend.Driver, pathOrBusAddress is null ? _backend.Node : _backend.FindNode(pathOrBusAddress));
        ulong vram = 0;
        foreach (XeMemoryRegion region in device.MemoryRegions)
        {
            vram += region.MemoryClass == XeMemoryClass.Vram ? region.TotalSize : 0;
        }

        HostingLog.DeviceOpened(_logger, device.Node.Path, device.Node.BusAddress, device.Gts.Count, vram);
        lock (_lock)
        {
            _devices = [.. _devices, device];
        }

        return device;
    }
}

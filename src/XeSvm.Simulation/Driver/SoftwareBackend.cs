using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Peers.Software;

namespace XeSvm.Simulation;

/// <summary>
/// The software backend: an <c>xe</c> driver with its GPU and its IOMMU in this process. It answers the kernel's structs with the
/// kernel's results, so code above the seam does not know it from the real one.
/// </summary>
public sealed class SoftwareBackend : DrmBackend
{
    private const int FirstBus = 3;
    private readonly Lock _lock = new();
    private readonly SoftwareDeviceOptions _options;
    private readonly DrmNode[] _nodes;
    private readonly SoftwareDevice?[] _devices;
    private readonly SoftwareMachine _machine;
    private bool _disposed;

    /// <summary>Sets up a machine. Nothing is allocated before the first <see cref="Open"/>.</summary>
    /// <param name="options">What the machine is like.</param>
    /// <exception cref="ArgumentException">An option has a value that is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">
    /// A device, a strategy or a layout has no such name, and the message lists those that there are; or a device profile is not valid, and
    /// the message names every fault of it.
    /// </exception>
    /// <exception cref="NativeLibraryException">The native library is missing, or is not the one that this assembly was built with.</exception>
    public SoftwareBackend(SoftwareBackendOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = SoftwareDeviceOptions.Parse(options);
        NativeLibraryCheck.EnsureCompatible();
        _devices = new SoftwareDevice?[_options.Machine.DeviceCount];
        _machine = new SoftwareMachine(MachineTopologies.AsConfigured(_options), _options.PeerPolicy);
        _nodes = [.. Enumerable.Range(0, _devices.Length).Select(index => new DrmNode($"software:{index}", "xe", $"0000:{FirstBus + index:x2}:00.0", -1))];
    }

    /// <summary>What the devices share.</summary>
    internal SoftwareMachine Machine => _machine;

    /// <summary>What each device is.</summary>
    internal DeviceProfile DeviceProfile => _options.Machine.Device;

    /// <summary>Makes chosen operations of the machine fail: begun with <see cref="SoftwareBackendOptions.Faults"/>, to be changed at any time.</summary>
    public FaultInjector Faults => _options.Faults;

    /// <inheritdoc/>
    public override string Name => "software";

    /// <inheritdoc/>
    public override IReadOnlyList<DrmNode> Enumerate() => [.. _nodes];

    /// <inheritdoc/>
    public override int Open(DrmNode node, out DrmFile? file)
    {
        ArgumentNullException.ThrowIfNull(node);
        file = null;
        int index = Array.IndexOf(_nodes, node);
        if (index < 0)
        {
            return -Errno.ENOENT;
        }

        lock (_lock)
        {
            if (_disposed)
            {
                return -Errno.ENODEV;
            }

            if (_devices[index] is not { } device)
            {
                int created = SoftwareDevice.Create(_options.ForDevice(index), _machine, index, out SoftwareDevice? first);
                if (created < 0)
                {
                    return created;
                }

                device = _devices[index] = first!;
            }

            if (device.Loss.IsLost)
            {
                return -Errno.ENODEV;
            }

            int result = DeviceFiles.CreateDescriptor(out FileDescriptorHandle? descriptor);
            if (result == 0)
            {
                device.AddReference();
                file = new SoftwareFile(device, descriptor!);
            }

            return result;
        }
    }

    /// <summary>
    /// Loses every device for good, as a real one that hangs beyond recovery is lost: running work ends, its fences are signalled with an error,
    /// every ioctl on every file answers ECANCELED (xe_device_declare_wedged), data goes back to system memory, and the device cannot be
    /// opened again. For tests of what programs do then. Without effect before
    /// the first <see cref="Open"/>.
    /// </summary>
    public void DeclareWedged()
    {
        SoftwareDevice[] devices;
        lock (_lock)
        {
            devices = Array.FindAll(_devices, device => device is not null)!;
            foreach (SoftwareDevice device in devices)
            {
                device.AddReference();
            }
        }

        foreach (SoftwareDevice device in devices)
        {
            device.Loss.Declare();
            device.Release();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (SoftwareDevice? device in _devices)
            {
                device?.Release();
            }

            Array.Clear(_devices);
            _machine.Dispose();
        }

        base.Dispose(disposing);
    }
}

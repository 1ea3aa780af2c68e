using XeSvm.Interop;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation;

/// <summary>
/// The software backend: an <c>xe</c> driver with its GPU and its IOMMU in this process. It answers the kernel's structs with the
/// kernel's results, so code above the seam does not know it from the real one.
/// </summary>
public sealed class SoftwareBackend : DrmBackend
{
    private static readonly DrmNode s_node = new("software:0", "xe", "0000:03:00.0", -1);
    private readonly Lock _lock = new();
    private readonly SoftwareDeviceOptions _options;
    private SoftwareDevice? _device;
    private bool _disposed;

    /// <summary>Sets up a machine with one device. Nothing is allocated before the first <see cref="Open"/>.</summary>
    /// <param name="options">What the machine is like.</param>
    /// <exception cref="ArgumentException">An option has a value that is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">A strategy or a layout has no such name; the message lists those that there are.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing, or is not the one that this assembly was built with.</exception>
    public SoftwareBackend(SoftwareBackendOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = SoftwareDeviceOptions.Parse(options);
        NativeLibraryCheck.EnsureCompatible();
    }

    /// <summary>Makes chosen operations of the machine fail: begun with <see cref="SoftwareBackendOptions.Faults"/>, to be changed at any time.</summary>
    public FaultInjector Faults => _options.Faults;

    /// <inheritdoc/>
    public override string Name => "software";

    /// <inheritdoc/>
    public override IReadOnlyList<DrmNode> Enumerate() => [s_node];

    /// <inheritdoc/>
    public override int Open(DrmNode node, out DrmFile? file)
    {
        ArgumentNullException.ThrowIfNull(node);
        file = null;
        if (node != s_node)
        {
            return -Errno.ENOENT;
        }

        lock (_lock)
        {
            if (_disposed)
            {
                return -Errno.ENODEV;
            }

            if (_device is null)
            {
                int result = SoftwareDevice.Create(_options, out _device);
                if (result < 0)
                {
                    return result;
                }
            }

            if (_device!.Loss.IsLost)
            {
                return -Errno.ENODEV;
            }

            _device.AddReference();
            file = new SoftwareFile(_device);
            return 0;
        }
    }

    /// <summary>
    /// Loses the device for good, as a real one that hangs beyond recovery is lost: running work ends, its fences are signalled with an error,
    /// every ioctl on every file answers ECANCELED (xe_device_declare_wedged), data goes back to system memory, and the device cannot be
    /// opened again. For tests of what programs do then. Without effect before
    /// the first <see cref="Open"/>.
    /// </summary>
    public void DeclareWedged()
    {
        SoftwareDevice? device;
        lock (_lock)
        {
            device = _device;
            device?.AddReference();
        }

        device?.Loss.Declare();
        device?.Release();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            _disposed = true;
            _device?.Release();
            _device = null;
        }

        base.Dispose(disposing);
    }
}

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using XeSvm.Hosting.Metering;
using XeSvm.Interop;

namespace XeSvm.Hosting;

/// <summary>The host's backend: chosen once, when it is first asked for, and kept until the host ends.</summary>
public sealed class XeSvmBackend : IDisposable
{
    private readonly BackendSelection _selection;

    /// <summary>Chooses the backend.</summary>
    /// <param name="source">Where backends come from.</param>
    /// <param name="options">The options.</param>
    /// <param name="metrics">Counts and times the calls, when the options ask for it.</param>
    /// <param name="logger">Is told which backend was taken, and why.</param>
    /// <exception cref="XeDeviceNotFoundException">The kernel backend was asked for and has no device that can be used.</exception>
    /// <exception cref="BackendChoiceException">The environment or an option has a value that is not valid.</exception>
    public XeSvmBackend(IXeBackendSource source, IOptions<XeSvmOptions> options, XeSvmMetrics metrics, ILogger<XeSvmBackend> logger)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(metrics);
        _selection = source.Choose(options.Value);
        Driver = options.Value.MeterCalls ? new MeteredBackend(_selection.Backend, metrics) : _selection.Backend;
        HostingLog.BackendTaken(logger, Name, _selection.Node.Path, Reason);
    }

    /// <summary>The backend's name: <c>kernel</c> or <c>software</c>.</summary>
    public string Name => _selection.Backend.Name;

    /// <summary>Why it was taken.</summary>
    public string Reason => _selection.Reason;

    /// <summary>The node that a device without a name of its own is opened on.</summary>
    public DrmNode Node => _selection.Node;

    /// <summary>The backend itself; stays this object's.</summary>
    public DrmBackend Driver { get; }

    /// <summary>The nodes that exist now.</summary>
    public IReadOnlyList<DrmNode> Nodes => Driver.Enumerate();

    /// <summary>Finds a node by its path or bus address.</summary>
    /// <param name="pathOrBusAddress">Such as <c>/dev/dri/renderD128</c>, <c>software:0</c> or <c>0000:03:00.0</c>.</param>
    /// <exception cref="XeDeviceNotFoundException">There is no such node; the message lists those that there are.</exception>
    public DrmNode FindNode(string pathOrBusAddress)
    {
        ArgumentNullException.ThrowIfNull(pathOrBusAddress);
        IReadOnlyList<DrmNode> nodes = Nodes;
        foreach (DrmNode node in nodes)
        {
            if (node.Path == pathOrBusAddress || (node.BusAddress.Length > 0 && node.BusAddress == pathOrBusAddress))
            {
                return node;
            }
        }

        string present = nodes.Count == 0 ? "none" : string.Join(", ", nodes.Select(node => $"{node.Path} ({node.BusAddress})"));
        throw new XeDeviceNotFoundException(
            $"the {Name} backend has no node '{pathOrBusAddress}', it has: {present}", "Name one of these by path or bus address.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!ReferenceEquals(Driver, _selection.Backend))
        {
            Driver.Dispose();
        }

        _selection.Dispose();
    }
}

using Microsoft.Extensions.Logging;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;
using XeSvm.Hosting.Statistics;
using XeSvm.Interop;
using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Daemon.Devices;

/// <summary>
/// Holds the backend and its devices: opens them when they are there, looks for them when they are not, and lets them go when they are lost.
/// Only the sampler changes it; others see <see cref="Devices"/>, a list that never changes.
/// </summary>
internal sealed class DeviceManager : IDisposable
{
    private const string NodeFolder = "/dev/dri";

    private readonly Func<BackendChoice, SoftwareBackendOptions, BackendSelection> _select;
    private readonly FaultLog _faults;
    private readonly TimeProvider _time;
    private readonly ILogger<DeviceManager> _logger;
    private BackendSelection? _selection;
    private DeviceServer? _server;
    private WatchedDevice[] _devices = [];
    private DaemonSettings _settings;
    private string _reason = "no device was looked for yet";
    private string _nodesSeen = "";
    private long _lookedAt;
    private bool _looked;

    internal DeviceManager(
        Func<BackendChoice, SoftwareBackendOptions, BackendSelection> select,
        DaemonSettings settings,
        FaultLog faults,
        TimeProvider time,
        ILogger<DeviceManager> logger)
    {
        _select = select;
        _settings = settings;
        _faults = faults;
        _time = time;
        _logger = logger;
    }

    /// <summary>The devices that are open.</summary>
    internal IReadOnlyList<WatchedDevice> Devices => Volatile.Read(ref _devices);

    /// <summary>The backend's name, or <c>none</c>.</summary>
    internal string Backend => Volatile.Read(ref _selection)?.Backend.Name ?? "none";

    /// <summary>Why this backend, or why none.</summary>
    internal string Reason => Volatile.Read(ref _reason);

    public void Dispose() => CloseAll();

    /// <summary>Brings the devices up to date: takes settings over, opens what is new, as often as the settings say.</summary>
    /// <param name="settings">The settings in force.</param>
    internal void Update(DaemonSettings settings)
    {
        if (settings.Backend != _settings.Backend || settings.Software != _settings.Software || settings.ServerSocket != _settings.ServerSocket
            || settings.ServerAccess != _settings.ServerAccess)
        {
            CloseAll();
            _looked = false;
        }

        _settings = settings;
        if (_looked && _time.GetElapsedTime(_lookedAt) < settings.DevicesRetry)
        {
            return;
        }

        _looked = true;
        _lookedAt = _time.GetTimestamp();
        if (_selection is null)
        {
            Choose(settings.Backend);
        }
        else if (settings.Backend == BackendChoice.Auto && Backend == "software" && NodesNow() != _nodesSeen)
        {
            ChooseKernelInstead();
        }
        else
        {
            OpenNewNodes();
            ServePrograms();
        }
    }

    /// <summary>A device is gone. The others stay; when it was the last one, a backend is chosen anew.</summary>
    internal void Lose(WatchedDevice device, string reason)
    {
        DaemonLog.DeviceLost(_logger, device.Id, reason);
        Volatile.Write(ref _devices, [.. _devices.Where(other => other != device)]);
        device.Dispose();

        // A software machine is lost as a whole, and its backend cannot open it again.
        if (_devices.Length == 0 || Backend == "software")
        {
            CloseAll();
            Volatile.Write(ref _reason, $"{device.Id} is lost: {reason}");
        }
    }

    private static string NodesNow()
    {
        try
        {
            return string.Join(' ', Directory.EnumerateFileSystemEntries(NodeFolder).Order(StringComparer.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private void Choose(BackendChoice choice)
    {
        _nodesSeen = NodesNow();
        try
        {
            // Pages of other processes are reached in place only.
            Take(_select(choice, _settings.ServerSocket.Length > 0 ? _settings.Software with { CpuFaults = "coherent" } : _settings.Software));
            _faults.Clear("backend");
        }
        catch (Exception exception) when (exception is XeException or BackendChoiceException)
        {
            Volatile.Write(ref _reason, exception.Message);
            _faults.Report("backend", exception.Message);
        }
    }

    private void ChooseKernelInstead()
    {
        _nodesSeen = NodesNow();
        BackendSelection kernel;
        try
        {
            kernel = _select(BackendChoice.Kernel, _settings.Software);
        }
        catch (XeDeviceNotFoundException)
        {
            // The new node is not one that can be used; the reason in force stays true.
            return;
        }

        CloseAll();
        Take(kernel);
    }

    private void Take(BackendSelection selection)
    {
        Volatile.Write(ref _selection, selection);
        Volatile.Write(ref _reason, selection.Reason);
        OpenNewNodes();
        ServePrograms();
        DaemonLog.BackendTaken(_logger, Backend, _devices.Length, Reason);
    }

    private void OpenNewNodes()
    {
        foreach (DrmNode node in _selection!.Backend.Enumerate())
        {
            if (Array.Exists(_devices, device => device.Device.Node == node))
            {
                continue;
            }

            string subject = $"device {node.Path}";
            try
            {
                XeDevice device = XeDevice.Open(_selection.Backend, node);
                WatchedDevice watched = new(device, DeviceFacts.Of(device));
                Volatile.Write(ref _devices, [.. _devices, watched]);
                _faults.Clear(subject);
                DaemonLog.DeviceFound(_logger, watched.Id, node.Path, watched.Facts.Strategy, watched.Facts.Iommu);
            }
            catch (Exception exception) when (exception is XeException or InvalidDataException)
            {
                _faults.Report(subject, exception.Message);
            }
        }
    }

    /// <summary>Lets unmodified programs use the software devices, when the settings name a socket for them.</summary>
    private void ServePrograms()
    {
        const string Subject = "server";
        if (_server is not null || _settings.ServerSocket.Length == 0 || _selection!.Backend is not SoftwareBackend software)
        {
            return;
        }

        try
        {
            DeviceServer.RemoveAbandoned(_settings.ServerSocket); // of a daemon that was killed
            _server = DeviceServer.Start(software, _settings.ServerSocket, _settings.ServerAccess);
            _faults.Clear(Subject);
            DaemonLog.ServingPrograms(_logger, _settings.ServerSocket);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _faults.Report(Subject, exception.Message);
        }
    }

    private void CloseAll()
    {
        _server?.Dispose();
        _server = null;
        WatchedDevice[] devices = _devices;
        Volatile.Write(ref _devices, []);
        foreach (WatchedDevice device in devices)
        {
            device.Dispose();
        }

        BackendSelection? selection = _selection;
        Volatile.Write(ref _selection, null);
        selection?.Dispose();
    }
}

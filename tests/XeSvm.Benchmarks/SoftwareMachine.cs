using XeSvm.Simulation;

namespace XeSvm.Benchmarks;

/// <summary>Opens the software backend's device.</summary>
internal static class SoftwareMachine
{
    /// <summary>Opens a device that owns its backend.</summary>
    public static XeDevice Open(SoftwareBackendOptions options)
    {
        SoftwareBackend backend = new(options);
        return XeDevice.Open(new BackendSelection(backend, backend.Enumerate()[0], BackendChoice.Software, "a benchmark of it"));
    }
}

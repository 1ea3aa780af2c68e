using XeSvm.Simulation;

namespace XeSvm.Hosting;

/// <summary>How XeSvm is set up in a host. Checked as a whole when the host starts.</summary>
public sealed class XeSvmOptions
{
    /// <summary>The backend, or <see langword="null"/> for <c>XESVM_BACKEND</c> and then <see cref="BackendChoice.Auto"/>.</summary>
    public BackendChoice? Backend { get; set; }

    /// <summary>What the software backend is like if it is taken, or <see langword="null"/> for the defaults and the environment.</summary>
    public SoftwareBackendOptions? Software { get; set; }

    /// <summary>Whether calls to the driver are counted and timed (<c>xesvm.ioctl.errors</c>, <c>xesvm.bind.*</c>).</summary>
    public bool MeterCalls { get; set; } = true;

    /// <summary>
    /// Oldest statistics that metrics are served from before the device is asked again: one collection reads several instruments, and the
    /// device shall be asked once for all of them.
    /// </summary>
    public TimeSpan StatisticsMaximumAge { get; set; } = TimeSpan.FromMilliseconds(500);
}

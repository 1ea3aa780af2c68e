using XeSvm.Interop;
using XeSvm.Interop.Kernel;
using XeSvm.Simulation;
using XeSvm.Statistics;

namespace XeSvm;

/// <summary>
/// Chooses the backend. The order: what the program or the command line says, then the environment variable <c>XESVM_BACKEND</c>, then
/// <see cref="BackendChoice.Auto"/>.
/// </summary>
public static class XeBackends
{
    /// <summary>The environment variable: <c>auto</c>, <c>kernel</c> or <c>software</c>.</summary>
    public const string EnvironmentVariable = "XESVM_BACKEND";

    private const string KernelNextStep =
        "Load the xe driver for an Xe2 GPU or later, or give this container /dev/dri and the render group, or use the software backend " +
        "(--backend software, XESVM_BACKEND=software).";

    /// <summary>Chooses a backend; the software backend is set up as the environment says.</summary>
    /// <param name="choice">What is wanted, or <see langword="null"/> to ask the environment.</param>
    /// <exception cref="XeDeviceNotFoundException">The kernel backend was wanted and has no usable device.</exception>
    /// <exception cref="BackendChoiceException">An environment variable has a value that is not valid.</exception>
    public static BackendSelection Select(BackendChoice? choice = null) => Select(choice, SoftwareOptionsFromEnvironment());

    /// <summary>Chooses a backend.</summary>
    /// <param name="choice">What is wanted, or <see langword="null"/> to ask the environment.</param>
    /// <param name="softwareOptions">What the software backend is like if it is taken.</param>
    /// <exception cref="XeDeviceNotFoundException">The kernel backend was wanted and has no usable device.</exception>
    /// <exception cref="BackendChoiceException"><c>XESVM_BACKEND</c> or an option has a value that is not valid.</exception>
    public static BackendSelection Select(BackendChoice? choice, SoftwareBackendOptions softwareOptions)
    {
        ArgumentNullException.ThrowIfNull(softwareOptions);
        return Select(
            choice,
            Environment.GetEnvironmentVariable(EnvironmentVariable),
            CreateKernelBackend,
            () => CreateSoftwareBackend(softwareOptions));
    }

    /// <summary>Reads a choice's name; letter case does not matter.</summary>
    /// <param name="name"><c>auto</c>, <c>kernel</c> or <c>software</c>.</param>
    /// <param name="choice">The choice when the result is <see langword="true"/>.</param>
    public static bool TryParse(string? name, out BackendChoice choice)
    {
        (bool known, choice) = name?.ToLowerInvariant() switch
        {
            "auto" => (true, BackendChoice.Auto),
            "kernel" => (true, BackendChoice.Kernel),
            "software" => (true, BackendChoice.Software),
            _ => (false, BackendChoice.Auto),
        };
        return known;
    }

    /// <summary>What the environment makes of the software backend.</summary>
    /// <exception cref="BackendChoiceException">An environment variable has a value that is not valid.</exception>
    internal static SoftwareBackendOptions SoftwareOptionsFromEnvironment()
    {
        try
        {
            return SoftwareBackendOptions.FromEnvironment();
        }
        catch (FormatException exception)
        {
            throw new BackendChoiceException(exception.Message, exception);
        }
    }

    /// <summary>The choice with the environment and the backends given, for tests.</summary>
    internal static BackendSelection Select(
        BackendChoice? choice, string? environment, Func<DrmBackend> createKernel, Func<DrmBackend> createSoftware)
    {
        (BackendChoice wanted, string origin) = Resolve(choice, environment);
        if (wanted == BackendChoice.Software)
        {
            return Software(createSoftware, wanted, $"{origin} asks for it");
        }

        (BackendSelection? kernel, string findings) = SearchKernel(createKernel, wanted, origin);
        if (kernel is not null)
        {
            return kernel;
        }

        return wanted == BackendChoice.Kernel
            ? throw new XeDeviceNotFoundException(findings, KernelNextStep)
            : Software(createSoftware, wanted, $"the kernel has no device that can mirror CPU addresses ({findings})");
    }

    private static (BackendChoice Choice, string Origin) Resolve(BackendChoice? choice, string? environment)
    {
        if (choice is { } given)
        {
            return Enum.IsDefined(given)
                ? (given, "the program or its command line")
                : throw new ArgumentOutOfRangeException(nameof(choice), given, "Not a backend choice.");
        }

        if (string.IsNullOrEmpty(environment))
        {
            return (BackendChoice.Auto, "the default");
        }

        return TryParse(environment, out BackendChoice parsed)
            ? (parsed, $"{EnvironmentVariable}={environment}")
            : throw new BackendChoiceException(
                $"{EnvironmentVariable} is {TextExcerpt.Quote(environment)}; valid are auto, kernel and software.");
    }

    private static BackendSelection Software(Func<DrmBackend> createSoftware, BackendChoice wanted, string reason)
    {
        DrmBackend backend = createSoftware();
        return new BackendSelection(backend, backend.Enumerate()[0], wanted, reason);
    }

    private static DrmBackend CreateKernelBackend() => new KernelBackend();

    private static SoftwareBackend CreateSoftwareBackend(SoftwareBackendOptions options)
    {
        try
        {
            return new SoftwareBackend(options);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // Whoever set a variable knows nothing of a parameter.
            string reason = exception.Message.Replace($" (Parameter '{(exception as ArgumentException)?.ParamName}')", "", StringComparison.Ordinal);
            throw new BackendChoiceException($"The software backend cannot be set up: {reason}", exception);
        }
    }

    /// <summary>The first kernel device that can mirror CPU addresses, or what was found instead.</summary>
    private static (BackendSelection? Selection, string Findings) SearchKernel(
        Func<DrmBackend> createKernel, BackendChoice wanted, string origin)
    {
        DrmBackend backend = createKernel();
        BackendSelection? selection = null;
        try
        {
            List<string> findings = [];
            foreach (DrmNode node in backend.Enumerate())
            {
                string? obstacle = ObstacleTo(backend, node);
                if (obstacle is null)
                {
                    selection = new BackendSelection(
                        backend, node, wanted, $"{origin} allows it, and {node.Path} can mirror CPU addresses");
                    return (selection, "");
                }

                findings.Add($"{node.Path}: {obstacle}");
            }

            if (backend is KernelBackend { SearchReport: { Count: > 0 } report })
            {
                findings.AddRange(report);
            }

            return (null, findings.Count == 0
                ? "no xe render node was found"
                : string.Join("; ", findings.Select(text => text.TrimEnd('.'))));
        }
        finally
        {
            if (selection is null)
            {
                backend.Dispose();
            }
        }
    }

    private static string? ObstacleTo(DrmBackend backend, DrmNode node)
    {
        try
        {
            using XeDevice device = XeDevice.Open(backend, node);
            return device.Capabilities.SupportsCpuAddressMirror
                ? null
                : "the device or its kernel cannot mirror CPU addresses (no HAS_CPU_ADDR_MIRROR)";
        }
        catch (Exception exception) when (exception is XeException or InvalidDataException)
        {
            return exception.Message;
        }
    }
}

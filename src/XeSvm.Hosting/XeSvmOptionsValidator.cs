using Microsoft.Extensions.Options;
using XeSvm.Simulation;

namespace XeSvm.Hosting;

/// <summary>Finds everything that is wrong with the options at once.</summary>
internal sealed class XeSvmOptionsValidator : IValidateOptions<XeSvmOptions>
{
    private static readonly TimeSpan s_oldest = TimeSpan.FromMinutes(1);

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, XeSvmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> errors = [];
        if (options.Backend is { } choice && !Enum.IsDefined(choice))
        {
            errors.Add($"Backend is {choice}; {string.Join(", ", Enum.GetNames<BackendChoice>())} are valid.");
        }

        if (options.StatisticsMaximumAge < TimeSpan.Zero || options.StatisticsMaximumAge > s_oldest)
        {
            errors.Add($"StatisticsMaximumAge is {options.StatisticsMaximumAge}; 0 to {s_oldest} is valid.");
        }

        if (options.Software is { } software)
        {
            errors.AddRange(ErrorsOf(software));
        }

        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    /// <summary>What is wrong with the software backend's options, each option on its own.</summary>
    /// <param name="software">The options.</param>
    internal static IReadOnlyList<string> ErrorsOf(SoftwareBackendOptions software)
    {
        // The backend stops at its first error; given one option at a time it tells all of them.
        SoftwareBackendOptions defaults = new();
        (string Option, SoftwareBackendOptions Alone)[] parts =
        [
            (nameof(software.Device), defaults with { Device = software.Device }),
            (nameof(software.Strategy), defaults with { Strategy = software.Strategy }),
            (nameof(software.Layout), defaults with { Layout = software.Layout }),
            (nameof(software.Iommu), defaults with { Iommu = software.Iommu }),
            (nameof(software.PageTableLevels), defaults with { PageTableLevels = software.PageTableLevels }),
            (nameof(software.VramBytes), defaults with { VramBytes = software.VramBytes }),
            (nameof(software.CpuFaults), defaults with { CpuFaults = software.CpuFaults }),
            (nameof(software.Faults), defaults with { Faults = software.Faults }),
        ];
        List<string> errors = [];
        foreach ((string option, SoftwareBackendOptions alone) in parts)
        {
            if (ErrorOf(alone) is { } error)
            {
                errors.Add($"Software.{option}: {error}");
            }
        }

        if (errors.Count == 0 && ErrorOf(software) is { } combination)
        {
            errors.Add($"Software: {combination}");
        }

        return errors;
    }

    private static string? ErrorOf(SoftwareBackendOptions software)
    {
        try
        {
            using SoftwareBackend backend = new(software);
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            return exception.Message;
        }
    }
}

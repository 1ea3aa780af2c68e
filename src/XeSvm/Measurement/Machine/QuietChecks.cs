namespace XeSvm.Measurement;

/// <summary>Whether times that are measured now would be worth something.</summary>
internal static class QuietChecks
{
    /// <summary>Runs the checks.</summary>
    internal static IEnumerable<MachineFinding> Run(MachinePaths paths, RunNoise noise)
    {
        string text = RunNoiseText.Of("now", noise);
        yield return noise.IsQuiet
            ? new MachineFinding("noise", FindingStatus.Good, text)
            : new MachineFinding("noise", FindingStatus.Warning, text, "uptime; top");
        string? governor = MachinePaths.FirstLine(Path.Combine(paths.Sysfs, "devices", "system", "cpu", "cpu0", "cpufreq", "scaling_governor"));
        yield return governor switch
        {
            null => new MachineFinding("processor clock", FindingStatus.Good, "The kernel does not steer it: a virtual machine, or fixed."),
            "performance" => new MachineFinding("processor clock", FindingStatus.Good, "The governor is performance."),
            _ => new MachineFinding(
                "processor clock", FindingStatus.Warning, $"The governor is {governor}: the clock changes while it is measured.",
                "sudo cpupower frequency-set -g performance"),
        };
    }
}

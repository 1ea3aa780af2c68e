using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>What the noise check found, in words.</summary>
public static class RunNoiseText
{
    /// <summary>One sentence.</summary>
    /// <param name="subject">What was looked at: the machine, or a record's name.</param>
    /// <param name="noise">What was found.</param>
    public static string Of(string subject, RunNoise noise)
    {
        ArgumentNullException.ThrowIfNull(noise);
        string load = noise.LoadAverage is null ? "" : string.Create(CultureInfo.InvariantCulture, $", load average {noise.LoadAverage:0.00}");
        string found = string.Create(
            CultureInfo.InvariantCulture,
            $"other work took {noise.LostShare * 100:0.0} % of a processor (longest pause {noise.LongestPauseUs:0} us{load})");
        return noise.IsQuiet
            ? $"{subject}: quiet, {found}."
            : $"{subject}: noisy, {found}. Stop other work and measure again before the times are trusted; counts are exact all the same.";
    }
}

using System.Globalization;
using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering.Html;

/// <summary>How the times of single migrations are distributed.</summary>
internal static class TimeHistogram
{
    private const int MostBins = 48;
    private const double AxisQuantile = 0.99;

    /// <summary>Writes one chart, when there are samples to draw.</summary>
    internal static void Write(HtmlPage page, string name, RunCase row)
    {
        if (row.Samples is not { } samples)
        {
            return;
        }

        double[] times = [.. samples.MigrateUs.Select((time, index) => (double)time / (samples.Migrations?[index] ?? 1)).Order()];
        double least = Math.Floor(times[0]);
        double most = Math.Max(least + 1, Math.Ceiling(Quantile(times, AxisQuantile)));
        int[] bins = Count(times, least, most);
        int highest = bins.Max();
        page.Open("figure").Element("figcaption", $"{row.Size}, {name}");
        page.Open(
            "svg", ("viewBox", $"0 0 {bins.Length} 100"), ("preserveAspectRatio", "none"), ("role", "img"),
            ("aria-label", $"Histogram of {samples.Count} times from {Number(least)} to {Number(most)} us"));
        for (int bin = 0; bin < bins.Length; bin++)
        {
            double height = bins[bin] * 100.0 / highest;
            page.Open("rect", ("x", Number(bin + 0.05)), ("y", Number(100 - height)), ("width", "0.9"), ("height", Number(height))).Close("rect");
        }

        string median = Number((Quantile(times, 0.5) - least) / (most - least) * bins.Length);
        page.Open("line", ("x1", median), ("x2", median), ("y1", "0"), ("y2", "100")).Close("line").Close("svg");
        page.Open("div", ("class", "axis")).Element("span", $"{Number(least)} us").Element("span", $"{Number(most)} us").Close("div");
        int beyond = times.Count(time => time > most);
        string outside = beyond == 0 ? "" : $"; {beyond} beyond the axis, the longest {Number(times[^1])} us";
        string unit = samples.Migrations is null ? "whole time of one migration" : "mean of one round";
        page.Element(
            "p",
            $"{samples.Count} samples, {unit}. Median (line) {Number(Quantile(times, 0.5))}, 95 % below {Number(Quantile(times, 0.95))}, " +
            $"99 % below {Number(Quantile(times, AxisQuantile))} us{outside}.",
            ("class", "summary"));
        page.Close("figure");
    }

    private static int[] Count(double[] times, double least, double most)
    {
        int[] bins = new int[(int)Math.Clamp(most - least, 1, MostBins)];
        foreach (double time in times.Where(time => time <= most))
        {
            bins[Math.Min(bins.Length - 1, (int)((time - least) / (most - least) * bins.Length))]++;
        }

        return bins;
    }

    private static double Quantile(double[] sorted, double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}

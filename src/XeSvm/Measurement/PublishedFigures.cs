using System.Reflection;
using System.Text.Json;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// The figures that the patch series published for real hardware. They are shown beside a run's own figures and never mixed with them.
/// </summary>
public sealed class PublishedFigures
{
    private const string ResourceName = "XeSvm.Measurement.published-figures.json";

    private static readonly Lazy<PublishedFigures> s_instance = new(Load);

    private readonly Dictionary<(string Strategy, SvmSizeClass Size), MigrationTimes> _figures;
    private readonly Dictionary<(string Strategy, SvmSizeClass Size), MigrationTimes> _remeasured;

    private PublishedFigures(PublishedFiguresFile file)
    {
        Source = file.Source;
        Derivation = file.Derivation;
        Note = file.Note;
        _figures = file.Figures.ToDictionary(KeyOf, TimesOf);
        _remeasured = file.Remeasured.ToDictionary(KeyOf, TimesOf);
    }

    /// <summary>The figures.</summary>
    public static PublishedFigures Instance => s_instance.Value;

    /// <summary>Where the figures were published.</summary>
    public string Source { get; }

    /// <summary>How count and totals were derived from what was printed there.</summary>
    public string Derivation { get; }

    /// <summary>What a reader must know about the published baseline.</summary>
    public string Note { get; }

    /// <summary>The published times of a strategy.</summary>
    /// <param name="strategy"><c>per-page</c>, <c>iova</c> or <c>iova-runs</c>.</param>
    /// <param name="size">The ranges' size.</param>
    /// <returns>The times, or <see langword="null"/> when nothing was published for the pair.</returns>
    public MigrationTimes? Find(string strategy, SvmSizeClass size) => _figures.GetValueOrDefault((strategy, size));

    /// <summary>The times that the author measured again later, where he did.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="size">The ranges' size.</param>
    /// <returns>The times, or <see langword="null"/>.</returns>
    public MigrationTimes? FindRemeasured(string strategy, SvmSizeClass size) => _remeasured.GetValueOrDefault((strategy, size));

    /// <summary>The published factor: CPU time of <c>per-page</c> over CPU time of the strategy.</summary>
    /// <param name="strategy">The strategy.</param>
    /// <param name="size">The ranges' size.</param>
    /// <returns>The factor, or <see langword="null"/> when nothing was published for the pair.</returns>
    public ExactRatio? FactorOf(string strategy, SvmSizeClass size) =>
        Find(MappingStrategy.PerPage, size)?.CpuAverage is { } baseline && Find(strategy, size)?.CpuAverage is { } average
            ? baseline / average
            : null;

    private static PublishedFigures Load()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"The assembly was built without its resource {ResourceName}.");
        PublishedFiguresFile file = JsonSerializer.Deserialize(stream, PublishedFiguresJson.Default.PublishedFiguresFile)
            ?? throw new InvalidOperationException($"The resource {ResourceName} is empty.");
        return new PublishedFigures(file);
    }

    private static (string, SvmSizeClass) KeyOf(PublishedFiguresRow row) => (row.Strategy, SizeOf(row));

    private static MigrationTimes TimesOf(PublishedFiguresRow row) => new(SizeOf(row), row.Migrations, row.MigrateUs, row.DeviceCopyUs);

    private static SvmSizeClass SizeOf(PublishedFiguresRow row) => SvmSizeClass.TryParse(row.Size, out SvmSizeClass? size)
        ? size
        : throw new InvalidOperationException($"The resource {ResourceName} has an unknown size '{row.Size}'.");
}

namespace XeSvm.Measurement;

/// <summary>What kind of number a figure is. No figure is shown without one of these labels.</summary>
public static class TimeFace
{
    /// <summary>An exact count of operations; no clock was involved.</summary>
    public const string Counted = "counted";

    /// <summary>This host's clock around the work of the run's own backend.</summary>
    public const string Measured = "measured on this host";

    /// <summary>Counters of the run times the unit costs of a named profile; no clock was involved.</summary>
    public const string Modelled = "modelled from counters";

    /// <summary>Taken from the patch series' cover letters; measured by their author on real hardware.</summary>
    public const string Published = "published hardware figures";
}

namespace XeSvm.Benchmarks.Reporting;

/// <summary>What the figures of a class's table are, and on what they were measured: backend, IOMMU mode, layout.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TableDescriptionAttribute(string text) : Attribute
{
    /// <summary>The description; one or more sentences.</summary>
    public string Text { get; } = text;
}

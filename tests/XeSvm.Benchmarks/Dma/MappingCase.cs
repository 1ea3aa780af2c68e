namespace XeSvm.Benchmarks.Dma;

/// <summary>A strategy on a page layout.</summary>
/// <param name="Strategy">The strategy's name.</param>
/// <param name="Layout">The layout's name.</param>
public sealed record MappingCase(string Strategy, string Layout)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Strategy} on {Layout}";
}

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>Tests that need all processors: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TortureCollection
{
    /// <summary>The collection's name.</summary>
    public const string Name = "Torture";
}

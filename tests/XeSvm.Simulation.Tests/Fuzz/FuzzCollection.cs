namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>The fuzzer's memory is at a fixed address, and it wants the processors: one at a time.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FuzzCollection
{
    public const string Name = "fuzz";
}

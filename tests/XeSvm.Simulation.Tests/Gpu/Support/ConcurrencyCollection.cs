namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Tests whose own threads want the processors: not while other tests run.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ConcurrencyCollection
{
    public const string Name = "GPU concurrency";
}

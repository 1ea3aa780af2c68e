namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Tests that count the threads and files of the process, or want the processors for themselves: not while other tests run.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DriverConcurrencyCollection
{
    public const string Name = "Driver concurrency";
}

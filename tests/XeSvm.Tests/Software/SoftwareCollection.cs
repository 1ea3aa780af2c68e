namespace XeSvm.Tests.Software;

/// <summary>Tests with the software backend run one after the other: its CPU-fault pump serves the whole process.</summary>
[CollectionDefinition(nameof(SoftwareCollection), DisableParallelization = true)]
public sealed class SoftwareCollection;

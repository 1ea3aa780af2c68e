namespace XeSvm.Simulation.Tests.Dma;

/// <summary>What tests of mappings ask of fault injection.</summary>
internal static class FaultInjectorExtensions
{
    /// <summary>Lets some occurrences pass from now on, then fails the next ones; rules that were there before are gone.</summary>
    public static void FailAfter(this FaultInjector injector, FaultPoint point, long passes, long failures = 1)
    {
        injector.Clear(point);
        injector.Add(new FaultRule(point) { At = passes + 1, Times = failures });
    }
}

using System.Collections.Concurrent;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>Figures that benchmarks measure themselves, beside the time that is measured around them.</summary>
internal static class RecordedFigures
{
    private static readonly ConcurrentDictionary<(string Type, string Case, string Name), double> s_figures = [];

    /// <summary>Keeps a figure of a case.</summary>
    /// <param name="type">The benchmark's class; its objects are of classes derived from it.</param>
    /// <param name="method">The benchmark's method.</param>
    /// <param name="parameters">The values of all parameters, in any order.</param>
    /// <param name="name">The figure's name.</param>
    /// <param name="value">The figure.</param>
    public static void Record(Type type, string method, object[] parameters, string name, double value) =>
        s_figures[(type.Name, Key(method, parameters), name)] = value;

    /// <summary>A figure of a case; null when there is none.</summary>
    public static double? Find(BenchmarkCase benchmarkCase, string name) =>
        s_figures.TryGetValue((benchmarkCase.Descriptor.Type.Name, Key(benchmarkCase), name), out double value) ? value : null;

    private static string Key(BenchmarkCase benchmarkCase) =>
        Key(benchmarkCase.Descriptor.WorkloadMethod.Name, [.. benchmarkCase.Parameters.Items.Select(item => item.Value)]);

    private static string Key(string method, object[] parameters) => string.Join('|', parameters.Select(value => $"{value}").Order(StringComparer.Ordinal).Prepend(method));
}

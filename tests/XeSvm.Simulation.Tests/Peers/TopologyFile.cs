using XeSvm.Simulation.Peers;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>A topology of a user's own, in a file for as long as a test needs it.</summary>
internal sealed class TopologyFile : IDisposable
{
    public TopologyFile(string json)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), System.IO.Path.GetRandomFileName() + ".json");
        File.WriteAllText(Path, json);
    }

    public string Path { get; }

    /// <summary>A built-in topology with another text in it.</summary>
    public static TopologyFile BuiltInWith(string name, string text, string other)
    {
        string json = BuiltInPeerTopologies.Text(name);
        Assert.Contains(text, json, StringComparison.Ordinal);
        return new TopologyFile(json.Replace(text, other, StringComparison.Ordinal));
    }

    /// <summary>Devices that are described by the JSON of one each, and reach each other over PCIe.</summary>
    public static TopologyFile OfPair(string first, string second) => new(
        $$"""
        { "schema": "xesvm.topology/1", "name": "pair", "devices": [ { "name": "a", {{first}} }, { "name": "b", {{second}} } ],
          "links": [ { "from": "a", "to": "b", "pcie": { "distance": 4, "gigabytesPerSecond": 24, "latencyNanoseconds": 900 } } ] }
        """);

    public void Dispose() => File.Delete(Path);
}

namespace XeSvm.Simulation.Peers;

/// <summary>The topologies that come with the project: files in the form that a user's own has, embedded from <c>Peers/Topologies</c>.</summary>
internal static class BuiltInPeerTopologies
{
    private static readonly string[] s_names = ["pair-p2p", "pair-isolated", "quad-fabric-physical", "quad-fabric-virtual"];

    /// <summary>Their names.</summary>
    public static ReadOnlySpan<string> Names => s_names;

    /// <summary>A built-in topology, or one from a file.</summary>
    /// <param name="nameOrPath">One of <see cref="Names"/>, or the path of a JSON file of schema <see cref="PeerTopologyReader.Schema"/>.</param>
    /// <exception cref="FormatException">There is no such name or file, or it is no topology; the message says what is wrong and where.</exception>
    public static PeerTopology Load(string nameOrPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        if (s_names.Contains(nameOrPath))
        {
            return PeerTopologyReader.Read(Text(nameOrPath));
        }

        try
        {
            return PeerTopologyReader.Read(File.ReadAllText(nameOrPath));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FormatException(
                $"'{nameOrPath}' is neither a built-in topology ({string.Join(", ", s_names)}) nor a file that can be read: {error.Message}", error);
        }
    }

    /// <summary>A built-in topology's JSON, to start an own file from.</summary>
    public static string Text(string name)
    {
        using Stream stream = typeof(BuiltInPeerTopologies).Assembly.GetManifestResourceStream($"XeSvm.Simulation.Peers.Topologies.{name}.json")
            ?? throw new FormatException($"'{name}' is no built-in topology; there are {string.Join(", ", s_names)}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

using System.Reflection;

using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Software;

namespace XeSvm.Simulation.Driver.Profiles;

/// <summary>A machine: a number of equal devices.</summary>
/// <param name="Name">What <c>XESVM_DEVICE</c> calls it.</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="DeviceCount">How many devices there are.</param>
/// <param name="HasPeerAccess">Whether the devices reach each other's VRAM.</param>
/// <param name="Device">What each of them is.</param>
internal sealed record MachineProfile(string Name, string Description, int DeviceCount, bool HasPeerAccess, DeviceProfile Device)
{
    private const string ResourcePrefix = "XeSvm.Simulation.Driver.Profiles.";
    private const string Extension = ".json";

    private PeerTopology? _topology;

    /// <summary>The topology that the machine was read from; null when a device profile described it.</summary>
    public PeerTopology? DeclaredTopology { get; init; }

    /// <summary>Which way leads from each device to each.</summary>
    public PeerTopology Topology => _topology ??= DeclaredTopology ?? MachineTopologies.Of(this);

    /// <summary>The names of the built-in profiles, sorted.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } =
    [
        .. typeof(MachineProfile).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal) && name.EndsWith(Extension, StringComparison.Ordinal))
            .Select(name => name[ResourcePrefix.Length..^Extension.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>
    /// Loads a built-in profile or a built-in topology by name, or a file of either: what has a <c>/</c> or ends in <c>.json</c> is a path.
    /// </summary>
    /// <exception cref="FormatException">There is no such profile, it cannot be read, or it is not valid: the message names every fault.</exception>
    public static MachineProfile Load(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        string text = IsPath(nameOrPath) ? ReadFile(nameOrPath) : ReadBuiltIn(nameOrPath);
        return MachineTopologies.IsTopology(text) ? MachineTopologies.ReadMachine(text) : MachineProfileReader.Read(text, nameOrPath);
    }

    /// <summary>What a device of a topology is: a profile with VRAM, by name or from a file, without the rest of the machine that it describes.</summary>
    /// <exception cref="FormatException">There is no such profile, it is not valid, or its device has no VRAM; the message says which, and what is valid.</exception>
    public static DeviceProfile LoadDevice(string nameOrPath)
    {
        bool isPath = IsPath(nameOrPath);
        if (!isPath && !BuiltInNames.Contains(nameOrPath))
        {
            throw new FormatException(
                $"There is no device profile '{nameOrPath}'; there are {string.Join(", ", BuiltInNames)}, and any path of a profile file (with a '/', or ending in .json).");
        }

        DeviceProfile device = MachineProfileReader.Read(isPath ? ReadFile(nameOrPath) : ReadBuiltIn(nameOrPath), nameOrPath).Device;
        return device.IsDiscrete
            ? device
            : throw new FormatException($"The device profile '{nameOrPath}' has no VRAM; a device of a topology is one with VRAM.");
    }

    private static bool IsPath(string nameOrPath) =>
        nameOrPath.Contains('/', StringComparison.Ordinal) || nameOrPath.EndsWith(Extension, StringComparison.OrdinalIgnoreCase);

    private static string ReadBuiltIn(string name)
    {
        if (BuiltInPeerTopologies.Names.Contains(name))
        {
            return BuiltInPeerTopologies.Text(name);
        }

        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(ResourcePrefix + name + Extension);
        if (stream is null)
        {
            throw new FormatException(
                $"There is no device profile '{name}'; there are {string.Join(", ", BuiltInNames)}, the topologies {string.Join(", ", BuiltInPeerTopologies.Names.ToArray())}, and any path of a profile or topology file (with a '/', or ending in .json).");
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"The device profile '{path}' cannot be read: {error.Message}", error);
        }
    }
}

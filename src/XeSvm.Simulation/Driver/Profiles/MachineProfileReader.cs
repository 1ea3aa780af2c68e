using System.Text.Json;

using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Profiles;

/// <summary>Reads machine profiles from JSON (schema "xesvm.device-profile/1").</summary>
internal static class MachineProfileReader
{
    /// <summary>The schema that this reader reads.</summary>
    public const string Schema = "xesvm.device-profile/1";

    /// <summary>Most VRAM of one tile, in bytes.</summary>
    public const ulong LargestVram = 64UL << 30;

    /// <summary>Most tiles of one device.</summary>
    public const int MostTiles = 4;

    private const int MostDevices = 8;
    private const int MostPatEntries = 64;
    private const int MostDss = 128;
    private const int MostL3Banks = 64;
    private const int MostEus = 64;
    private const int MostHardwareWords = 512;

    private static readonly JsonDocumentOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>The classes that a GT can have, in query order, with the most engines of each (enum xe_hw_engine_id).</summary>
    private static readonly (string Name, EngineClass Class, int Most)[] s_engines =
    [
        ("render", EngineClass.Render, 1),
        ("copy", EngineClass.Copy, 9),
        ("videoDecode", EngineClass.VideoDecode, 8),
        ("videoEnhance", EngineClass.VideoEnhance, 4),
        ("compute", EngineClass.Compute, 4),
    ];

    private static readonly string[] s_patWords = ["reserved", "none", "1-way", "2-way", "none+compression", "1-way+compression", "2-way+compression"];

    /// <summary>Reads a profile.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">Where it comes from, for errors.</param>
    /// <exception cref="FormatException">The text is no JSON or no profile; the message names every fault and what is valid.</exception>
    public static MachineProfile Read(string json, string source)
    {
        var faults = new List<string>();
        MachineProfile profile;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            var root = new ProfileNode(document.RootElement, "profile", faults);
            profile = ReadMachine(root);
        }
        catch (JsonException error)
        {
            throw new FormatException($"The device profile '{source}' is no JSON: {error.Message}", error);
        }

        return faults.Count == 0
            ? profile
            : throw new FormatException($"The device profile '{source}' is not valid:{string.Concat(faults.Select(fault => "\n  " + fault))}");
    }

    private static MachineProfile ReadMachine(ProfileNode root)
    {
        root.RequireObject(
            "schema", "name", "description", "devices", "peerAccess", "deviceId", "revision", "virtualAddressBits", "minPageSize", "faults",
            "scratchWithFaults", "deviceAtomicsOnSystemMemory", "flatCcs", "euStallSampling", "multiQueue", "graphics", "reportsVersions", "pat", "gucSubmission",
            "huc", "hardwareConfiguration", "tiles");
        root["schema"].Choice(Schema);
        string name = root["name"].Text();
        return new MachineProfile(
            name,
            root["description"].Text(),
            root.Has("devices") ? (int)root["devices"].Number(1, MostDevices) : 1,
            root.Has("peerAccess") && root["peerAccess"].Flag(),
            ReadDevice(root, name));
    }

    private static DeviceProfile ReadDevice(ProfileNode root, string name)
    {
        uint[] graphics = root["graphics"].Version(2);
        if (graphics[0] > byte.MaxValue || graphics[1] > byte.MaxValue)
        {
            root["graphics"].Reject("a version whose parts are below 256");
        }

        int minPageSize = (int)root["minPageSize"].Number(4096, 65536);
        if (minPageSize is not (4096 or 65536))
        {
            root["minPageSize"].Reject("4096 or 65536");
        }

        TileProfile[] tiles = ReadTiles(root["tiles"], (ulong)minPageSize);
        return new DeviceProfile
        {
            Name = name,
            DeviceId = root["deviceId"].Hexadecimal(),
            Revision = (byte)root["revision"].Number(0, byte.MaxValue),
            VirtualAddressBits = (int)root["virtualAddressBits"].Number(39, 57),
            MinPageSize = (uint)minPageSize,
            HasUsm = root["faults"].Flag(),
            NeedsScratch = root["scratchWithFaults"].Flag(),
            HasDeviceAtomicsOnSystemMemory = root["deviceAtomicsOnSystemMemory"].Flag(),
            HasFlatCcs = root["flatCcs"].Flag(),
            HasEuStallSampling = root["euStallSampling"].Flag(),
            HasMultiQueue = root.Has("multiQueue") && root["multiQueue"].Flag(),
            GraphicsVersion = (byte)graphics[0],
            GraphicsRelease = (byte)graphics[1],
            ReportsVersions = root["reportsVersions"].Flag(),
            Pat = new PatTable([.. root["pat"].Items(1, MostPatEntries).Select(ReadPatEntry)]),
            GucSubmission = ReadFirmware(root["gucSubmission"]),
            Huc = root.Has("huc") ? ReadFirmware(root["huc"]) : null,
            HardwareConfiguration = root.Has("hardwareConfiguration")
                ? [.. root["hardwareConfiguration"].Items(0, MostHardwareWords).Select(word => (uint)word.Number(0, uint.MaxValue))]
                : [],
            Tiles = tiles,
        };
    }

    private static PatEntry ReadPatEntry(ProfileNode node)
    {
        int word = node.Choice(s_patWords);
        return word > (int)PatCoherency.TwoWay
            ? new PatEntry((PatCoherency)(word - (int)PatCoherency.TwoWay), IsCompressing: true)
            : new PatEntry((PatCoherency)word, IsCompressing: false);
    }

    private static FirmwareVersion ReadFirmware(ProfileNode node)
    {
        uint[] version = node.Version(3);
        return new FirmwareVersion(version[0], version[1], version[2]);
    }

    private static TileProfile[] ReadTiles(ProfileNode list, ulong minPageSize)
    {
        TileProfile[] tiles = [.. list.Items(1, MostTiles).Select(node => ReadTile(node, minPageSize))];
        if (tiles.Length > 1 && tiles.Any(tile => tile.VramBytes == 0))
        {
            list.Reject("one tile without VRAM, or tiles that all have VRAM");
        }

        return tiles;
    }

    private static TileProfile ReadTile(ProfileNode node, ulong minPageSize)
    {
        node.RequireObject("vramBytes", "visibleVramBytes", "gts");
        ulong vram = node["vramBytes"].Number(0, LargestVram);
        ulong visible = node.Has("visibleVramBytes") ? node["visibleVramBytes"].Number(0, vram) : vram;
        ulong unit = Math.Max(PageConstants.BlockSize, minPageSize);
        if (vram % unit != 0)
        {
            node["vramBytes"].Reject($"a multiple of {unit}");
        }

        if (visible % unit != 0 || (visible == 0 && vram != 0))
        {
            node["visibleVramBytes"].Reject($"a multiple of {unit} above 0");
        }

        GtProfile[] gts = [.. node["gts"].Items(1, 2).Select(ReadGt)];
        for (int i = 0; i < gts.Length; i++)
        {
            if (gts[i].Type != (i == 0 ? GtType.Main : GtType.Media))
            {
                node["gts"].Reject("a GT of type main, and after it one of type media or none");
            }
        }

        return new TileProfile(vram, visible, gts);
    }

    private static GtProfile ReadGt(ProfileNode node)
    {
        node.RequireObject("type", "version", "referenceClock", "engines", "topology");
        uint[] version = node["version"].Version(2);
        if (version[0] > byte.MaxValue || version[1] > byte.MaxValue)
        {
            node["version"].Reject("a version whose parts are below 256");
        }

        ProfileNode engines = node["engines"];
        engines.RequireObject([.. s_engines.Select(engine => engine.Name)]);
        (EngineClass Class, int Count)[] counts =
        [
            .. s_engines.Where(engine => engines.Has(engine.Name))
                .Select(engine => (engine.Class, (int)engines[engine.Name].Number(0, (ulong)engine.Most))),
        ];
        return new GtProfile
        {
            Type = (GtType)node["type"].Choice("main", "media"),
            Version = (byte)version[0],
            Release = (byte)version[1],
            ReferenceClock = (uint)node["referenceClock"].Number(1_000_000, 1_000_000_000),
            Engines = counts,
            Topology = node.Has("topology") ? ReadTopology(node["topology"]) : default,
        };
    }

    private static GtTopology ReadTopology(ProfileNode node)
    {
        node.RequireObject("geometryDss", "computeDss", "l3Banks", "eusPerDss", "simd16");
        return new GtTopology(
            (int)node["geometryDss"].Number(0, MostDss),
            (int)node["computeDss"].Number(0, MostDss),
            (int)node["l3Banks"].Number(0, MostL3Banks),
            (int)node["eusPerDss"].Number(0, MostEus),
            node["simd16"].Flag());
    }
}

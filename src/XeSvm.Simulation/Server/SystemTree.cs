using System.Globalization;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver.Profiles;

namespace XeSvm.Simulation.Server;

/// <summary>
/// What programs read about the devices in /sys, as a folder with the layout of /sys: the PCI device with its identity and its DRM nodes, the
/// links by which it is found (by number, by class, by bus), and the entries that never change of debugfs. The preload library looks there what
/// a path names of the device's own; a container may have it mounted at /sys.
/// </summary>
internal sealed class SystemTree : IDisposable
{
    private const string Suffix = ".sys"; // native/preload/tree.c
    private const string StateFile = "module/xe/initstate";
    private const string Root = "devices/pci0000:00";
    private const int DrmMajor = 226;
    private const ushort VendorId = 0x8086;
    private const string ClassCode = "0x030000"; // PCI_CLASS_DISPLAY_VGA

    private readonly string _folder;

    private SystemTree(string folder) => _folder = folder;

    /// <summary>Makes the folder beside a socket.</summary>
    /// <param name="socketPath">The socket.</param>
    /// <param name="nodes">The devices' nodes.</param>
    /// <param name="profile">What the devices are.</param>
    /// <param name="forOthers">Whether other users are to read it too, whatever the umask is.</param>
    /// <exception cref="IOException">It is there already, or cannot be made; the message says why.</exception>
    public static SystemTree Create(string socketPath, IReadOnlyList<DrmNode> nodes, DeviceProfile profile, bool forOthers)
    {
        string folder = socketPath + Suffix;
        if (Path.Exists(folder))
        {
            throw new IOException($"'{folder}', where the devices' entries of /sys are to be, exists already: choose another socket, or remove it.");
        }

        var tree = new SystemTree(folder);
        try
        {
            Write(folder, StateFile, "live\n");
            for (int index = 0; index < nodes.Count; index++)
            {
                AddDevice(folder, nodes[index], profile, index);
            }

            if (forOthers)
            {
                OpenToAll(folder);
            }

            return tree;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            tree.Dispose();
            throw new IOException($"The folder '{folder}' cannot be made: {exception.Message}", exception);
        }
    }

    /// <summary>Removes the folder that a killed server has left beside its socket; another folder of that name stays.</summary>
    public static void RemoveAbandoned(string socketPath)
    {
        string folder = socketPath + Suffix;
        if (File.Exists(Path.Combine(folder, StateFile)))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The debugfs file <c>name</c> of a node (drm_name_info).</summary>
    public static string NameFile(DrmNode node) => $"{node.Driver} dev={node.BusAddress} unique={node.BusAddress}\n";

    /// <summary>Removes the folder.</summary>
    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    /// <summary>Modes as those of /sys.</summary>
    private static void OpenToAll(string folder)
    {
        const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        const UnixFileMode Passable = Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (entry.LinkTarget is not null)
            {
                continue; // by which a loop would come about, and what has no mode of its own
            }

            if (entry is DirectoryInfo)
            {
                OpenToAll(entry.FullName);
            }
            else
            {
                Check(SystemCalls.ChangeMode(entry.FullName, Readable));
            }
        }

        Check(SystemCalls.ChangeMode(folder, Passable));
        void Check(int result) => _ = result < 0 ? throw new IOException(Errno.Describe(result)) : result;
    }

    private static void AddDevice(string folder, DrmNode node, DeviceProfile profile, int index)
    {
        string device = $"{Root}/{node.BusAddress}";
        string id = profile.DeviceId.ToString("x4", CultureInfo.InvariantCulture);
        string upper = id.ToUpperInvariant();
        Write(folder, $"{device}/vendor", $"0x{VendorId:x4}\n");
        Write(folder, $"{device}/device", $"0x{id}\n");
        Write(folder, $"{device}/subsystem_vendor", $"0x{VendorId:x4}\n");
        Write(folder, $"{device}/subsystem_device", "0x0000\n");
        Write(folder, $"{device}/revision", $"0x{profile.Revision:x2}\n");
        Write(folder, $"{device}/class", $"{ClassCode}\n");
        Write(folder, $"{device}/numa_node", "-1\n");
        Write(folder, $"{device}/enable", "1\n");
        Write(
            folder,
            $"{device}/uevent",
            $"DRIVER={node.Driver}\nPCI_CLASS=30000\nPCI_ID={VendorId:X4}:{upper}\nPCI_SUBSYS_ID={VendorId:X4}:0000\nPCI_SLOT_NAME={node.BusAddress}\n"
            + $"MODALIAS=pci:v0000{VendorId:X4}d0000{upper}sv0000{VendorId:X4}sd00000000bc03sc00i00\n");
        File.WriteAllBytes(Path.Combine(folder, device, "config"), Configuration(profile));
        Link(folder, $"{device}/subsystem", "bus/pci");
        Link(folder, $"{device}/driver", $"bus/pci/drivers/{node.Driver}");
        Link(folder, $"bus/pci/devices/{node.BusAddress}", device);
        Link(folder, $"bus/pci/drivers/{node.Driver}/{node.BusAddress}", device);
        AddNode(folder, node, device, $"card{index}", index);
        AddNode(folder, node, device, $"renderD{ServerProtocol.FirstRenderMinor + index}", (int)ServerProtocol.FirstRenderMinor + index);
    }

    private static void AddNode(string folder, DrmNode node, string device, string name, int minor)
    {
        string path = $"{device}/drm/{name}";
        Write(folder, $"{path}/dev", $"{DrmMajor}:{minor}\n");
        Write(folder, $"{path}/uevent", $"MAJOR={DrmMajor}\nMINOR={minor}\nDEVNAME=dri/{name}\nDEVTYPE=drm_minor\n");
        Link(folder, $"{path}/device", device);
        Link(folder, $"{path}/subsystem", "class/drm");
        Link(folder, $"class/drm/{name}", path);
        Link(folder, $"dev/char/{DrmMajor}:{minor}", path);
        Write(folder, $"kernel/debug/dri/{minor}/name", NameFile(node));
        Write(folder, $"kernel/debug/dri/{minor}/forcewake_all", ""); // keeps the device awake while it is open: this one never sleeps
        Directory.CreateDirectory(Path.Combine(folder, $"kernel/debug/dri/{minor}/gt0"));
    }

    /// <summary>The head of the PCI configuration space: who the device is (pci_regs.h).</summary>
    private static byte[] Configuration(DeviceProfile profile)
    {
        const int bytes = 64; // what a reader without privilege gets
        byte[] space = new byte[bytes];
        BitConverter.TryWriteBytes(space.AsSpan(0), VendorId);
        BitConverter.TryWriteBytes(space.AsSpan(2), profile.DeviceId);
        space[0x04] = 0x06; // memory, bus master
        space[0x08] = profile.Revision;
        space[0x0b] = 0x03; // display
        BitConverter.TryWriteBytes(space.AsSpan(0x2c), VendorId);
        return space;
    }

    private static void Write(string folder, string path, string text)
    {
        string full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    /// <summary>A relative link, as sysfs has them: the folder can be anywhere.</summary>
    private static void Link(string folder, string path, string target)
    {
        string full = Path.Combine(folder, path);
        string destination = Path.Combine(folder, target);
        string parent = Path.GetDirectoryName(full)!;
        Directory.CreateDirectory(parent);
        Directory.CreateDirectory(destination);
        File.CreateSymbolicLink(full, Path.GetRelativePath(parent, destination));
    }
}

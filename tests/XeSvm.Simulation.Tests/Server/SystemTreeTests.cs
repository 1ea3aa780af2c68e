using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>The folder that stands for /sys.</summary>
public sealed class SystemTreeTests
{
    [Theory]
    [InlineData("bmg", 1, "0xe20b")]
    [InlineData("dual-bmg", 2, "0xe20b")]
    [InlineData("lnl", 1, "0x64a0")]
    public void Every_way_to_a_node_leads_to_its_device(string device, int count, string id)
    {
        string folder;
        using (ServerMachine machine = new(device))
        {
            folder = machine.Socket + ".sys";
            for (int index = 0; index < count; index++)
            {
                string slot = $"0000:{3 + index:x2}:00.0";
                foreach (string way in new[] { $"class/drm/card{index}/device", $"dev/char/226:{128 + index}/device", $"bus/pci/devices/{slot}", $"bus/pci/drivers/xe/{slot}" })
                {
                    Assert.Equal($"{id}\n", File.ReadAllText(Path.Combine(folder, way, "device")));
                    string? target = new DirectoryInfo(Path.Combine(folder, way)).LinkTarget;
                    Assert.True(target?.StartsWith("../", StringComparison.Ordinal), $"{way} -> {target}: the folder can be anywhere");
                    Assert.Contains($"PCI_SLOT_NAME={slot}\n", File.ReadAllText(Path.Combine(folder, way, "uevent")), StringComparison.Ordinal);
                }

                Assert.Equal($"226:{index}\n", File.ReadAllText(Path.Combine(folder, $"class/drm/card{index}/dev")));
                Assert.Equal($"xe dev={slot} unique={slot}\n", File.ReadAllText(Path.Combine(folder, $"kernel/debug/dri/{index}/name")));
            }

            Assert.Equal(2 * count, Directory.GetFileSystemEntries(Path.Combine(folder, "class/drm")).Length);
        }

        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void A_folder_that_is_there_already_is_left_alone_and_no_server_starts()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("xesvm-server-");
        string socket = Path.Combine(folder.FullName, "device");
        string letter = Path.Combine(Directory.CreateDirectory(socket + ".sys").FullName, "letter");
        File.WriteAllText(letter, "mine");
        IOException exception = Assert.Throws<IOException>(() => DeviceServer.Start(new SoftwareBackendOptions(), socket));
        Assert.Contains(socket + ".sys", exception.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(letter));
        Assert.False(File.Exists(socket));
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("module/xe/initstate", true)]
    [InlineData("letter", false)]
    public void What_a_killed_server_has_left_can_be_removed_and_nothing_else(string file, bool isOurs)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("xesvm-server-");
        string socket = Path.Combine(folder.FullName, "device");
        Assert.Equal(0, SystemCalls.ListenAt(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite, -1, -1, out FileDescriptorHandle? listener));
        string path = Path.Combine(socket + ".sys", file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "");

        DeviceServer.RemoveAbandoned(socket);
        Assert.True(File.Exists(socket) && File.Exists(path), "Somebody listens.");

        listener!.Dispose();
        DeviceServer.RemoveAbandoned(socket);
        Assert.False(File.Exists(socket));
        Assert.Equal(!isOurs, File.Exists(path));
        folder.Delete(recursive: true);
    }
}

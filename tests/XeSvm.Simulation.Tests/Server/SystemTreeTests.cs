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
}

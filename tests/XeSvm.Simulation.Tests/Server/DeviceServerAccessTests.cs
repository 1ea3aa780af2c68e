using XeSvm.Interop.LibC;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

public sealed class DeviceServerAccessTests
{
    private const uint Server = 100;
    private const uint ServerGroup = 200;
    private static readonly string[] s_files = ["mem", "maps", "pagemap"];

    [Theory]
    [InlineData(null, null, 0b110_000_000, 0, 0, true)] // root always
    [InlineData(null, null, 0b000_000_000, 100, 0, true)] // and the own user
    [InlineData(null, null, 0b110_000_000, 101, 200, false)]
    [InlineData(null, null, 0b110_110_000, 101, 200, true)] // the own group, when no other is named
    [InlineData(null, 300, 0b110_110_000, 101, 200, false)]
    [InlineData(null, 300, 0b110_110_000, 101, 300, true)]
    [InlineData(null, 300, 0b110_100_000, 101, 300, false)] // reading is not enough (unix(7))
    [InlineData(101, 300, 0b110_000_000, 101, 300, true)]
    [InlineData(101, 300, 0b100_110_110, 101, 300, false)] // the owner is not asked as a member
    [InlineData(101, 300, 0b110_000_110, 102, 300, false)] // nor the member as anybody
    [InlineData(101, 300, 0b110_000_010, 102, 301, true)]
    public void Owner_group_and_mode_decide_as_they_do_for_files(int? owner, int? group, int mode, int user, int peerGroup, bool admitted) => Assert.Equal(
        admitted,
        new DeviceServerAccess { Owner = owner, Group = group, Mode = (UnixFileMode)mode }.Admits((uint)user, [7, (uint)peerGroup], Server, ServerGroup));

    [Theory]
    [InlineData(null, 0b110_000_000, false)]
    [InlineData(100, 0b110_000_000, false)]
    [InlineData(0, 0b110_000_000, false)]
    [InlineData(101, 0b110_000_000, true)]
    [InlineData(101, 0b100_000_000, false)]
    [InlineData(null, 0b110_100_100, false)]
    [InlineData(null, 0b110_010_000, true)]
    [InlineData(null, 0b110_000_010, true)]
    public void Others_are_meant_when_a_permission_to_write_says_so(int? owner, int mode, bool forOthers) =>
        Assert.Equal(forOthers, new DeviceServerAccess { Owner = owner, Mode = (UnixFileMode)mode }.IsForOthers(Server));

    [Fact]
    public void Only_the_files_of_proc_are_taken_as_the_memory_of_a_client_and_what_is_not_taken_is_closed()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("xesvm-access-");
        foreach (string name in s_files)
        {
            File.WriteAllText(Path.Combine(folder.FullName, name), "not memory");
        }

        AssertNotTaken(folder.FullName, s_files);
        AssertNotTaken("/proc/self", ["maps", "mem", "pagemap"]);
        AssertNotTaken("/proc/self", ["mem", "maps"]);
        AssertNotTaken("/proc/self", []);
        folder.Delete(recursive: true);

        using GivenMemory given = new(Open("/proc/self", s_files));
        Assert.True(given.TryTake(out FileDescriptorHandle[]? taken));
        Assert.False(given.TryTake(out _));
        given.Dispose();
        Assert.All(taken, file => Assert.False(file.IsClosed));
        Array.ForEach(taken, file => file.Dispose());

        static FileDescriptorHandle[] Open(string folder, string[] names) =>
            [.. names.Select(name => SystemCalls.OpenForReading(Path.Combine(folder, name), out FileDescriptorHandle? file) == 0 ? file! : throw new FileNotFoundException(name))];

        static void AssertNotTaken(string folder, string[] names)
        {
            FileDescriptorHandle[] files = Open(folder, names);
            using (GivenMemory given = new(files))
            {
                Assert.False(given.TryTake(out _));
            }

            Assert.All(files, file => Assert.True(file.IsClosed));
        }
    }

    [Fact]
    public void The_groups_of_a_peer_are_all_that_it_has()
    {
        using ServerMachine machine = new();
        using FileDescriptorHandle connection = ServerConnection.Connect(machine.Socket);

        Assert.Equal(0, SystemCalls.FindPeerGroups(connection, out uint[] groups));

        // The server's, which is this process: the kernel keeps them for both ends.
        string[] expected = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Groups:", StringComparison.Ordinal))["Groups:".Length..]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(SystemCalls.EffectiveGroup, groups[0]);
        Assert.Equal(expected.Select(uint.Parse).Order(), groups[1..].Order());
    }
}

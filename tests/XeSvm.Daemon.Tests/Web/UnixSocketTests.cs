using System.Globalization;
using System.Net.Sockets;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;
using XeSvm.Daemon.Web;

namespace XeSvm.Daemon.Tests.Web;

public sealed class UnixSocketTests : IDisposable
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private readonly TestFolder _folder = new();

    private string SocketPath => _folder.PathOf("s.sock");

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("nobody", "daemon")]
    [InlineData("nobody", "")]
    [InlineData("", "daemon")]
    [InlineData("4711", "815")]
    public async Task A_socket_has_the_owner_group_and_mode_of_the_settings(string owner, string group)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "Only root can give files away.");
        Skip.IfNot(File.ReadLines("/etc/passwd").Any(line => line.StartsWith("nobody:", StringComparison.Ordinal)), "There is no user nobody.");
        Skip.IfNot(File.ReadLines("/etc/group").Any(line => line.StartsWith("daemon:", StringComparison.Ordinal)), "There is no group daemon.");
        using Socket socket = Bind(owner, group);

        (int code, string facts) = await ExternalTool.RunAsync("/usr/bin/stat", null, "-c", "%U|%u|%G|%g|%a", SocketPath);

        Assert.True(code == 0, facts);
        string[] fields = facts.Trim().Split('|');
        Assert.Contains(owner.Length == 0 ? "root" : owner, fields[..2]);
        Assert.Contains(group.Length == 0 ? "root" : group, fields[2..4]);
        Assert.Equal(Convert.ToString((int)Mode, 8), fields[4]);
        using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath));
    }

    [Theory]
    [InlineData("no-such-user", "", "'no-such-user' is not in /etc/passwd.")]
    [InlineData("", "no-such-group", "'no-such-group' is not in /etc/group.")]
    [InlineData("-1", "", "'-1' is not in /etc/passwd.")]
    public void An_owner_or_group_that_does_not_exist_is_an_error_and_leaves_what_was_there(string owner, string group, string message)
    {
        File.WriteAllText(SocketPath, "was here");

        SettingsException exception = Assert.Throws<SettingsException>(() => Bind(owner, group));

        Assert.Equal([message], exception.Errors);
        Assert.Equal([SocketPath], Directory.GetFiles(_folder.FullPath));
        Assert.Equal("was here", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void A_socket_of_a_daemon_that_was_killed_is_replaced()
    {
        Bind("", "").Dispose();
        Assert.True(File.Exists(SocketPath));

        using Socket again = Bind("", "");
        using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));

        Assert.Equal([SocketPath], Directory.GetFiles(_folder.FullPath));
    }

    [Fact]
    public void A_socket_in_a_folder_that_is_not_there_is_an_error_that_names_it()
    {
        string path = _folder.PathOf("none/s.sock");

        SettingsException exception = Assert.Throws<SettingsException>(() => Listeners.Bind(new UnixDomainSocketEndPoint(path), new DaemonSettings()));

        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"http.listen: unix:{path}: "), Assert.Single(exception.Errors), StringComparison.Ordinal);
    }

    private Socket Bind(string owner, string group) => Listeners.Bind(
        new UnixDomainSocketEndPoint(SocketPath), new DaemonSettings { SocketOwner = owner, SocketGroup = group, SocketMode = Mode });
}

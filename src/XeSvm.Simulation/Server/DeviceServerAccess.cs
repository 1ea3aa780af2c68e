namespace XeSvm.Simulation.Server;

/// <summary>
/// Who may use a <see cref="DeviceServer"/>: owner, group and mode of its socket, by the rules of files. They decide twice: the kernel asks them of
/// whoever connects, and the server asks them of the credentials that come with the connection (<c>SO_PEERCRED</c>, <c>SO_PEERGROUPS</c>), so that
/// a socket whose mode was changed later, or that is seen at another path, lets nobody in. The server's own user and root may always.
/// </summary>
public sealed record DeviceServerAccess
{
    /// <summary>The server's own user and root only.</summary>
    public static DeviceServerAccess OwnUser { get; } = new();

    /// <summary>The number of the user who owns the socket; <see langword="null"/>: the server's own user. Another one can be given by root only.</summary>
    public int? Owner { get; init; }

    /// <summary>The number of the socket's group; <see langword="null"/>: the server's own group. One that the server is a member of, if it is not root.</summary>
    public int? Group { get; init; }

    /// <summary>The socket's mode: write permission is what connecting needs (unix(7)).</summary>
    public UnixFileMode Mode { get; init; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Whether somebody else than the server's own user and root may connect.</summary>
    /// <param name="server">The number of the server's own user.</param>
    internal bool IsForOthers(uint server) =>
        (Mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0
        || (Owner is { } owner && owner != 0 && owner != server && (Mode & UnixFileMode.UserWrite) != 0);

    /// <summary>Whether somebody may connect. As with files, who is the owner is not asked as a member of the group.</summary>
    /// <param name="user">The number of the peer's user.</param>
    /// <param name="groups">The numbers of all groups of the peer.</param>
    /// <param name="server">The number of the server's own user.</param>
    /// <param name="serverGroup">The number of the server's own group.</param>
    internal bool Admits(uint user, ReadOnlySpan<uint> groups, uint server, uint serverGroup)
    {
        if (user == 0 || user == server)
        {
            return true;
        }

        UnixFileMode needed = user == (uint?)Owner ? UnixFileMode.UserWrite
            : groups.Contains((uint?)Group ?? serverGroup) ? UnixFileMode.GroupWrite
            : UnixFileMode.OtherWrite;
        return (Mode & needed) != 0;
    }
}

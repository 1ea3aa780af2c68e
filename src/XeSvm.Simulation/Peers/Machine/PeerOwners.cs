namespace XeSvm.Simulation.Peers.Machine;

/// <summary>
/// Owner tokens (drm_pagemap_acquire_owner): peers with the same token see each other's device pages as they are; all members of a group are
/// connected to all others. A newcomer joins the first group that it fully connects to, else founds one, so the grouping depends on the
/// order of arrival. Every address space and every pagemap is a peer; two of one device always share.
/// </summary>
internal sealed class PeerOwners(PeerTopology topology)
{
    private readonly Lock _lock = new();
    private readonly List<List<int>> _groups = [];

    /// <summary>Lets a peer of a device in.</summary>
    /// <returns>Its token, from 0.</returns>
    public int Join(int device)
    {
        lock (_lock)
        {
            int token = _groups.FindIndex(group => group.TrueForAll(member => IsConnected(member, device)));
            if (token < 0)
            {
                token = _groups.Count;
                _groups.Add([]);
            }

            _groups[token].Add(device);
            return token;
        }
    }

    /// <summary>Lets a peer go. A group keeps its token while anybody is in it.</summary>
    /// <returns>0, or -EINVAL when no peer of the device has the token.</returns>
    public int Leave(int token, int device)
    {
        lock (_lock)
        {
            return token >= 0 && token < _groups.Count && _groups[token].Remove(device) ? 0 : -Errno.EINVAL;
        }
    }

    private bool IsConnected(int one, int other) =>
        one == other || (topology.Link(one, other).IsUsable && topology.Link(other, one).IsUsable);
}

using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>
/// The other devices whose memory a VM knows of, by advice or by mapping it: it keeps them for its life, so that no address of theirs
/// outlives them. And the VM's own place among peers (drm_pagemap_acquire_owner). Used under the VM lock.
/// </summary>
internal sealed class VmPeers
{
    private readonly SoftwareDevice _device;
    private readonly List<SoftwareDevice> _kept = [];
    private int _owner = -1;

    /// <param name="device">The VM's device.</param>
    /// <param name="isFaultMode">Whether the VM can have SVM at all: others are no peers.</param>
    public VmPeers(SoftwareDevice device, bool isFaultMode)
    {
        _device = device;
        if (isFaultMode)
        {
            _owner = device.Machine.Owners.Join(device.Port.Index);
            device.JoinOwners();
        }
    }

    /// <summary>The VM's owner token; -1: none. Pages whose owner has the same are seen as they are.</summary>
    public int Owner => _owner;

    /// <summary>Keeps another device; false when it is about to end.</summary>
    public bool Keep(SoftwareDevice device)
    {
        if (device == _device || _kept.Contains(device))
        {
            return true;
        }

        if (!device.TryAddReference())
        {
            return false;
        }

        _kept.Add(device);
        return true;
    }

    /// <summary>Leaves the peers, and hands over what was kept: to be released without any lock.</summary>
    public SoftwareDevice[] Leave()
    {
        if (_owner >= 0)
        {
            _device.Machine.Owners.Leave(_owner, _device.Port.Index);
            _owner = -1;
        }

        SoftwareDevice[] kept = [.. _kept];
        _kept.Clear();
        return kept;
    }
}

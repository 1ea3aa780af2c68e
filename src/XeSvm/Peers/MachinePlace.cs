using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using XeSvm.Interop;
using XeSvm.Measurement;

namespace XeSvm.Peers;

/// <summary>Where a device is in its machine, and which ways lead from it. Only backends that describe their machine know.</summary>
public sealed class MachinePlace
{
    private MachinePlace(MachineTopology topology, int index)
    {
        Topology = topology;
        Index = index;
    }

    /// <summary>The machine.</summary>
    public MachineTopology Topology { get; }

    /// <summary>The device's number in it, from 0.</summary>
    public int Index { get; }

    /// <summary>The device's entry in the machine's list.</summary>
    public MachineDevice Device => Topology.Devices[Index];

    /// <summary>The ways from this device to each of the machine, itself included: routes, distances, and what is assumed of them.</summary>
    public IReadOnlyList<MachineLink> Links => Topology.Links[Index];

    /// <summary>Finds a device's place (debug files <c>topology</c> and <c>backend</c>).</summary>
    /// <param name="device">The device.</param>
    /// <param name="place">Its place when the result is <see langword="true"/>.</param>
    /// <param name="reason">Why it is not known when it is <see langword="false"/>.</param>
    /// <exception cref="MachineTopologyException">The backend describes its machine in a form that this version does not read.</exception>
    public static bool TryFind(XeDevice device, [NotNullWhen(true)] out MachinePlace? place, [NotNullWhen(false)] out string? reason)
    {
        ArgumentNullException.ThrowIfNull(device);
        place = null;
        DrmDebugText topology = device.ReadDebugFile("topology");
        if (!topology.IsAvailable)
        {
            reason = topology.Reason;
            return false;
        }

        MachineTopology machine = MachineTopology.Parse(topology.Text);
        string? index = BackendReport.Read(device).Find("device_index");
        if (!int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number >= machine.Devices.Count)
        {
            reason = $"The backend does not say which of the {machine.Devices.Count} devices of '{machine.Name}' this is.";
            return false;
        }

        reason = null;
        place = new MachinePlace(machine, number);
        return true;
    }

    /// <summary>The way to another device of the same machine.</summary>
    /// <param name="index">Its number.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    public MachineLink LinkTo(int index) => Topology.Link(Index, index);
}

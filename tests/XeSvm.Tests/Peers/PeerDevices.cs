using XeSvm.Interop;
using XeSvm.Simulation;

namespace XeSvm.Tests.Peers;

/// <summary>A software machine of several devices, all open.</summary>
internal sealed class PeerDevices : IDisposable
{
    private readonly SoftwareBackend _backend;

    internal PeerDevices(string name, ulong vramBytes = 64 << 20)
    {
        _backend = new SoftwareBackend(new SoftwareBackendOptions { Device = name, VramBytes = vramBytes });
        Devices = [.. _backend.Enumerate().Select(node => XeDevice.Open(_backend, node))];
    }

    internal XeDevice[] Devices { get; }

    internal XeDevice Near => Devices[0];

    internal XeDevice Far => Devices[1];

    /// <summary>Bytes of VRAM in use.</summary>
    internal static ulong Used(XeDevice device) =>
        device.QueryMemoryRegions().Single(region => region.MemoryClass == XeMemoryClass.Vram).UsedSize;

    /// <summary>What the machine's devices did with each other's memory.</summary>
    internal string Counters() => Near.ReadDebugFile("peers").Text!;

    public void Dispose()
    {
        foreach (XeDevice device in Devices)
        {
            device.Dispose();
        }

        _backend.Dispose();
    }
}

using System.Globalization;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Measurement;

/// <summary>A scripted driver that counts a migration for every store, with fixed times, and tells so in its statistics.</summary>
internal sealed class ScriptedDevice
{
    private ulong _stores;

    internal ScriptedDevice(string size, ulong kilobytes)
    {
        Backend = new ScriptedBackend
        {
            Prepare = file =>
            {
                file.OnStore = (_, _) =>
                {
                    _stores++;
                    return DoesStore;
                };
                file.DebugFiles["gt0/stats"] = () => string.Create(
                    CultureInfo.InvariantCulture,
                    $"svm_{size}_migrate_count: {_stores * CountPerStore}\nsvm_{size}_migrate_us: {_stores * 10}\n" +
                    $"svm_{size}_device_copy_us: {_stores * 4}\nsvm_device_copy_kb: {_stores * kilobytes}\n");
                file.DebugFiles["dma"] = () => string.Create(
                    CultureInfo.InvariantCulture,
                    $"migrate_to_device.iova_alloc_tree: {_stores}\nmigrate_to_device.link_calls: {_stores * 512}\n" +
                    $"migrate_to_device.table_alloc: {_stores / 3}\nmigrate_to_system.map_calls: {_stores * 512}\n");
                if (BackendText is not null)
                {
                    file.DebugFiles["backend"] = () => BackendText;
                }

                Adjust(file);
            },
        };
    }

    /// <summary>The backend.</summary>
    internal ScriptedBackend Backend { get; }

    /// <summary>Whether stores reach memory.</summary>
    internal bool DoesStore { get; set; } = true;

    /// <summary>Migrations counted per store.</summary>
    internal ulong CountPerStore { get; set; } = 1;

    /// <summary>The debug file <c>backend</c>, or null for none.</summary>
    internal string? BackendText { get; set; } = "cpu_faults: full\nstrategy: iova\niommu: strict\nlayout: scattered\n";

    /// <summary>Last changes to a file.</summary>
    internal Action<ScriptedFile> Adjust { get; set; } = _ => { };

    /// <summary>Opens the device.</summary>
    internal XeDevice Open() => XeDevice.Open(Backend, Backend.Nodes[0]);
}

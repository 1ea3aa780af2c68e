using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>
/// The IOMMU between a PCI device and memory: the domain type of the device's group (<c>iommu_groups/N/type</c>, iommu.c), and of Intel's
/// units the capability registers, which tell whether page walks see the CPU's caches.
/// </summary>
internal static class IommuFacts
{
    // VT-d specification, capability and extended capability registers (ECAP.C, CAP.CM, CAP.RWBF).
    private const int PageWalkCoherency = 0;
    private const int CachingMode = 7;
    private const int WriteBufferFlushing = 4;

    /// <summary>Adds what is known.</summary>
    /// <param name="facts">Where to.</param>
    /// <param name="folder">The device's folder in sysfs.</param>
    /// <param name="paths">Where the kernel tells of the machine.</param>
    internal static void Add(Dictionary<string, string> facts, string folder, MachinePaths paths)
    {
        string[] units = MachinePaths.List(Path.Combine(paths.Sysfs, "class", "iommu"));
        MachineFacts.Add(facts, "iommu.units", units.Length == 0 ? "none" : string.Join(' ', units));
        if (MachinePaths.LinkName(Path.Combine(folder, "iommu_group")) is not { } group)
        {
            MachineFacts.Add(facts, "iommu.mode", "off");
            return;
        }

        MachineFacts.Add(facts, "iommu.group", group);
        string? type = MachinePaths.FirstLine(Path.Combine(paths.Sysfs, "kernel", "iommu_groups", group, "type"));
        MachineFacts.Add(facts, "iommu.group_type", type);
        MachineFacts.Add(facts, "iommu.mode", ModeOf(type));
        if (MachinePaths.LinkName(Path.Combine(folder, "iommu")) is { } unit)
        {
            AddIntelUnit(facts, Path.Combine(paths.Sysfs, "class", "iommu", unit, "intel-iommu"));
        }
    }

    /// <summary>A domain type in the words of the IOMMU modes; null for one that this version does not know.</summary>
    internal static string? ModeOf(string? type) => type switch
    {
        "DMA" => "strict",
        "DMA-FQ" => "lazy",
        "identity" => "passthrough",
        _ => null,
    };

    private static void AddIntelUnit(Dictionary<string, string> facts, string folder)
    {
        if (Register(Path.Combine(folder, "ecap")) is { } extended)
        {
            MachineFacts.Add(facts, "iommu.walker", IsSet(extended, PageWalkCoherency) ? "coherent" : "non-coherent");
        }

        if (Register(Path.Combine(folder, "cap")) is { } capabilities)
        {
            MachineFacts.Add(facts, "iommu.caching_mode", IsSet(capabilities, CachingMode) ? "on" : "off");
            MachineFacts.Add(facts, "iommu.write_buffer_flush", IsSet(capabilities, WriteBufferFlushing) ? "on" : "off");
        }
    }

    private static bool IsSet(ulong register, int bit) => (register >> bit & 1) != 0;

    private static ulong? Register(string path) =>
        ulong.TryParse(MachinePaths.FirstLine(path), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : null;
}

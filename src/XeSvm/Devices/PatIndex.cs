namespace XeSvm;

/// <summary>
/// Chooses the page attribute that makes GPU accesses to system memory coherent with the CPU's caches. The index is the hardware
/// generation's (xe_pat.c); VM_BIND refuses a buffer object with write-back caching under an incoherent index.
/// </summary>
internal static class PatIndex
{
    /// <summary>First graphics version with the Xe2 table.</summary>
    private const int Xe2 = 20;

    /// <summary>First graphics version with the version register; its table is that of Meteor Lake.</summary>
    private const int MeteorLake = 12;

    /// <summary>Address bits of Ponte Vecchio, which has no version register.</summary>
    private const int PonteVecchioAddressBits = 57;

    /// <summary>The write-back index of a device.</summary>
    internal static ushort WriteBack(XeConfiguration configuration, IReadOnlyList<XeGt> gts)
    {
        int version = gts.Where(gt => gt.GtType == XeGtType.Main).Select(gt => gt.IpVersion.Major).FirstOrDefault();
        return version switch
        {
            >= Xe2 => 2,
            >= MeteorLake => 3,
            _ => configuration.VirtualAddressBits == PonteVecchioAddressBits ? (ushort)3 : (ushort)0,
        };
    }
}

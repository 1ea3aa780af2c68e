using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Fields that must be zero.</summary>
internal static class UapiChecks
{
    /// <summary>Whether a pad or reserved field, of any shape, is all zeros.</summary>
    public static bool AreZero<T>(in T field)
        where T : unmanaged
        => !MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in field)).ContainsAnyExcept((byte)0);
}

namespace XeSvm.Simulation.Gpu;

/// <summary>What a job writes when its batches have ended (DRM_XE_SYNC_TYPE_USER_FENCE).</summary>
/// <param name="Address">GPU address; 8-byte aligned.</param>
/// <param name="Value">The 64-bit value.</param>
internal readonly record struct UserFenceWrite(ulong Address, ulong Value);

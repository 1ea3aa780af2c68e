using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>ENGINE_CYCLES (query_engine_cycles): an engine's timestamp next to a clock of the CPU.</summary>
internal static class EngineCyclesQuery
{
    private const int ClockRealtime = 0;
    private const int ClockMonotonic = 1;
    private const int ClockMonotonicRaw = 4;
    private const int ClockBootTime = 7;
    private const int ClockTai = 11;
    private const int FirstVersionWithWideTimestamps = 20;
    private const uint WideTimestampBits = 64;
    private const uint NarrowTimestampBits = 36;

    /// <summary>0, or -EINVAL.</summary>
    public static int Answer(SoftwareDevice device, ref drm_xe_query_engine_cycles value)
    {
        drm_xe_engine_class_instance name = value.eci;
        if (value.clockid is not (ClockRealtime or ClockMonotonic or ClockMonotonicRaw or ClockBootTime or ClockTai)
            || device.FindGt(name.gt_id) is not { } gt
            || !Array.Exists(device.AllEngines, engine => (ushort)engine.Class == name.engine_class && engine.Instance == name.engine_instance && engine.Gt == gt)
            || SystemCalls.ReadClock(value.clockid, out ulong before) < 0)
        {
            return -Errno.EINVAL;
        }

        uint width = device.Profile.GraphicsVersion >= FirstVersionWithWideTimestamps ? WideTimestampBits : NarrowTimestampBits;
        ulong cycles = Cycles(device.ProfileOf(gt));
        SystemCalls.ReadClock(value.clockid, out ulong after);
        value.width = width;
        value.engine_cycles = width == WideTimestampBits ? cycles : cycles & ((1UL << (int)width) - 1);
        value.cpu_timestamp = before;
        value.cpu_delta = after - before;
        return 0;
    }

    /// <summary>Engines of a GT count cycles of its reference clock, and have begun with the host.</summary>
    private static ulong Cycles(GtProfile gt)
    {
        SystemCalls.ReadClock(ClockMonotonicRaw, out ulong nanoseconds);
        return (ulong)((UInt128)nanoseconds * gt.ReferenceClock / 1_000_000_000);
    }
}

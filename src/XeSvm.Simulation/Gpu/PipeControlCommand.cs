namespace XeSvm.Simulation.Gpu;

/// <summary>
/// PIPE_CONTROL. Nothing is cached and no pipeline runs behind the streamer, so all its flushes, stalls and invalidations are done by a fence;
/// what is left is the post-sync operation (xe_gpu_commands.h, emit_pipe_control in xe_ring_ops.c).
/// </summary>
internal static class PipeControlCommand
{
    public static int Execute(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int postSyncShift = 14;
        const uint postSyncMask = 3;
        const uint globalGtt = 1u << 24;
        const uint registerPostSync = 1u << 23;
        const uint storeDataIndex = 1u << 21;
        Interlocked.MemoryBarrier();
        uint flags = dwords[1];
        uint postSync = flags >> postSyncShift & postSyncMask;
        if ((flags & registerPostSync) != 0)
        {
            return streamer.Malformed("a register as post-sync target is privileged");
        }

        if (postSync == 0)
        {
            return 0;
        }

        ulong address = CommandFields.Address(dwords[2..]);
        if ((flags & (globalGtt | storeDataIndex)) != 0)
        {
            return streamer.Malformed("it asks for the global GTT");
        }

        if (!CommandFields.IsAligned(address, sizeof(ulong)))
        {
            return streamer.Malformed("the address is not a multiple of 8");
        }

        return postSync switch
        {
            1 => streamer.Store(address, CommandFields.Address(dwords[4..]), sizeof(ulong)),
            3 => streamer.Store(address, GpuClock.Ticks, sizeof(ulong)),
            _ => streamer.Malformed("there is no 3D pipeline whose depth count could be written"),
        };
    }
}

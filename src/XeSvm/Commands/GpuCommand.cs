namespace XeSvm;

/// <summary>
/// The first words of the GPU commands that batches are made of, and their limits (xe driver: xe_mi_commands.h, xe_gpu_commands.h). Bits
/// 31:29 name the client, 28:23 (or 28:22 for the copy engine) the command, the low bits the length in words less 2.
/// </summary>
internal static class GpuCommand
{
    /// <summary>MI_NOOP: one word.</summary>
    internal const uint Noop = 0;

    /// <summary>MI_BATCH_BUFFER_END: one word.</summary>
    internal const uint BatchBufferEnd = 0x0a << 23;

    /// <summary>MI_STORE_DATA_IMM of 4 bytes: address low, address high, value.</summary>
    internal const uint StoreDword = (0x20 << 23) | 2;

    /// <summary>MI_STORE_DATA_IMM of 8 bytes (bit 21): address low, address high, value low, value high.</summary>
    internal const uint StoreQword = (0x20 << 23) | (1 << 21) | 3;

    /// <summary>
    /// MEM_COPY, linear, in bytes: width - 1, height - 1, source pitch - 1, destination pitch - 1, source low and high, destination low and
    /// high, MOCS.
    /// </summary>
    internal const uint MemCopy = (2u << 29) | (0x5a << 22) | 8;

    /// <summary>Words of MI_STORE_DATA_IMM of 4 bytes.</summary>
    internal const int StoreDwordWords = 4;

    /// <summary>Words of MI_STORE_DATA_IMM of 8 bytes.</summary>
    internal const int StoreQwordWords = 5;

    /// <summary>Words of MEM_COPY.</summary>
    internal const int MemCopyWords = 10;

    /// <summary>
    /// The largest linear copy of one MEM_COPY, in bytes. The driver keeps the width below 64 KiB (emit_mem_copy in xe_migrate.c); this is
    /// the largest such width that leaves the next command on a cache line.
    /// </summary>
    internal const uint MemCopyMaximumWidth = 0x10000 - 64;

    /// <summary>MOCS entry 0 leaves caching to the page attributes of the page tables on Xe2.</summary>
    internal const uint MocsFromPageTable = 0;
}

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

    /// <summary>MI_ATOMIC without operands: address low and high. Bits 15:8 are the operation, bit 19 says 8 bytes.</summary>
    internal const uint Atomic = (0x2f << 23) | 1;

    /// <summary>
    /// MI_ATOMIC with inline data (bit 18): address low and high, then the dwords of the first operand in turn with those of the second, 4 of
    /// each.
    /// </summary>
    internal const uint AtomicInline = (0x2f << 23) | (1 << 18) | 9;

    /// <summary>MI_ATOMIC of 8 bytes: data size (bit 19), and bit 5 of the operation.</summary>
    internal const uint AtomicQword = (1 << 19) | (0x20 << AtomicOperationShift);

    /// <summary>Where MI_ATOMIC has its operation.</summary>
    internal const int AtomicOperationShift = 8;

    /// <summary>Write the second operand when memory equals the first (MI_ATOMIC).</summary>
    internal const uint AtomicCompareAndWrite = 0xe;

    /// <summary>MI_SEMAPHORE_WAIT that polls (bit 15): value, address low and high. Bits 14:12 are the comparison.</summary>
    internal const uint SemaphoreWait = (0x1c << 23) | (1 << 15) | 2;

    /// <summary>MI_CONDITIONAL_BATCH_BUFFER_END with comparison (bit 21, operator in 14:12): value, address low and high.</summary>
    internal const uint ConditionalEnd = (0x36 << 23) | (1 << 21) | 2;

    /// <summary>Where the commands that compare have their operator.</summary>
    internal const int ComparisonShift = 12;

    /// <summary>MI_COPY_MEM_MEM: destination low and high, source low and high; copies 4 bytes.</summary>
    internal const uint CopyDword = (0x2e << 23) | 3;

    /// <summary>MI_FLUSH_DW that writes the time stamp (bits 15:14): address low and high, two words that are not used.</summary>
    internal const uint FlushTimestamp = (0x26 << 23) | (3 << 14) | 3;

    /// <summary>MI_BATCH_BUFFER_START in the process's address space (bit 8) of a second-level batch (bit 22): address low and high.</summary>
    internal const uint StartSecondLevel = (0x31 << 23) | (1 << 22) | (1 << 8) | 1;

    /// <summary>MEM_SET, linear: width - 1, height - 1, pitch - 1, destination low and high, value in 31:24 with MOCS.</summary>
    internal const uint MemSet = (2u << 29) | (0x5b << 22) | 5;

    /// <summary>Where MEM_SET has its value.</summary>
    internal const int MemSetValueShift = 24;

    /// <summary>The most that one MEM_SET fills, in bytes: what the driver clears between two points of preemption (xe_migrate.c).</summary>
    internal const uint MemSetMaximumWidth = 8 << 20;

    /// <summary>Words of MEM_SET.</summary>
    internal const int MemSetWords = 7;

    /// <summary>The most words that one MI_STORE_DATA_IMM stores, by its length field of 10 bits (MI_SDI_LEN_DW).</summary>
    internal const int StoreDataMaximumWords = 0x3fe;

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

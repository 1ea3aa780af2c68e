namespace XeSvm.Interop.Native;

/// <summary>The constants of <c>xesvm_native.h</c>, with its names.</summary>
internal static class Xesvm
{
    /// <summary>The version of the native contract that this assembly was built for.</summary>
    internal const int XESVM_ABI_VERSION = 1;

    /// <summary>Size of the pages that the pump handles, in bytes.</summary>
    internal const uint XESVM_PAGE_SIZE = 4096;

    /// <summary>Size in bytes of the aligned block that one pump call stays within.</summary>
    internal const uint XESVM_BLOCK_SIZE = 2 << 20;

    /// <summary>Pages in a block.</summary>
    internal const uint XESVM_BLOCK_PAGES = 512;

    // xesvm_vma.flags

    /// <summary>The mapping can be read.</summary>
    internal const uint XESVM_VMA_READ = 0x01;

    /// <summary>The mapping can be written.</summary>
    internal const uint XESVM_VMA_WRITE = 0x02;

    /// <summary>The mapping can be executed.</summary>
    internal const uint XESVM_VMA_EXEC = 0x04;

    /// <summary>The mapping is shared.</summary>
    internal const uint XESVM_VMA_SHARED = 0x08;

    /// <summary>No file is behind the mapping, and it is none of the kernel's special mappings.</summary>
    internal const uint XESVM_VMA_ANONYMOUS = 0x10;

    /// <summary>The pages are those of hugetlbfs.</summary>
    internal const uint XESVM_VMA_HUGETLB = 0x20;

    /// <summary>VM_IO or VM_PFNMAP: a device's memory, or [vvar].</summary>
    internal const uint XESVM_VMA_SPECIAL = 0x40;

    // flags of xesvm_pump_create

    /// <summary>Asks for no more than an unprivileged userfaultfd gives.</summary>
    internal const uint XESVM_PUMP_USER_MODE_ONLY = 0x1;

    /// <summary>Keeps the pump's descriptors out of the low numbers.</summary>
    internal const uint XESVM_PUMP_HIGH_DESCRIPTORS = 0x2;

    // xesvm_pump_info.mode

    /// <summary>Faults from system calls are resolved too.</summary>
    internal const uint XESVM_PUMP_MODE_FULL = 1;

    /// <summary>A system call that meets a device page gets EFAULT.</summary>
    internal const uint XESVM_PUMP_MODE_USER = 2;

    // what xesvm_pump_query says of a page

    /// <summary>The CPU's page table has the page, or it was never touched.</summary>
    internal const byte XESVM_PAGE_SYSTEM = 0;

    /// <summary>The page is in staging: a migration is under way.</summary>
    internal const byte XESVM_PAGE_ISOLATED = 1;

    /// <summary>The page is in VRAM: a CPU touch brings it home.</summary>
    internal const byte XESVM_PAGE_DEVICE = 2;
    internal const int XESVM_JOIN_PARTS = 64;

    // xesvm_pump_event.type

    /// <summary>Device pages went home to system memory.</summary>
    internal const uint XESVM_EVENT_HOME = 1;

    /// <summary>The client unmapped or dropped device pages: their content is gone.</summary>
    internal const uint XESVM_EVENT_DISCARD = 2;

    /// <summary>The client unmapped, dropped or moved registered memory.</summary>
    internal const uint XESVM_EVENT_INVALIDATE = 3;

    /// <summary>INVALIDATE events were lost: every mirrored range counts as invalidated.</summary>
    internal const uint XESVM_EVENT_OVERFLOW = 4;

    // xesvm_pump_event.invalidation

    /// <summary>The mapping is gone.</summary>
    internal const uint XESVM_INVALIDATE_UNMAP = 1;

    /// <summary>The mapping stays, its content was dropped.</summary>
    internal const uint XESVM_INVALIDATE_REMOVE = 2;

    /// <summary>The pages went to another address.</summary>
    internal const uint XESVM_INVALIDATE_REMAP = 3;
}

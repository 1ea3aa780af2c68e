namespace XeSvm.Interop.LibC;

/// <summary>Advice about mapped memory; the values are those of <c>MADV_*</c> (asm-generic/mman-common.h).</summary>
internal enum MemoryAdvice
{
    /// <summary>No special treatment.</summary>
    Normal = 0,

    /// <summary>The pages will be needed soon.</summary>
    WillNeed = 3,

    /// <summary>The pages are dropped; anonymous memory reads as 0 afterwards.</summary>
    DontNeed = 4,

    /// <summary>The pages may be dropped under memory pressure.</summary>
    Free = 8,

    /// <summary>The pages and what backs them are dropped: a hole in a shared file.</summary>
    Remove = 9,

    /// <summary>A child of fork(2) does not get the mapping.</summary>
    DontFork = 10,

    /// <summary>Transparent huge pages are wanted.</summary>
    HugePage = 14,

    /// <summary>Transparent huge pages are not wanted.</summary>
    NoHugePage = 15,

    /// <summary>The memory is left out of core dumps.</summary>
    DontDump = 16,

    /// <summary>The pages are the first to go under memory pressure (Linux 5.4).</summary>
    Cold = 20,

    /// <summary>The pages are written out now (Linux 5.4).</summary>
    PageOut = 21,

    /// <summary>Page tables are filled for reading (Linux 5.14).</summary>
    PopulateRead = 22,

    /// <summary>Page tables are filled for writing, pages are allocated (Linux 5.14).</summary>
    PopulateWrite = 23,

    /// <summary>The pages are collapsed into huge pages now (Linux 6.1).</summary>
    Collapse = 25,
}

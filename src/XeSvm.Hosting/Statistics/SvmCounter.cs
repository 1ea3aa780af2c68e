namespace XeSvm.Hosting.Statistics;

/// <summary>The counters that the GT statistics have for each size of SVM ranges (xe_gt_stats.c).</summary>
public enum SvmCounter
{
    /// <summary><c>svm_*_pagefault_count</c>: passes of the fault handler.</summary>
    PagefaultCount,

    /// <summary><c>svm_*_valid_pagefault_count</c>: of these, faults on ranges that were mapped already.</summary>
    ValidPagefaultCount,

    /// <summary><c>svm_*_pagefault_us</c>: their time, in us.</summary>
    PagefaultMicroseconds,

    /// <summary><c>svm_*_migrate_count</c>: attempts to migrate to the device.</summary>
    MigrateCount,

    /// <summary><c>svm_*_migrate_us</c>: their time, the copy included, in us.</summary>
    MigrateMicroseconds,

    /// <summary><c>svm_*_device_copy_us</c>: copies to the device, in us.</summary>
    DeviceCopyMicroseconds,

    /// <summary><c>svm_*_device_copy_kb</c>: copies to the device, in KiB.</summary>
    DeviceCopyKilobytes,

    /// <summary><c>svm_*_cpu_copy_us</c>: copies to system memory, in us.</summary>
    CpuCopyMicroseconds,

    /// <summary><c>svm_*_cpu_copy_kb</c>: copies to system memory, in KiB.</summary>
    CpuCopyKilobytes,

    /// <summary><c>svm_*_get_pages_us</c>: collecting the pages of a range, in us.</summary>
    GetPagesMicroseconds,

    /// <summary><c>svm_*_bind_us</c>: writing the GPU's page table, in us.</summary>
    BindMicroseconds,
}

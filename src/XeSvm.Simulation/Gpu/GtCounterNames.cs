namespace XeSvm.Simulation.Gpu;

/// <summary>The names of the counters, spelt as the kernel's stats file spells them (xe_gt_stats.c), in the order of <see cref="GtCounter"/>.</summary>
internal static class GtCounterNames
{
    private static readonly string[] s_names =
    [
        "svm_pagefault_count",
        "tlb_inval_count",
        "svm_tlb_inval_count",
        "svm_tlb_inval_us",
        "vma_pagefault_count",
        "vma_pagefault_kb",
        "invalid_prefetch_pagefault_count",
        "svm_4K_pagefault_count",
        "svm_64K_pagefault_count",
        "svm_2M_pagefault_count",
        "svm_4K_valid_pagefault_count",
        "svm_64K_valid_pagefault_count",
        "svm_2M_valid_pagefault_count",
        "svm_4K_pagefault_us",
        "svm_64K_pagefault_us",
        "svm_2M_pagefault_us",
        "svm_4K_migrate_count",
        "svm_64K_migrate_count",
        "svm_2M_migrate_count",
        "svm_4K_migrate_us",
        "svm_64K_migrate_us",
        "svm_2M_migrate_us",
        "svm_device_copy_us",
        "svm_4K_device_copy_us",
        "svm_64K_device_copy_us",
        "svm_2M_device_copy_us",
        "svm_cpu_copy_us",
        "svm_4K_cpu_copy_us",
        "svm_64K_cpu_copy_us",
        "svm_2M_cpu_copy_us",
        "svm_device_copy_kb",
        "svm_4K_device_copy_kb",
        "svm_64K_device_copy_kb",
        "svm_2M_device_copy_kb",
        "svm_cpu_copy_kb",
        "svm_4K_cpu_copy_kb",
        "svm_64K_cpu_copy_kb",
        "svm_2M_cpu_copy_kb",
        "svm_4K_get_pages_us",
        "svm_64K_get_pages_us",
        "svm_2M_get_pages_us",
        "svm_4K_bind_us",
        "svm_64K_bind_us",
        "svm_2M_bind_us",
        "hw_engine_group_suspend_lr_queue_count",
        "hw_engine_group_skip_lr_queue_count",
        "hw_engine_group_wait_dma_queue_count",
        "hw_engine_group_suspend_lr_queue_us",
        "hw_engine_group_wait_dma_queue_us",
        "prl_4k_entry_count",
        "prl_64k_entry_count",
        "prl_2m_entry_count",
        "prl_issued_count",
        "prl_aborted_count",
    ];

    /// <summary>How many counters there are.</summary>
    public static int Count => s_names.Length;

    /// <summary>The kernel's name of a counter.</summary>
    public static string Of(GtCounter counter) => s_names[(int)counter];
}

/* SPDX-License-Identifier: MIT
 *
 * What the name of a mapping tells. The kernel's VM_IO and VM_PFNMAP are in /proc/self/smaps only, which walks page tables; so they are
 * concluded: special mappings are known by name (install_special_mapping()), devices by their file's type.
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#include "system.h"
#include "vma.h"

/* Of arch/x86/entry/vdso/vma.c and kernel/events/uprobes.c. */
static const struct {
    const char *prefix;
    uint32_t flags;
} special[] = {
    {"[vvar", XESVM_VMA_SPECIAL}, /* [vvar_vclock] too */
    {"[vdso]", 0},
    {"[vsyscall]", XESVM_VMA_SPECIAL},
    {"[uprobes]", 0},
};

static bool begins_with(const struct vma_name *name, const char *prefix)
{
    for (uint32_t i = 0; prefix[i]; i++) {
        if (name->text[i] != prefix[i])
            return false;
    }
    return true;
}

static bool is_device(const struct vma_name *name)
{
    struct stat status;

    return begins_with(name, "/dev/") &&
           system_call(SYS_newfstatat, (uint64_t)(int64_t)AT_FDCWD, (uint64_t)(uintptr_t)name->text,
                       (uint64_t)(uintptr_t)&status, 0, 0, 0) == 0 &&
           S_ISCHR(status.st_mode);
}

void vma_classify(struct xesvm_vma *vma, const struct vma_name *name)
{
    if (!(vma->flags & XESVM_VMA_ANONYMOUS)) {
        if (begins_with(name, "/anon_hugepage"))
            vma->flags |= XESVM_VMA_HUGETLB;
        if (is_device(name))
            vma->flags |= XESVM_VMA_SPECIAL;
        return;
    }
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (begins_with(name, special[i].prefix))
            vma->flags = (vma->flags & ~XESVM_VMA_ANONYMOUS) | special[i].flags;
    }
}

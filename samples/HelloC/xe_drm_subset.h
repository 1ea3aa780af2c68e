/* SPDX-License-Identifier: MIT
 *
 * The few lines of the kernel's <drm/xe_drm.h> that the sample needs, for machines whose headers are older than the driver.
 */
#include <stdint.h>
#include <sys/ioctl.h>

struct drm_version { int version_major, version_minor, version_patchlevel; size_t name_len; char *name; size_t date_len; char *date; size_t desc_len; char *desc; };
struct drm_xe_vm_create { uint64_t extensions; uint32_t flags, vm_id; uint64_t reserved[2]; };
struct drm_xe_vm_bind_op { uint64_t extensions; uint32_t obj; uint16_t pat_index, pad; uint64_t obj_offset, range, addr; uint32_t op, flags, prefetch_mem_region_instance, pad2; uint64_t reserved[3]; };
struct drm_xe_sync { uint64_t extensions; uint32_t type, flags; uint64_t addr, timeline_value, reserved[2]; };
struct drm_xe_vm_bind { uint64_t extensions; uint32_t vm_id, exec_queue_id, pad, num_binds; struct drm_xe_vm_bind_op bind; uint32_t pad2, num_syncs; uint64_t syncs, reserved[2]; };
struct drm_xe_engine_class_instance { uint16_t engine_class, engine_instance, gt_id, pad; };
struct drm_xe_exec_queue_create { uint64_t extensions; uint16_t width, num_placements; uint32_t vm_id, flags, exec_queue_id; uint64_t instances, reserved[2]; };
struct drm_xe_exec { uint64_t extensions; uint32_t exec_queue_id, num_syncs; uint64_t syncs, address; uint16_t num_batch_buffer, pad[3]; uint64_t reserved[2]; };
struct drm_xe_wait_user_fence { uint64_t extensions, addr; uint16_t op, flags; uint32_t pad; uint64_t value, mask; int64_t timeout; uint32_t exec_queue_id, pad2; uint64_t reserved[2]; };

#define DRM_IOCTL_VERSION _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_XE_VM_CREATE _IOWR('d', 0x43, struct drm_xe_vm_create)
#define DRM_IOCTL_XE_VM_BIND _IOW('d', 0x45, struct drm_xe_vm_bind)
#define DRM_IOCTL_XE_EXEC_QUEUE_CREATE _IOWR('d', 0x46, struct drm_xe_exec_queue_create)
#define DRM_IOCTL_XE_EXEC _IOW('d', 0x49, struct drm_xe_exec)
#define DRM_IOCTL_XE_WAIT_USER_FENCE _IOWR('d', 0x4a, struct drm_xe_wait_user_fence)
#define DRM_XE_VM_CREATE_FLAG_LR_MODE (1 << 1)
#define DRM_XE_VM_CREATE_FLAG_FAULT_MODE (1 << 2)
#define DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR (1 << 5)
#define DRM_XE_ENGINE_CLASS_COPY 1
#define DRM_XE_SYNC_TYPE_USER_FENCE 2
#define DRM_XE_SYNC_FLAG_SIGNAL 1
#define DRM_XE_UFENCE_WAIT_OP_EQ 0

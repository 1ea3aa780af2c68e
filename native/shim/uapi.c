/* SPDX-License-Identifier: MIT
 *
 * The kernel's DRM uAPI as this machine's headers have it, held against the numbers that the managed bindings use. A request number
 * carries the size of its argument, so one number proves both. What headers older than Linux 7.3 lack is left to the managed tests, and
 * so are the syncobj requests whose argument has grown over time (HANDLE_TO_FD, FD_TO_HANDLE, WAIT, TIMELINE_WAIT). Where the headers
 * are not installed there is nothing to check.
 */
#if defined(__has_include)
#if __has_include(<drm/xe_drm.h>)
#include <drm/xe_drm.h>
#elif __has_include(<libdrm/xe_drm.h>)
#include <libdrm/xe_drm.h>
#endif
#endif

#include "xesvm_native.h"

#define REQUEST_IS(request, number) _Static_assert((uint32_t)(request) == (number), #request " differs from the bindings")
#define SIZE_IS(type, size) _Static_assert(sizeof(struct type) == (size), #type " differs from the bindings")

_Static_assert(sizeof(void *) == sizeof(uint64_t), "the bindings put user addresses into fields of 64 bits");

#ifdef DRM_IOCTL_GEM_CLOSE
REQUEST_IS(DRM_IOCTL_GEM_CLOSE, 0x40086409u);
#endif
#ifdef DRM_IOCTL_GET_CAP
REQUEST_IS(DRM_IOCTL_GET_CAP, 0xc010640cu);
#endif
#ifdef DRM_IOCTL_PRIME_FD_TO_HANDLE
REQUEST_IS(DRM_IOCTL_PRIME_FD_TO_HANDLE, 0xc00c642eu);
#endif
#ifdef DRM_IOCTL_PRIME_HANDLE_TO_FD
REQUEST_IS(DRM_IOCTL_PRIME_HANDLE_TO_FD, 0xc00c642du);
#endif
#ifdef DRM_IOCTL_SET_CLIENT_CAP
REQUEST_IS(DRM_IOCTL_SET_CLIENT_CAP, 0x4010640du);
#endif
#ifdef DRM_IOCTL_SET_CLIENT_NAME
REQUEST_IS(DRM_IOCTL_SET_CLIENT_NAME, 0xc01064d1u);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_CREATE
REQUEST_IS(DRM_IOCTL_SYNCOBJ_CREATE, 0xc00864bfu);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_DESTROY
REQUEST_IS(DRM_IOCTL_SYNCOBJ_DESTROY, 0xc00864c0u);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_EVENTFD
REQUEST_IS(DRM_IOCTL_SYNCOBJ_EVENTFD, 0xc01864cfu);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_QUERY
REQUEST_IS(DRM_IOCTL_SYNCOBJ_QUERY, 0xc01864cbu);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_RESET
REQUEST_IS(DRM_IOCTL_SYNCOBJ_RESET, 0xc01064c4u);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_SIGNAL
REQUEST_IS(DRM_IOCTL_SYNCOBJ_SIGNAL, 0xc01064c5u);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL
REQUEST_IS(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, 0xc01864cdu);
#endif
#ifdef DRM_IOCTL_SYNCOBJ_TRANSFER
REQUEST_IS(DRM_IOCTL_SYNCOBJ_TRANSFER, 0xc02064ccu);
#endif
#ifdef DRM_IOCTL_VERSION
REQUEST_IS(DRM_IOCTL_VERSION, 0xc0406400u);
#endif
#ifdef DRM_IOCTL_XE_DEVICE_QUERY
REQUEST_IS(DRM_IOCTL_XE_DEVICE_QUERY, 0xc0286440u);
#endif
#ifdef DRM_IOCTL_XE_GEM_CREATE
REQUEST_IS(DRM_IOCTL_XE_GEM_CREATE, 0xc0386441u);
#endif
#ifdef DRM_IOCTL_XE_GEM_MMAP_OFFSET
REQUEST_IS(DRM_IOCTL_XE_GEM_MMAP_OFFSET, 0xc0286442u);
#endif
#ifdef DRM_IOCTL_XE_VM_CREATE
REQUEST_IS(DRM_IOCTL_XE_VM_CREATE, 0xc0206443u);
#endif
#ifdef DRM_IOCTL_XE_VM_DESTROY
REQUEST_IS(DRM_IOCTL_XE_VM_DESTROY, 0x40186444u);
#endif
#ifdef DRM_IOCTL_XE_VM_BIND
REQUEST_IS(DRM_IOCTL_XE_VM_BIND, 0x40886445u);
#endif
#ifdef DRM_IOCTL_XE_EXEC_QUEUE_CREATE
REQUEST_IS(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, 0xc0306446u);
#endif
#ifdef DRM_IOCTL_XE_EXEC_QUEUE_DESTROY
REQUEST_IS(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, 0x40186447u);
#endif
#ifdef DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY
REQUEST_IS(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, 0xc0286448u);
#endif
#ifdef DRM_IOCTL_XE_EXEC
REQUEST_IS(DRM_IOCTL_XE_EXEC, 0x40386449u);
#endif
#ifdef DRM_IOCTL_XE_WAIT_USER_FENCE
REQUEST_IS(DRM_IOCTL_XE_WAIT_USER_FENCE, 0xc048644au);
#endif
#ifdef DRM_IOCTL_XE_OBSERVATION
REQUEST_IS(DRM_IOCTL_XE_OBSERVATION, 0x4020644bu);
#endif
#ifdef DRM_IOCTL_XE_MADVISE
REQUEST_IS(DRM_IOCTL_XE_MADVISE, 0x4040644cu);
#endif
#ifdef DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS
REQUEST_IS(DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, 0xc040644du);
#endif
#ifdef DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY
REQUEST_IS(DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, 0x4028644eu);
#endif
#ifdef DRM_IOCTL_XE_VM_GET_PROPERTY
REQUEST_IS(DRM_IOCTL_XE_VM_GET_PROPERTY, 0xc038644fu);
#endif

#ifdef DRM_XE_VM_BIND_OP_MAP
SIZE_IS(drm_xe_vm_bind_op, 80);
#endif
#ifdef DRM_XE_SYNC_FLAG_SIGNAL
SIZE_IS(drm_xe_sync, 48);
#endif
#ifdef DRM_XE_ENGINE_CLASS_VM_BIND
SIZE_IS(drm_xe_engine_class_instance, 8);
#endif
#ifdef DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY
SIZE_IS(drm_xe_ext_set_property, 48);
#endif
#ifdef DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS
SIZE_IS(drm_xe_mem_range_attr, 64);
#endif
#ifdef DRM_IOCTL_XE_VM_GET_PROPERTY
SIZE_IS(xe_vm_fault, 48);
#endif

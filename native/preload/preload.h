/* SPDX-License-Identifier: MIT
 *
 * The preload library: device nodes of the software device for programs that know nothing of it. Rules of all of it:
 *  1. No locks, no threads, no child processes: a fork at any moment, or a signal handler that leaves by longjmp, finds nothing half done. The
 *     one exception is the CPU-fault pump (service.c), where the server wants one: its threads block all signals and end with the process.
 *  2. The kernel is called directly (system.h): interposed functions of this library are never called by it, and of the C library only
 *     what every version has is needed.
 *  3. Whatever is not ours goes to the kernel unchanged. Without XESVM_SERVER everything does.
 */
#ifndef XESVM_PRELOAD_H
#define XESVM_PRELOAD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "protocol.h"
#include "system.h"

#define HOOK __attribute__((visibility("default")))

#define DRM_MAJOR 226u
#define FIRST_RENDER_MINOR 128u
#define MINORS 256u
#define NO_MINOR UINT32_MAX
#define FIRST_INODE 0x58450000u /* and the minor number */
#define FOLDER_INODE (FIRST_INODE + MINORS)

/* ---- connect.c */

/* Whether there is a server to go to. */
bool server_is_configured(void);
/* Where it listens, or NULL. */
const char *server_socket(void);
/* A connection after its hello: the descriptor and the card, or -errno. A file's card stays in its queue. */
int32_t server_connect(const struct protocol_hello *hello, bool close_on_exec, struct protocol_card *card);

/* ---- channel.c */

/* Carries a request out; *descriptor is what came with the answer, or -1. The result of the call, or -ENODEV when the server is gone. */
int32_t server_call(struct protocol_request *request, int32_t *descriptor);
/* How many devices the server has; 0 when it cannot be asked. */
uint32_t device_count(void);
/* The number that tells this image of this process from others. */
uint64_t address_space(void);
/* Whether the server mirrors this address space. */
bool is_mirrored(void);

/* ---- service.c */

/* Starts the CPU-fault pump of this address space, and the threads by which the server asks it, as the flags of an answer say. Once. */
void service_start(uint32_t flags);
/* Before mremap of a range: the pump may have split the mapping. */
void service_join(uint64_t start, uint64_t end);

/* ---- node.c */

/* The minor number that a path names: "/dev/dri/card0", "/proc/self/fd/N" of an open file, ...; NO_MINOR for any other path. */
uint32_t minor_of_path(int32_t directory, const char *path);
/* Opens a node: a descriptor, or -errno. */
int32_t open_node(uint32_t minor, int32_t flags);
/* Whether a descriptor is an open file of the software device. Does not change errno. */
bool file_of_descriptor(int32_t descriptor, struct protocol_card *card);
/* What stat says of a node. */
void describe_node(uint32_t minor, struct stat *status);
/* The path of a node; returns its length. */
uint32_t path_of_minor(uint32_t minor, char path[32]);
/* Whether a path is /dev/dri itself. */
bool is_folder_of_nodes(const char *path);
/* What stat says of /dev/dri where the machine has none. */
void describe_folder(struct stat *status);
/* A descriptor of the text of a debugfs file; -ENOENT when the path is none of the device's. */
int32_t open_debug_file(const char *path);

/* ---- tree.c */

#define PATH_ROOM 4096u

enum place {
    PLACE_OF_MACHINE, /* none of the device's */
    PLACE_OF_DEVICE,  /* the device's own */
    PLACE_SHARED,     /* a folder in which the machine and the device have entries */
};

/* Whose a path in /sys is, and in room the path that stands in for it unless it is the machine's. */
enum place place_of(const char *path, char room[PATH_ROOM]);
/* The path that stands in for one of the device's, in room; any other path itself. */
const char *path_to_use(const char *path, char room[PATH_ROOM]);
/* open_debug_file for a path relative to an open folder. */
int32_t open_debug_file_at(int32_t directory, const char *path);

/* ---- open.c */

/* The function of that name which comes after ours, or NULL. */
void *next_function(const char *name);

/* ---- small things */

static inline int64_t to_result(int64_t result)
{
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static inline bool starts_with(const char *text, const char *start)
{
    while (*start) {
        if (*text++ != *start++)
            return false;
    }
    return true;
}

/* The decimal number at *text, which is moved behind it; false when there is none, or it is above 2^31 - 1. */
static inline bool take_number(const char **text, uint32_t *number)
{
    uint64_t value = 0;
    const char *at = *text;

    while (*at >= '0' && *at <= '9' && value <= INT32_MAX)
        value = value * 10 + (uint64_t)(*at++ - '0');
    if (at == *text || value > INT32_MAX)
        return false;
    *text = at;
    *number = (uint32_t)value;
    return true;
}

#endif

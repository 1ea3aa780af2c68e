/* SPDX-License-Identifier: MIT
 *
 * Opening: device nodes, and the debugfs files of the device. Every name under which C libraries have open(2).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "preload.h"

/* The version that every C library since 2.2.5 has; it is in libdl before 2.34, hence weak. */
__asm__(".symver dlsym_of_old, dlsym@GLIBC_2.2.5");
extern void *dlsym_of_old(void *handle, const char *name) __attribute__((weak));
#define NEXT ((void *)-1l) /* RTLD_NEXT */

void *next_function(const char *name)
{
    return dlsym_of_old ? dlsym_of_old(NEXT, name) : NULL;
}

static int open_any(int directory, const char *path, int flags, mode_t mode)
{
    uint32_t minor = minor_of_path(directory, path);
    char room[PATH_ROOM];
    int32_t debug_file;
    int64_t result;

    if (minor != NO_MINOR)
        return (int)to_result(open_node(minor, flags));
    debug_file = open_debug_file(path);
    if (debug_file >= 0)
        return debug_file;
    result = system_call(SYS_openat, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path_to_use(path, room),
                         (uint64_t)(int64_t)flags, mode, 0, 0);
    if (result == -ENOENT && directory != AT_FDCWD && server_is_configured()) {
        debug_file = open_debug_file_at(directory, path);
        if (debug_file >= 0)
            return debug_file;
    }
    return (int)to_result(result);
}

/* The mode is there only when a file may be created. */
#define TAKE_MODE(flags, mode) \
    do { \
        if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) { \
            va_list arguments; \
            va_start(arguments, flags); \
            mode = va_arg(arguments, mode_t); \
            va_end(arguments); \
        } \
    } while (0)

#define OPEN(name) \
    HOOK int name(const char *path, int flags, ...); \
    int name(const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        TAKE_MODE(flags, mode); \
        return open_any(AT_FDCWD, path, flags, mode); \
    }

#define OPENAT(name) \
    HOOK int name(int directory, const char *path, int flags, ...); \
    int name(int directory, const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        TAKE_MODE(flags, mode); \
        return open_any(directory, path, flags, mode); \
    }

OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)

/* With _FORTIFY_SOURCE, where the compiler sees that nothing is created. */
HOOK int __open_2(const char *path, int flags);
HOOK int __open64_2(const char *path, int flags);
HOOK int __openat_2(int directory, const char *path, int flags);
HOOK int __openat64_2(int directory, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

int __openat_2(int directory, const char *path, int flags)
{
    return open_any(directory, path, flags, 0);
}

int __openat64_2(int directory, const char *path, int flags)
{
    return open_any(directory, path, flags, 0);
}

static FILE *open_stream(const char *name, const char *path, const char *mode)
{
    int32_t descriptor = open_debug_file(path);
    FILE *(*next)(const char *, const char *);
    char room[PATH_ROOM];
    FILE *stream;

    if (descriptor < 0) {
        next = (FILE * (*)(const char *, const char *)) next_function(name);
        if (next)
            return next(path_to_use(path, room), mode);
        errno = ENOSYS;
        return NULL;
    }
    stream = fdopen(descriptor, mode);
    if (!stream)
        system_close(descriptor);
    return stream;
}

HOOK FILE *fopen(const char *path, const char *mode)
{
    return open_stream("fopen", path, mode);
}

HOOK FILE *fopen64(const char *path, const char *mode)
{
    return open_stream("fopen64", path, mode);
}

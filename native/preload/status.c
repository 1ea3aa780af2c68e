/* SPDX-License-Identifier: MIT
 *
 * What programs ask about nodes and descriptors: stat in all its forms, access, readlink.
 */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "preload.h"

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one struct for both");

/* The minor number of what stat is asked about. */
static uint32_t minor_of_object(int directory, const char *path, int flags)
{
    struct protocol_card card;

    if (!path)
        return NO_MINOR;
    if (!*path)
        return flags & AT_EMPTY_PATH && file_of_descriptor(directory, &card) ? card.minor : NO_MINOR;
    /* The link /proc/self/fd/N itself is a link. */
    return flags & AT_SYMLINK_NOFOLLOW && starts_with(path, "/proc/") ? NO_MINOR : minor_of_path(directory, path);
}

static int status_of_path(int directory, const char *path, struct stat *status, int flags)
{
    uint32_t minor = minor_of_object(directory, path, flags);
    char room[PATH_ROOM];
    int64_t result;

    if (minor != NO_MINOR) {
        describe_node(minor, status);
        return 0;
    }
    result = system_call(SYS_newfstatat, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path_to_use(path, room),
                         (uint64_t)(uintptr_t)status, (uint64_t)(int64_t)flags, 0, 0);
    if (result == -ENOENT && is_folder_of_nodes(path)) {
        describe_folder(status);
        return 0;
    }
    return (int)to_result(result);
}

static int status_of_descriptor(int fd, struct stat *status)
{
    struct protocol_card card;
    int64_t result = system_call(SYS_fstat, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)status, 0, 0, 0, 0);

    if (result == 0 && S_ISSOCK(status->st_mode) && file_of_descriptor(fd, &card))
        describe_node(card.minor, status);
    return (int)to_result(result);
}

HOOK int stat(const char *path, struct stat *status)
{
    return status_of_path(AT_FDCWD, path, status, 0);
}

HOOK int stat64(const char *path, struct stat64 *status)
{
    return status_of_path(AT_FDCWD, path, (struct stat *)status, 0);
}

HOOK int lstat(const char *path, struct stat *status)
{
    return status_of_path(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

HOOK int lstat64(const char *path, struct stat64 *status)
{
    return status_of_path(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

HOOK int fstat(int fd, struct stat *status)
{
    return status_of_descriptor(fd, status);
}

HOOK int fstat64(int fd, struct stat64 *status)
{
    return status_of_descriptor(fd, (struct stat *)status);
}

HOOK int fstatat(int directory, const char *path, struct stat *status, int flags)
{
    return status_of_path(directory, path, status, flags);
}

HOOK int fstatat64(int directory, const char *path, struct stat64 *status, int flags)
{
    return status_of_path(directory, path, (struct stat *)status, flags);
}

/* The names before glibc 2.33; the version number is always that of the one struct there is. */
HOOK int __xstat(int version, const char *path, struct stat *status);
HOOK int __xstat64(int version, const char *path, struct stat64 *status);
HOOK int __lxstat(int version, const char *path, struct stat *status);
HOOK int __lxstat64(int version, const char *path, struct stat64 *status);
HOOK int __fxstat(int version, int fd, struct stat *status);
HOOK int __fxstat64(int version, int fd, struct stat64 *status);

int __xstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return status_of_path(AT_FDCWD, path, status, 0);
}

int __xstat64(int version, const char *path, struct stat64 *status)
{
    (void)version;
    return status_of_path(AT_FDCWD, path, (struct stat *)status, 0);
}

int __lxstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return status_of_path(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int __lxstat64(int version, const char *path, struct stat64 *status)
{
    (void)version;
    return status_of_path(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

int __fxstat(int version, int fd, struct stat *status)
{
    (void)version;
    return status_of_descriptor(fd, status);
}

int __fxstat64(int version, int fd, struct stat64 *status)
{
    (void)version;
    return status_of_descriptor(fd, (struct stat *)status);
}

HOOK int statx(int directory, const char *path, int flags, unsigned int mask, struct statx *status)
{
    uint32_t minor = minor_of_object(directory, path, flags);
    char room[PATH_ROOM];
    struct stat plain;
    int64_t result;

    if (minor == NO_MINOR) {
        result = system_call(SYS_statx, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path_to_use(path, room),
                             (uint64_t)(int64_t)flags, mask, (uint64_t)(uintptr_t)status, 0);
        if (result != -ENOENT || !is_folder_of_nodes(path))
            return (int)to_result(result);
        describe_folder(&plain);
    } else {
        describe_node(minor, &plain);
    }
    memset(status, 0, sizeof(*status));
    status->stx_mask = STATX_BASIC_STATS;
    status->stx_blksize = (uint32_t)plain.st_blksize;
    status->stx_nlink = (uint32_t)plain.st_nlink;
    status->stx_mode = (uint16_t)plain.st_mode;
    status->stx_ino = plain.st_ino;
    status->stx_rdev_major = major(plain.st_rdev);
    status->stx_rdev_minor = minor(plain.st_rdev);
    status->stx_dev_major = major(plain.st_dev);
    status->stx_dev_minor = minor(plain.st_dev);
    return 0;
}

static int access_any(int directory, const char *path, int mode, int flags)
{
    char room[PATH_ROOM];
    int64_t result;

    if (minor_of_path(directory, path) != NO_MINOR)
        return mode & 1 /* X_OK */ ? (int)to_result(-EACCES) : 0;
    path = path_to_use(path, room);
    if (flags == 0)
        result = system_call(SYS_faccessat, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path,
                             (uint64_t)(int64_t)mode, 0, 0, 0);
    else
        result = system_call(439 /* faccessat2 */, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path,
                             (uint64_t)(int64_t)mode, (uint64_t)(int64_t)flags, 0, 0);
    if (result == -ENOENT && is_folder_of_nodes(path))
        result = mode & 2 /* W_OK */ ? -EACCES : 0;
    return (int)to_result(result);
}

HOOK int access(const char *path, int mode);
HOOK int faccessat(int directory, const char *path, int mode, int flags);

int access(const char *path, int mode)
{
    return access_any(AT_FDCWD, path, mode, 0);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
    return access_any(directory, path, mode, flags);
}

static int64_t read_link(int directory, const char *path, char *buffer, uint64_t size)
{
    uint32_t minor = path && !starts_with(path, "/dev/dri/") ? minor_of_path(directory, path) : NO_MINOR;
    char room[PATH_ROOM];
    char target[32];
    uint64_t length;

    if (minor == NO_MINOR)
        return to_result(system_call(SYS_readlinkat, (uint64_t)(int64_t)directory, (uint64_t)(uintptr_t)path_to_use(path, room),
                                     (uint64_t)(uintptr_t)buffer, size, 0, 0));
    length = path_of_minor(minor, target);
    length = length < size ? length : size;
    memcpy(buffer, target, length);
    return (int64_t)length;
}

HOOK ssize_t readlink(const char *path, char *buffer, size_t size);
HOOK ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t room);
HOOK ssize_t readlinkat(int directory, const char *path, char *buffer, size_t size);
HOOK ssize_t __readlinkat_chk(int directory, const char *path, char *buffer, size_t size, size_t room);

ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return read_link(AT_FDCWD, path, buffer, size);
}

ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t room)
{
    return read_link(AT_FDCWD, path, buffer, size < room ? size : room);
}

ssize_t readlinkat(int directory, const char *path, char *buffer, size_t size)
{
    return read_link(directory, path, buffer, size);
}

ssize_t __readlinkat_chk(int directory, const char *path, char *buffer, size_t size, size_t room)
{
    return read_link(directory, path, buffer, size < room ? size : room);
}

/* SPDX-License-Identifier: MIT
 *
 * Which paths and descriptors are the software device's.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "preload.h"

#define DRI "/dev/dri/"
#define DEBUGFS_DRI "/sys/kernel/debug/dri/"

bool file_of_descriptor(int32_t descriptor, struct protocol_card *card)
{
    return descriptor >= 0 && server_is_configured() &&
           system_call(SYS_recvfrom, (uint64_t)descriptor, (uint64_t)(uintptr_t)card, sizeof(*card),
                       MSG_PEEK | MSG_DONTWAIT, 0, 0) == sizeof(*card) &&
           card->magic == PROTOCOL_CARD_MAGIC && card->version == PROTOCOL_VERSION && card->file != 0;
}

static uint32_t minor_of_name(const char *name)
{
    uint32_t number;
    bool render = starts_with(name, "renderD");

    if (!render && !starts_with(name, "card"))
        return NO_MINOR;
    name += render ? 7 : 4;
    if (!take_number(&name, &number) || *name != 0 || number >= MINORS || render != (number >= FIRST_RENDER_MINOR) ||
        number % FIRST_RENDER_MINOR >= device_count())
        return NO_MINOR;
    return number;
}

/* "/proc/self/fd/N", "/proc/PID/fd/N", "/dev/fd/N". */
static uint32_t minor_of_descriptor_path(const char *path)
{
    struct protocol_card card;
    uint32_t number;

    if (starts_with(path, "/dev/fd/")) {
        path += 8;
    } else if (starts_with(path, "/proc/self/fd/")) {
        path += 14;
    } else if (starts_with(path, "/proc/")) {
        path += 6;
        if (!take_number(&path, &number) || (int64_t)number != system_call(SYS_getpid, 0, 0, 0, 0, 0, 0) ||
            !starts_with(path, "/fd/"))
            return NO_MINOR;
        path += 4;
    } else {
        return NO_MINOR;
    }
    if (!take_number(&path, &number) || *path != 0 || !file_of_descriptor((int32_t)number, &card))
        return NO_MINOR;
    return card.minor;
}

uint32_t minor_of_path(int32_t directory, const char *path)
{
    (void)directory; /* relative paths to nodes are the kernel's: nobody uses them */
    if (!path || !server_is_configured() || path[0] != '/')
        return NO_MINOR;
    return starts_with(path, DRI) ? minor_of_name(path + sizeof(DRI) - 1) : minor_of_descriptor_path(path);
}

int32_t open_node(uint32_t minor, int32_t flags)
{
    struct protocol_card card;
    struct protocol_hello hello = {.magic = PROTOCOL_HELLO_MAGIC,
                                   .version = PROTOCOL_VERSION,
                                   .kind = PROTOCOL_KIND_FILE,
                                   .minor = minor,
                                   .address_space = address_space()};

    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    return server_connect(&hello, flags & O_CLOEXEC, &card);
}

void describe_node(uint32_t minor, struct stat *status)
{
    memset(status, 0, sizeof(*status));
    status->st_dev = makedev(0, 6);
    status->st_ino = FIRST_INODE + minor;
    status->st_mode = S_IFCHR | 0660;
    status->st_nlink = 1;
    status->st_rdev = makedev(DRM_MAJOR, minor);
    status->st_blksize = 4096;
}

bool is_folder_of_nodes(const char *path)
{
    return path && server_is_configured() && starts_with(path, "/dev/dri") && (path[8] == 0 || (path[8] == '/' && path[9] == 0));
}

void describe_folder(struct stat *status)
{
    memset(status, 0, sizeof(*status));
    status->st_dev = makedev(0, 6);
    status->st_ino = FOLDER_INODE;
    status->st_mode = S_IFDIR | 0755;
    status->st_nlink = 2;
    status->st_blksize = 4096;
}

uint32_t path_of_minor(uint32_t minor, char path[32])
{
    const char *start = minor < FIRST_RENDER_MINOR ? DRI "card" : DRI "renderD";
    uint32_t length = (uint32_t)strlen(start);
    char digits[10];
    uint32_t count = 0;

    memcpy(path, start, length);
    do {
        digits[count++] = (char)('0' + minor % 10);
        minor /= 10;
    } while (minor);
    while (count)
        path[length++] = digits[--count];
    path[length] = 0;
    return length;
}

int32_t open_debug_file(const char *path)
{
    struct protocol_request request = {.call = PROTOCOL_DEBUG_FILE};
    uint32_t minor;
    int32_t descriptor;
    int32_t result;

    if (!path || !server_is_configured() || !starts_with(path, DEBUGFS_DRI))
        return -ENOENT;
    path += sizeof(DEBUGFS_DRI) - 1;
    if (!take_number(&path, &minor) || *path++ != '/' || strlen(path) >= sizeof(request.name))
        return -ENOENT;
    strcpy(request.name, path);
    request.a = minor;
    result = server_call(&request, &descriptor);
    return result < 0 ? -ENOENT : descriptor;
}

/* SPDX-License-Identifier: MIT
 *
 * What programs read about the device in /sys. The server keeps it as a folder beside its socket, with the layout of /sys: whatever a path
 * names of the device's own is looked up there. Folders that the machine has too are merged when they are listed (directory.c).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

#define TREE_SUFFIX ".sys"
#define SYSFS "/sys"

/* Folders that have entries of the machine's beside those of the device. */
static const char *const shared_folders[] = {"/sys/bus/pci/devices", "/sys/bus/pci/drivers", "/sys/class/drm", "/sys/dev/char",
                                             "/sys/devices/pci0000:00", "/sys/kernel/debug/dri", "/sys/module"};

#define SHARED_FOLDERS (sizeof(shared_folders) / sizeof(*shared_folders))

static bool append(char room[PATH_ROOM], uint64_t *length, const char *text, uint64_t count)
{
    if (*length + count >= PATH_ROOM)
        return false;
    memcpy(room + *length, text, count);
    *length += count;
    room[*length] = 0;
    return true;
}

/* The server's folder; its length, or 0. */
static uint64_t find_tree(char room[PATH_ROOM])
{
    const char *socket = server_socket();
    uint64_t length = 0;

    return socket && append(room, &length, socket, strlen(socket)) && append(room, &length, TREE_SUFFIX, sizeof(TREE_SUFFIX) - 1)
               ? length
               : 0;
}

static bool exists(const char *path)
{
    return system_call(SYS_faccessat, (uint64_t)(int64_t)AT_FDCWD, (uint64_t)(uintptr_t)path, 0, 0, 0, 0) == 0;
}

/* Length of the name at the beginning of text. */
static uint64_t name_length(const char *text)
{
    uint64_t length = 0;

    while (text[length] && text[length] != '/')
        length++;
    return length;
}

enum place place_of(const char *path, char room[PATH_ROOM])
{
    if (!path || !starts_with(path, SYSFS "/") || !server_is_configured())
        return PLACE_OF_MACHINE;
    for (uint32_t i = 0; i < SHARED_FOLDERS; i++) {
        uint64_t folder = strlen(shared_folders[i]);
        const char *name = path + folder;
        uint64_t length;

        if (!starts_with(path, shared_folders[i]) || (*name && *name != '/'))
            continue;
        while (*name == '/')
            name++;
        length = find_tree(room);
        if (!length || !append(room, &length, shared_folders[i] + sizeof(SYSFS) - 1, folder - (sizeof(SYSFS) - 1)))
            return PLACE_OF_MACHINE;
        if (!*name)
            return exists(room) ? PLACE_SHARED : PLACE_OF_MACHINE;
        /* The entry says whose all of it is: what it lacks is not to be found with a device of the machine's. */
        if (!append(room, &length, "/", 1) || !append(room, &length, name, name_length(name)) || !exists(room) ||
            !append(room, &length, name + name_length(name), strlen(name + name_length(name))))
            return PLACE_OF_MACHINE;
        return PLACE_OF_DEVICE;
    }
    return PLACE_OF_MACHINE;
}

const char *path_to_use(const char *path, char room[PATH_ROOM])
{
    enum place place = place_of(path, room);

    return place == PLACE_OF_DEVICE || (place == PLACE_SHARED && !exists(path)) ? room : path;
}

int32_t open_debug_file_at(int32_t directory, const char *path)
{
    char link[32] = "/proc/self/fd/";
    char room[PATH_ROOM];
    char tree[PATH_ROOM];
    uint64_t length = strlen(link);
    uint64_t tree_length = find_tree(tree);
    const char *folder = room;
    char digits[10];
    uint32_t count = 0;
    int64_t result;

    if (directory < 0 || !path || path[0] == '/' || tree_length == 0)
        return -ENOENT;
    do {
        digits[count++] = (char)('0' + directory % 10);
        directory /= 10;
    } while (directory);
    while (count)
        link[length++] = digits[--count];
    result = system_call(SYS_readlinkat, (uint64_t)(int64_t)AT_FDCWD, (uint64_t)(uintptr_t)link, (uint64_t)(uintptr_t)room,
                         PATH_ROOM - 1, 0, 0);
    if (result < 0)
        return -ENOENT;
    room[result] = 0;
    length = (uint64_t)result;
    if (!append(room, &length, "/", 1) || !append(room, &length, path, strlen(path)))
        return -ENOENT;
    if (starts_with(room, tree)) { /* the folder was opened in the server's tree */
        memcpy(room + tree_length - (sizeof(SYSFS) - 1), SYSFS, sizeof(SYSFS) - 1);
        folder += tree_length - (sizeof(SYSFS) - 1);
    }
    return open_debug_file(folder);
}

/* A path in the server's tree as programs know it. */
static void name_as_in_sysfs(char *path, char *(*next)(const char *, char *))
{
    char tree[PATH_ROOM];
    char root[PATH_ROOM];
    uint64_t length;

    if (!find_tree(tree) || !next(tree, root) || !starts_with(path, root))
        return;
    length = strlen(root);
    memmove(path + sizeof(SYSFS) - 1, path + length, strlen(path + length) + 1);
    memcpy(path, SYSFS, sizeof(SYSFS) - 1);
}

static char *resolve(const char *path, char *resolved)
{
    char *(*next)(const char *, char *) = (char *(*)(const char *, char *))next_function("realpath");
    char room[PATH_ROOM];
    char *result;

    if (!next) {
        errno = ENOSYS;
        return NULL;
    }
    if (place_of(path, room) != PLACE_OF_DEVICE)
        return next(path, resolved);
    result = next(room, resolved);
    if (result)
        name_as_in_sysfs(result, next);
    return result;
}

HOOK char *realpath(const char *path, char *resolved)
{
    return resolve(path, resolved);
}

HOOK char *__realpath_chk(const char *path, char *resolved, size_t size);

char *__realpath_chk(const char *path, char *resolved, size_t size)
{
    if (size < PATH_ROOM)
        abort(); /* as the C library does */
    return resolve(path, resolved);
}

HOOK char *canonicalize_file_name(const char *path);

char *canonicalize_file_name(const char *path)
{
    return resolve(path, NULL);
}

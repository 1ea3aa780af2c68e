/* SPDX-License-Identifier: MIT
 *
 * Listing /dev/dri: the nodes of the software device, then what else the machine has there. The machine need not have the folder at all.
 */
#include <dirent.h>
#include <stddef.h>
#include <string.h>

#include "preload.h"

#define STREAMS 16u
#define DOTS 2u /* "." and ".." */

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "one struct for both");

/* In a table of their own, so that a stream of the C library can be told from one of ours by its address. */
static struct stream {
    int32_t taken;
    uint32_t position; /* entries that have been read */
    DIR *rest;         /* the machine's folder, or NULL */
    struct dirent entry;
} streams[STREAMS];

static struct stream *stream_of(DIR *directory)
{
    uintptr_t address = (uintptr_t)directory;

    return address >= (uintptr_t)streams && address < (uintptr_t)(streams + STREAMS) ? (struct stream *)directory : NULL;
}

/* Looked up once: programs read large folders. */
static void *next_of(void **known, const char *name)
{
    void *next = __atomic_load_n(known, __ATOMIC_RELAXED);

    if (!next) {
        next = next_function(name);
        __atomic_store_n(known, next, __ATOMIC_RELAXED);
    }
    return next;
}

static DIR *open_rest(const char *path)
{
    static void *known;
    DIR *(*next)(const char *) = (DIR * (*)(const char *))next_of(&known, "opendir");

    if (next)
        return next(path);
    errno = ENOSYS;
    return NULL;
}

static struct dirent *read_rest(DIR *rest)
{
    static void *known;
    struct dirent *(*next)(DIR *) = (struct dirent * (*)(DIR *))next_of(&known, "readdir");

    return next ? next(rest) : NULL;
}

HOOK DIR *opendir(const char *path)
{
    int error = errno;
    DIR *rest = open_rest(path);
    uint32_t index = 0;

    if (!is_folder_of_nodes(path) || (!rest && errno != ENOENT) || device_count() == 0)
        return rest;
    errno = error;
    while (index < STREAMS && __atomic_exchange_n(&streams[index].taken, 1, __ATOMIC_ACQUIRE))
        index++;
    if (index == STREAMS) {
        if (rest)
            closedir(rest);
        errno = EMFILE;
        return NULL;
    }
    streams[index].position = 0;
    streams[index].rest = rest;
    return (DIR *)&streams[index];
}

/* Entry number position, of those that are not the machine's; false when there are no more. */
static bool describe_entry(uint32_t position, struct dirent *entry)
{
    uint32_t devices = device_count();
    uint32_t minor = 0;
    char path[32];

    if (position < DOTS) {
        strcpy(entry->d_name, position == 0 ? "." : "..");
    } else if (position - DOTS < 2 * devices) {
        minor = (position - DOTS) % devices + (position - DOTS < devices ? 0 : FIRST_RENDER_MINOR);
        path_of_minor(minor, path);
        strcpy(entry->d_name, strrchr(path, '/') + 1);
    } else {
        return false;
    }
    entry->d_ino = position < DOTS ? FOLDER_INODE : FIRST_INODE + minor;
    entry->d_type = position < DOTS ? DT_DIR : DT_CHR;
    return true;
}

/* Whether an entry of the machine's folder has been listed as ours, or is hidden by it. */
static bool is_listed(const char *name)
{
    char path[sizeof("/dev/dri/") + sizeof(((struct dirent *)0)->d_name)] = "/dev/dri/";

    strcpy(path + strlen(path), name);
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || minor_of_path(0, path) != NO_MINOR;
}

static struct dirent *read_entry(struct stream *stream)
{
    struct dirent *found;

    if (describe_entry(stream->position, &stream->entry)) {
        found = &stream->entry;
    } else {
        do
            found = stream->rest ? read_rest(stream->rest) : NULL;
        while (found && is_listed(found->d_name));
        if (!found)
            return NULL;
        memcpy(&stream->entry, found, found->d_reclen);
    }
    stream->entry.d_off = ++stream->position;
    stream->entry.d_reclen = (uint16_t)(offsetof(struct dirent, d_name) + strlen(stream->entry.d_name) + 1);
    return &stream->entry;
}

HOOK struct dirent *readdir(DIR *directory)
{
    struct stream *stream = stream_of(directory);

    return stream ? read_entry(stream) : read_rest(directory);
}

HOOK struct dirent64 *readdir64(DIR *directory)
{
    return (struct dirent64 *)readdir(directory);
}

HOOK int closedir(DIR *directory)
{
    static void *known;
    int (*next)(DIR *) = (int (*)(DIR *))next_of(&known, "closedir");
    struct stream *stream = stream_of(directory);
    DIR *rest = stream ? stream->rest : directory;

    if (stream)
        __atomic_store_n(&stream->taken, 0, __ATOMIC_RELEASE);
    return rest && next ? next(rest) : 0;
}

HOOK void rewinddir(DIR *directory)
{
    static void *known;
    void (*next)(DIR *) = (void (*)(DIR *))next_of(&known, "rewinddir");
    struct stream *stream = stream_of(directory);
    DIR *rest = stream ? stream->rest : directory;

    if (stream)
        stream->position = 0;
    if (rest && next)
        next(rest);
}

HOOK long telldir(DIR *directory)
{
    static void *known;
    long (*next)(DIR *) = (long (*)(DIR *))next_of(&known, "telldir");
    struct stream *stream = stream_of(directory);

    if (stream)
        return (long)stream->position;
    return next ? next(directory) : -1;
}

HOOK void seekdir(DIR *directory, long position)
{
    static void *known;
    void (*next)(DIR *, long) = (void (*)(DIR *, long))next_of(&known, "seekdir");
    struct stream *stream = stream_of(directory);

    if (!stream) {
        if (next)
            next(directory, position);
        return;
    }
    rewinddir(directory);
    while ((long)stream->position < position && read_entry(stream)) {
        /* as many as had been read */
    }
}

HOOK int dirfd(DIR *directory)
{
    static void *known;
    int (*next)(DIR *) = (int (*)(DIR *))next_of(&known, "dirfd");
    struct stream *stream = stream_of(directory);
    DIR *rest = stream ? stream->rest : directory;

    if (rest && next)
        return next(rest);
    errno = ENOTSUP;
    return -1;
}

/* SPDX-License-Identifier: MIT
 *
 * Listing /dev/dri and the folders of /sys in which devices are: what is the software device's, then what else the machine has there. The
 * machine need not have the folder at all.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

#define STREAMS 16u
#define DOTS 2u /* "." and ".." */

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "one struct for both");

/* In a table of their own, so that a stream of the C library can be told from one of ours by its address. */
static struct stream {
    int32_t taken;
    uint32_t position; /* entries that have been read */
    bool own_ended;
    DIR *own;          /* the device's folder; NULL for /dev/dri, which is nowhere */
    DIR *rest;         /* the machine's folder, or NULL */
    char folder[64];   /* its path, with a slash at the end */
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

/* Whether two folders are to be listed as one, and in room the device's folder unless it is /dev/dri. */
static bool is_merged(const char *path, char room[PATH_ROOM])
{
    *room = 0;
    return is_folder_of_nodes(path) ? device_count() != 0 : place_of(path, room) == PLACE_SHARED;
}

/* A stream that lists the device's entries, then rest; NULL with errno when there is no room for it. */
static DIR *open_merged(const char *path, DIR *own, DIR *rest)
{
    uint32_t index = 0;
    uint64_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    while (index < STREAMS && __atomic_exchange_n(&streams[index].taken, 1, __ATOMIC_ACQUIRE))
        index++;
    if (index == STREAMS || length + 2 > sizeof(streams[index].folder)) {
        if (index != STREAMS)
            __atomic_store_n(&streams[index].taken, 0, __ATOMIC_RELEASE);
        if (rest)
            closedir(rest);
        if (own)
            closedir(own);
        errno = EMFILE;
        return NULL;
    }
    memcpy(streams[index].folder, path, length);
    strcpy(streams[index].folder + length, "/");
    streams[index].position = 0;
    streams[index].own_ended = false;
    streams[index].own = own;
    streams[index].rest = rest;
    return (DIR *)&streams[index];
}

HOOK DIR *opendir(const char *path)
{
    int error = errno;
    char room[PATH_ROOM];
    DIR *own = NULL;
    DIR *rest;

    if (place_of(path, room) == PLACE_OF_DEVICE)
        return open_rest(room);
    rest = open_rest(path);
    if ((!rest && errno != ENOENT) || !is_merged(path, room))
        return rest;
    errno = error;
    if (*room) {
        own = open_rest(room);
        if (!own || !rest)
            return own ? own : rest;
    }
    return open_merged(path, own, rest);
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
static bool is_listed(const char *folder, const char *name)
{
    char path[sizeof(streams->folder) + sizeof(streams->entry.d_name)];
    char room[PATH_ROOM];

    strcpy(path, folder);
    strcpy(path + strlen(path), name);
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || minor_of_path(0, path) != NO_MINOR ||
           place_of(path, room) == PLACE_OF_DEVICE;
}

/* The next entry of the device's, in the stream; false when there are no more. */
static bool read_own(struct stream *stream)
{
    struct dirent *found;

    if (!stream->own)
        return describe_entry(stream->position, &stream->entry);
    found = stream->own_ended ? NULL : read_rest(stream->own);
    stream->own_ended = !found;
    if (found)
        memcpy(&stream->entry, found, found->d_reclen);
    return found;
}

static struct dirent *read_entry(struct stream *stream)
{
    struct dirent *found;

    if (!read_own(stream)) {
        do
            found = stream->rest ? read_rest(stream->rest) : NULL;
        while (found && is_listed(stream->folder, found->d_name));
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
    DIR *own = stream ? stream->own : NULL;
    DIR *rest = stream ? stream->rest : directory;

    if (stream)
        __atomic_store_n(&stream->taken, 0, __ATOMIC_RELEASE);
    if (own && next)
        next(own);
    return rest && next ? next(rest) : 0;
}

HOOK void rewinddir(DIR *directory)
{
    static void *known;
    void (*next)(DIR *) = (void (*)(DIR *))next_of(&known, "rewinddir");
    struct stream *stream = stream_of(directory);
    DIR *rest = stream ? stream->rest : directory;

    if (stream) {
        stream->position = 0;
        stream->own_ended = false;
        if (stream->own && next)
            next(stream->own);
    }
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

/* ---- scandir: the C library's own does not come by opendir and readdir as programs do */

typedef int (*scan_filter)(const struct dirent *);
typedef int (*scan_order)(const struct dirent **, const struct dirent **);
typedef int (*scan_function)(const char *, struct dirent ***, scan_filter, scan_order);

static void release_entries(struct dirent **entries, int count)
{
    while (count > 0)
        free(entries[--count]);
    free(entries);
}

/* Appends a copy; false when there is no memory. */
static bool add_entry(struct dirent ***entries, int count, const struct dirent *entry)
{
    struct dirent **larger = count & (count - 1) ? *entries : realloc(*entries, (count ? 2 * (size_t)count : 1) * sizeof(**entries));

    if (!larger)
        return false;
    *entries = larger;
    larger[count] = malloc(entry->d_reclen);
    if (!larger[count])
        return false;
    memcpy(larger[count], entry, entry->d_reclen);
    return true;
}

static int scan(const char *path, struct dirent ***entries, scan_filter filter, scan_order order)
{
    DIR *directory = opendir(path);
    struct dirent **found = NULL;
    struct dirent *entry;
    int count = 0;

    if (!directory)
        return -1;
    while ((entry = readdir(directory))) {
        if (filter && !filter(entry))
            continue;
        if (!add_entry(&found, count, entry)) {
            release_entries(found, count);
            closedir(directory);
            errno = ENOMEM;
            return -1;
        }
        count++;
    }
    closedir(directory);
    if (order && count)
        qsort(found, (size_t)count, sizeof(*found), (int (*)(const void *, const void *))order);
    *entries = found;
    return count;
}

static int scan_any(const char *name, const char *path, struct dirent ***entries, scan_filter filter, scan_order order)
{
    char room[PATH_ROOM];
    scan_function next;

    if (is_merged(path, room) || place_of(path, room) == PLACE_OF_DEVICE)
        return scan(path, entries, filter, order);
    next = (scan_function)next_function(name);
    if (next)
        return next(path, entries, filter, order);
    errno = ENOSYS;
    return -1;
}

HOOK int scandir(const char *path, struct dirent ***entries, scan_filter filter, scan_order order)
{
    return scan_any("scandir", path, entries, filter, order);
}

HOOK int scandir64(const char *path, struct dirent64 ***entries, int (*filter)(const struct dirent64 *),
                   int (*order)(const struct dirent64 **, const struct dirent64 **))
{
    return scan_any("scandir64", path, (struct dirent ***)entries, (scan_filter)filter, (scan_order)order);
}

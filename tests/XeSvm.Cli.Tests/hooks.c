/* SPDX-License-Identifier: MIT
 *
 * Calls every function that the preload library interposes, as programs do, and says of each how it went: "ok NAME", or "FAILED NAME" with
 * what was found. Run by RunTests under 'xesvm run'.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE "/dev/dri/renderD128"
#define CARD "/dev/dri/card0"
#define DEVICE "/sys/dev/char/226:128/device"
#define DEBUGFS "/sys/kernel/debug/dri/0"

/* From the kernel's include/uapi/drm. */
struct drm_xe_device_query {
    uint64_t extensions;
    uint32_t query;
    uint32_t size;
    uint64_t data;
    uint64_t reserved[2];
};
struct drm_xe_gem_create {
    uint64_t extensions, size;
    uint32_t placement, flags, vm_id, handle;
    uint16_t cpu_caching, pad[3];
    uint64_t reserved[2];
};
struct drm_xe_gem_mmap_offset {
    uint64_t extensions;
    uint32_t handle, flags;
    uint64_t offset, reserved[2];
};

#define QUERY _IOWR('d', 0x40, struct drm_xe_device_query)
#define GEM_CREATE _IOWR('d', 0x41, struct drm_xe_gem_create)
#define MMAP_OFFSET _IOWR('d', 0x42, struct drm_xe_gem_mmap_offset)

static void check(const char *name, bool good)
{
    if (good)
        printf("ok %s\n", name);
    else
        printf("FAILED %s: errno %d (%s)\n", name, errno, strerror(errno));
    fflush(stdout);
    errno = 0;
}

/* Whether a descriptor is an open device that answers. */
static int answers(int fd)
{
    struct drm_xe_device_query query = {.query = 2};

    return fd >= 0 && ioctl(fd, QUERY, &query) == 0 && query.size == 48;
}

static int is_device(int fd)
{
    int good = answers(fd);

    if (fd >= 0)
        close(fd);
    return good;
}

static int is_node(const struct stat *status, unsigned minor_number)
{
    return S_ISCHR(status->st_mode) && major(status->st_rdev) == 226 && minor(status->st_rdev) == minor_number;
}

/* Reads all of a small file. */
static const char *text_of(FILE *stream)
{
    static char text[4096];
    size_t length = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

    text[length] = 0;
    if (stream)
        fclose(stream);
    return text;
}

static void opening(void)
{
    int (*checked)(const char *, int) = (int (*)(const char *, int))dlsym(RTLD_DEFAULT, "__open_2");
    int (*checked_at)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_DEFAULT, "__openat64_2");
    char path[64];
    int fd = open(NODE, O_RDWR);

    check("open", answers(fd));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    check("open of /proc/self/fd", is_device(open(path, O_RDWR)));
    close(fd);
    check("open64", is_device(open64(CARD, O_RDWR | O_CLOEXEC)));
    check("openat", is_device(openat(AT_FDCWD, NODE, O_RDWR)));
    check("openat64", is_device(openat64(AT_FDCWD, NODE, O_RDWR)));
    check("__open_2", checked && is_device(checked(NODE, O_RDWR)));
    check("__openat64_2", checked_at && is_device(checked_at(AT_FDCWD, NODE, O_RDWR)));
    check("open of a node that is not there", open("/dev/dri/card77", O_RDWR) < 0 && errno == ENOENT);
    check("open of a node as a folder", open(NODE, O_RDONLY | O_DIRECTORY) < 0 && errno == ENOTDIR);
    check("fopen of a debugfs file", strstr(text_of(fopen(DEBUGFS "/gt0/stats", "r")), "svm_pagefault_count: 0"));
    check("fopen64 of a file in sysfs", strcmp(text_of(fopen64(DEVICE "/vendor", "r")), "0x8086\n") == 0);
    check("fopen of a file of the machine's", *text_of(fopen("/proc/version", "r")));

    fd = open(DEBUGFS, O_RDONLY | O_DIRECTORY);
    check("openat below a folder of debugfs", fd >= 0 && strstr(text_of(fdopen(openat(fd, "gt0/stats", O_RDONLY), "r")), "tlb_inval_count"));
    close(fd);
}

static void asking(void)
{
    struct stat status;
    struct stat64 status64;
    struct statx extended;
    char target[PATH_MAX];
    char path[64];
    ssize_t length;
    int fd = open(CARD, O_RDWR);

    check("stat", stat(NODE, &status) == 0 && is_node(&status, 128));
    check("stat64", stat64(CARD, &status64) == 0 && is_node((struct stat *)&status64, 0));
    check("lstat", lstat(NODE, &status) == 0 && is_node(&status, 128));
    check("fstat", fstat(fd, &status) == 0 && is_node(&status, 0));
    check("fstat64", fstat64(fd, &status64) == 0 && is_node((struct stat *)&status64, 0));
    check("fstatat", fstatat(AT_FDCWD, NODE, &status, 0) == 0 && is_node(&status, 128));
    check("fstatat of a descriptor", fstatat(fd, "", &status, AT_EMPTY_PATH) == 0 && is_node(&status, 0));
    check("statx", statx(AT_FDCWD, NODE, 0, STATX_BASIC_STATS, &extended) == 0 && S_ISCHR(extended.stx_mode) && extended.stx_rdev_major == 226 &&
                       extended.stx_rdev_minor == 128);
    check("stat of the folder", stat("/dev/dri", &status) == 0 && S_ISDIR(status.st_mode));
    check("stat in sysfs", stat(DEVICE "/drm", &status) == 0 && S_ISDIR(status.st_mode));
    check("stat of what sysfs lacks", stat(DEVICE "/nonesuch", &status) < 0 && errno == ENOENT);
    check("access", access(NODE, R_OK | W_OK) == 0 && access(NODE, X_OK) < 0 && errno == EACCES);
    check("faccessat", faccessat(AT_FDCWD, DEVICE "/config", R_OK, 0) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof(target));
    check("readlink of a descriptor", length == (ssize_t)strlen(CARD) && memcmp(target, CARD, (size_t)length) == 0);
    length = readlinkat(AT_FDCWD, DEVICE "/subsystem", target, sizeof(target));
    check("readlinkat in sysfs", length > 4 && memcmp(target + length - 4, "/pci", 4) == 0);
    check("realpath", realpath(DEVICE, target) && strcmp(target, "/sys/devices/pci0000:00/0000:03:00.0") == 0);
    check("realpath of a file of the machine's", realpath("/proc/self/../version", target) && strcmp(target, "/proc/version") == 0);
    close(fd);
}

/* How often a name is in a listing. */
static int count_of(const char *folder, const char *name)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int found = 0;

    while (directory && (entry = readdir(directory)))
        found += strcmp(entry->d_name, name) == 0;
    if (directory)
        closedir(directory);
    return found;
}

static int begins_with_card(const struct dirent *entry)
{
    return strncmp(entry->d_name, "card", 4) == 0;
}

static void listing(void)
{
    struct dirent **entries = NULL;
    DIR *directory = opendir("/dev/dri");
    struct dirent64 *entry;
    long position;
    int count;
    int good;

    check("readdir", count_of("/dev/dri", "card0") == 1 && count_of("/dev/dri/", "renderD128") == 1);
    check("readdir of sysfs", count_of("/sys/class/drm", "card0") == 1 && count_of("/sys/bus/pci/devices", "0000:03:00.0") == 1);
    check("readdir of the device's folder", count_of(DEVICE "/drm", "renderD128") == 1 && count_of(DEVICE, "vendor") == 1);
    good = directory && (entry = readdir64(directory)) && strcmp(entry->d_name, ".") == 0 && readdir64(directory);
    position = telldir(directory);
    good = good && (entry = readdir64(directory)) && strcmp(entry->d_name, "card0") == 0 && entry->d_type == DT_CHR;
    check("readdir64", good);
    seekdir(directory, position);
    check("seekdir", (entry = readdir64(directory)) && strcmp(entry->d_name, "card0") == 0);
    rewinddir(directory);
    check("rewinddir", (entry = readdir64(directory)) && strcmp(entry->d_name, ".") == 0);
    check("closedir", closedir(directory) == 0);

    count = scandir("/dev/dri", &entries, begins_with_card, alphasort);
    good = count >= 1 && strcmp(entries[0]->d_name, "card0") == 0;
    while (count > 0)
        free(entries[--count]);
    free(entries);
    check("scandir", good);
    count = scandir("/proc/self/fdinfo", &entries, NULL, NULL);
    check("scandir of a folder of the machine's", count > 2);
    while (count > 0)
        free(entries[--count]);
    free(entries);
}

static void descriptors(void)
{
    int fd = open(NODE, O_RDWR | O_CLOEXEC);
    int copy = dup(fd);

    check("dup", answers(copy));
    check("close", close(copy) == 0 && !answers(copy) && errno == EBADF);
    check("dup2", dup2(fd, 77) == 77 && is_device(77));
    check("dup3", dup3(fd, 78, O_CLOEXEC) == 78 && is_device(78));
    check("fcntl F_DUPFD", is_device(fcntl(fd, F_DUPFD, 79)));
    check("fcntl F_DUPFD_CLOEXEC", is_device(fcntl(fd, F_DUPFD_CLOEXEC, 79)));
    copy = dup(fd);
    check("close_range", close_range((unsigned)copy, (unsigned)copy, 0) == 0 && !answers(copy) && answers(fd));
    /* A program may close what it has not opened, such as the library's own connections: they come back. */
    check("closefrom", close_range(400, 1000, 0) == 0 && answers(fd));
    check("ioctl of an unknown number", ioctl(fd, _IO('d', 0x9f)) < 0 && errno == EINVAL);
    check("ioctl with a bad address", ioctl(fd, QUERY, (void *)8) < 0 && errno == EFAULT);
    check("ioctl of a file of the machine's", ioctl(0, QUERY, NULL) < 0 && errno == ENOTTY);
    close(fd);
}

/* Maps a new buffer object; NULL when a step fails. */
static uint32_t *map_object(int fd, int protection, uint64_t *offset)
{
    struct drm_xe_gem_create create = {.size = 65536, .placement = 1, .cpu_caching = 1};
    struct drm_xe_gem_mmap_offset place = {0};
    void *memory;

    if (ioctl(fd, GEM_CREATE, &create))
        return NULL;
    place.handle = create.handle;
    if (ioctl(fd, MMAP_OFFSET, &place))
        return NULL;
    *offset = place.offset;
    memory = mmap(NULL, create.size, protection, MAP_SHARED, fd, (off_t)place.offset);
    return memory == MAP_FAILED ? NULL : memory;
}

static void memory(void)
{
    int fd = open(NODE, O_RDWR);
    uint64_t offset = 0;
    uint32_t *object = map_object(fd, PROT_READ | PROT_WRITE, &offset);
    uint32_t *twin;
    uint32_t *moved;
    char *own;

    check("mmap", object && (object[0] = 42) == 42);
    twin = mmap64(NULL, 65536, PROT_READ, MAP_SHARED, fd, (off64_t)offset);
    check("mmap64 of the same object", twin != MAP_FAILED && twin[0] == 42);
    check("mmap beyond the object", mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, fd, (off_t)offset) == MAP_FAILED && errno == EINVAL);
    check("mmap at no object's offset", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)offset + 4096) == MAP_FAILED && errno == EINVAL);
    own = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check("mmap of anonymous memory", own != MAP_FAILED && (own[0] = 1) == 1);
    moved = mmap(own, 65536, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    check("mmap at a fixed address", (char *)moved == own && moved[0] == 42);
    check("munmap", munmap(twin, 65536) == 0 && msync(twin, 4096, MS_ASYNC) < 0 && errno == ENOMEM);
    own = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    own[4096] = 7;
    own = mremap(own, 65536, 131072, MREMAP_MAYMOVE);
    check("mremap", own != MAP_FAILED && own[4096] == 7);
    check("madvise", madvise(own, 65536, MADV_DONTNEED) == 0 && own[4096] == 0);
    close(fd);
    check("mapping of a closed file", object && object[0] == 42);
}

static int status_of_child(pid_t child)
{
    int status = -1;

    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void processes(char *self)
{
    int kept = open(NODE, O_RDWR);
    int hidden = open(NODE, O_RDWR | O_CLOEXEC);
    char numbers[2][16];
    pid_t child = fork();

    if (child == 0)
        _exit(answers(kept) && is_device(open(CARD, O_RDWR)) ? 0 : 1);
    check("fork", status_of_child(child) == 0 && answers(kept));
    check("fork leaves no other child", waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    snprintf(numbers[0], sizeof(numbers[0]), "%d", kept);
    snprintf(numbers[1], sizeof(numbers[1]), "%d", hidden);
    child = fork();
    if (child == 0) {
        execl(self, self, numbers[0], numbers[1], (char *)NULL);
        _exit(9);
    }
    check("exec keeps what is not O_CLOEXEC", status_of_child(child) == 0);
    close(kept);
    close(hidden);
}

int main(int argc, char **argv)
{
    struct stat status;

    if (argc == 3) /* after exec: the first is open, the second is not */
        return answers(atoi(argv[1])) && fstat(atoi(argv[2]), &status) < 0 && errno == EBADF ? 0 : 1;
    opening();
    asking();
    listing();
    descriptors();
    memory();
    processes(argv[0]);
    return 0;
}

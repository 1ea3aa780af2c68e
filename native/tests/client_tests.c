/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "vma.h"

static void read_and_write_copy_both_ways(void)
{
    uint8_t *memory = client_memory(4);
    uint8_t *copy = client_memory(4);

    fill_pages(memory, 4, 1);
    CHECK_EQ(xesvm_client_read(address_of(memory), copy, 4 * PAGE), 0);
    CHECK(pages_hold(copy, 4, 1));
    fill_pages(copy, 4, 2);
    CHECK_EQ(xesvm_client_write(address_of(memory), copy, 4 * PAGE), 0);
    CHECK(pages_hold(memory, 4, 2));
    CHECK_EQ(xesvm_client_read(address_of(memory) + 5, copy, 3), 0);
    CHECK_EQ(memcmp(copy, memory + 5, 3), 0);
    client_release(memory, 4);
    client_release(copy, 4);
}

static void nothing_is_copied_for_length_zero(void)
{
    CHECK_EQ(xesvm_client_read(8, NULL, 0), 0);
    CHECK_EQ(xesvm_client_write(8, NULL, 0), 0);
}

static void unmapped_memory_gives_EFAULT_and_keeps_what_was_copied(void)
{
    uint8_t *memory = client_memory(4);
    uint8_t copy[2 * PAGE];

    fill_pages(memory, 2, 3);
    memset(copy, 0, sizeof(copy));
    CHECK_EQ(munmap(memory + 2 * PAGE, 2 * PAGE), 0);
    CHECK_EQ(xesvm_client_read(address_of(memory) + PAGE, copy, 2 * PAGE), -EFAULT);
    CHECK_EQ(memcmp(copy, memory + PAGE, PAGE), 0);
    CHECK_EQ(copy[PAGE], 0);
    CHECK_EQ(xesvm_client_write(address_of(memory) + PAGE, copy + PAGE, 2 * PAGE), -EFAULT);
    CHECK_EQ(memory[PAGE], 0);
    CHECK_EQ(xesvm_client_read(0, copy, 1), -EFAULT);
    CHECK_EQ(xesvm_client_read(address_of(memory), (void *)8, 1), -EFAULT);
    client_release(memory, 2);
}

static void ranges_that_wrap_give_EFAULT(void)
{
    uint8_t byte = 0;

    CHECK_EQ(xesvm_client_read(UINT64_MAX - 3, &byte, 8), -EFAULT);
    CHECK_EQ(xesvm_client_write(UINT64_MAX, &byte, 1), -EFAULT);
    CHECK_EQ(xesvm_client_read(address_of(&byte), &byte, UINT64_MAX), -EFAULT);
}

static void writing_read_only_memory_gives_EFAULT(void)
{
    uint8_t *memory = client_memory(1);
    uint32_t value = 0;

    fill_pages(memory, 1, 4);
    CHECK_EQ(mprotect(memory, PAGE, PROT_READ), 0);
    CHECK_EQ(xesvm_client_read(address_of(memory), &value, 4), 0);
    CHECK_EQ(xesvm_client_write(address_of(memory), &value, 4), -EFAULT);
    CHECK(pages_hold(memory, 1, 4));
    client_release(memory, 1);
}

/* Client memory between gaps: pages 0-3 read and write, 4-7 read, 8-9 unmapped, 10-11 shared. */
static uint8_t *varied_memory(void)
{
    uint8_t *memory = client_memory(12);

    CHECK_EQ(mprotect(memory + 4 * PAGE, 4 * PAGE, PROT_READ), 0);
    CHECK_EQ(munmap(memory + 8 * PAGE, 2 * PAGE), 0);
    CHECK(mmap(memory + 10 * PAGE, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
          MAP_FAILED);
    return memory;
}

static void find_vma_finds_the_mapping_or_the_next(void)
{
    uint8_t *memory = varied_memory();
    struct xesvm_vma vma;

    CHECK_EQ(xesvm_client_find_vma(address_of(memory) + PAGE + 7, &vma), 0);
    CHECK_EQ(vma.start, address_of(memory));
    CHECK_EQ(vma.end, address_of(memory) + 4 * PAGE);
    CHECK_EQ(vma.flags, XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_ANONYMOUS);
    CHECK_EQ(xesvm_client_find_vma(vma.end, &vma), 0);
    CHECK_EQ(vma.start, address_of(memory) + 4 * PAGE);
    CHECK_EQ(vma.flags, XESVM_VMA_READ | XESVM_VMA_ANONYMOUS);
    CHECK_EQ(xesvm_client_find_vma(vma.end, &vma), 0);
    CHECK_EQ(vma.start, address_of(memory) + 10 * PAGE);
    CHECK_EQ(vma.flags, XESVM_VMA_READ | XESVM_VMA_EXEC | XESVM_VMA_SHARED);
    client_release(memory, 12);
}

static void find_vma_says_when_there_is_none(void)
{
    struct xesvm_vma vma = {.start = 1};

    CHECK_EQ(xesvm_client_find_vma(0x7ffffffffffff000, &vma), -ENOENT);
    CHECK_EQ(xesvm_client_find_vma(UINT64_MAX, &vma), -ENOENT);
    CHECK_EQ(vma.start, 1);
    CHECK_EQ(xesvm_client_find_vma(0, NULL), -EINVAL);
}

static void text_and_query_find_the_same_mappings(void)
{
    uint8_t *memory = varied_memory();
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    struct xesvm_vma vma;
    struct vma_name name;
    uint32_t count = 0;

    CHECK(fd >= 0);
    if (vma_find_by_query(fd, 0, &vma, &name) == -ENOTTY)
        test_skip("this kernel has no PROCMAP_QUERY");
    for (uint64_t address = 0; vma_find_by_query(fd, address, &vma, &name) == 0; address = vma.end) {
        struct xesvm_vma text;
        struct vma_name text_name;

        CHECK_EQ(vma_find_by_text(fd, address, &text, &text_name), 0);
        vma_classify(&vma, &name);
        vma_classify(&text, &text_name);
        CHECK_EQ(memcmp(&vma, &text, sizeof(vma)), 0);
        CHECK_EQ(strcmp(name.text, text_name.text), 0);
        CHECK_EQ(vma_find_by_text(fd, vma.end - 1, &text, NULL), 0);
        CHECK_EQ(text.start, vma.start);
        count++;
    }
    CHECK_EQ(vma_find_by_text(fd, 0x7ffffffffffff000, &vma, NULL), -ENOENT);
    CHECK(count > 10);
    close(fd);
    client_release(memory, 12);
}

static uint32_t flags_at(const void *address)
{
    struct xesvm_vma vma;

    CHECK_EQ(xesvm_client_find_vma(address_of(address), &vma), 0);
    CHECK(vma.start <= address_of(address));
    return vma.flags;
}

static void find_vma_tells_the_kinds_of_memory_apart(void)
{
    const uint32_t read_write = XESVM_VMA_READ | XESVM_VMA_WRITE;
    uint32_t on_the_stack = 0;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint8_t *of_file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    uint8_t *named = client_memory(1);
    struct xesvm_vma vma;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    uint32_t found = 0;

    CHECK(file >= 0 && of_file != MAP_FAILED && maps);
    CHECK_EQ(flags_at(&on_the_stack), read_write | XESVM_VMA_ANONYMOUS);
    CHECK_EQ(flags_at(of_file), read_write);
    CHECK_EQ(flags_at(named), read_write | XESVM_VMA_ANONYMOUS);
    CHECK_EQ(mprotect(named, PAGE, PROT_NONE), 0);
    CHECK_EQ(flags_at(named), XESVM_VMA_ANONYMOUS);
    while (fgets(line, sizeof(line), maps)) {
        uint64_t start = strtoull(line, NULL, 16);

        if (strstr(line, "[vvar]")) {
            CHECK_EQ(xesvm_client_find_vma(start, &vma), 0);
            CHECK_EQ(vma.flags, XESVM_VMA_READ | XESVM_VMA_SPECIAL);
            found++;
        } else if (strstr(line, "[vdso]")) {
            CHECK_EQ(xesvm_client_find_vma(start, &vma), 0);
            CHECK_EQ(vma.flags, XESVM_VMA_READ | XESVM_VMA_EXEC);
            found++;
        }
    }
    CHECK_EQ(found, 2);
    fclose(maps);
    munmap(of_file, PAGE);
    client_release(named, 1);
    close(file);
}

static void hugetlb_memory_is_told_apart(void)
{
    uint8_t *huge = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);

    if (huge == MAP_FAILED)
        test_skip("no hugetlb mapping here: %s", strerror(errno));
    CHECK_EQ(flags_at(huge), XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_HUGETLB);
    munmap(huge, BLOCK);
}

/* The child asks about memory that only it has; the parent afterwards about memory that only the parent has. */
static void a_forked_child_finds_its_own_mappings(void)
{
    uint8_t *memory = client_memory(1);
    struct xesvm_vma vma;
    int status;
    pid_t child;

    CHECK_EQ(xesvm_client_find_vma(address_of(memory), &vma), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        munmap(memory, PAGE);
        if (xesvm_client_find_vma(address_of(memory), &vma) != 0 || vma.start <= address_of(memory))
            _exit(1);
        if (mmap(memory, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != memory)
            _exit(2);
        if (xesvm_client_find_vma(address_of(memory), &vma) != 0 || vma.flags != (XESVM_VMA_READ | XESVM_VMA_SHARED))
            _exit(3);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(flags_at(memory), XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_ANONYMOUS);
    client_release(memory, 1);
}

/* A program that closes every file, as daemons do, and opens others under the same numbers. */
static void find_vma_survives_that_its_file_is_closed(void)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0) {
        struct xesvm_vma vma;
        uint64_t address = address_of(&vma);

        if (xesvm_client_find_vma(address, &vma) != 0)
            _exit(1);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        if (xesvm_client_find_vma(address, &vma) != 0 || vma.start > address)
            _exit(2);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        for (int fd = 3; fd < 64; fd++)
            open("/dev/null", O_RDONLY);
        if (xesvm_client_find_vma(address, &vma) != 0 || vma.start > address)
            _exit(3);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

static void text_that_cannot_be_read_is_an_error(void)
{
    struct xesvm_vma vma;

    CHECK_EQ(vma_find_by_text(-1, 0, &vma, NULL), -EBADF);
    CHECK_EQ(vma_find(-1, 0, &vma), -EBADF);
}

static const struct test tests[] = {
    {"read_and_write_copy_both_ways", read_and_write_copy_both_ways, TEST_ONCE},
    {"nothing_is_copied_for_length_zero", nothing_is_copied_for_length_zero, TEST_ONCE},
    {"unmapped_memory_gives_EFAULT_and_keeps_what_was_copied", unmapped_memory_gives_EFAULT_and_keeps_what_was_copied,
     TEST_ONCE},
    {"ranges_that_wrap_give_EFAULT", ranges_that_wrap_give_EFAULT, TEST_ONCE},
    {"writing_read_only_memory_gives_EFAULT", writing_read_only_memory_gives_EFAULT, TEST_ONCE},
    {"find_vma_finds_the_mapping_or_the_next", find_vma_finds_the_mapping_or_the_next, TEST_ONCE},
    {"find_vma_says_when_there_is_none", find_vma_says_when_there_is_none, TEST_ONCE},
    {"find_vma_tells_the_kinds_of_memory_apart", find_vma_tells_the_kinds_of_memory_apart, TEST_ONCE},
    {"hugetlb_memory_is_told_apart", hugetlb_memory_is_told_apart, TEST_ONCE},
    {"a_forked_child_finds_its_own_mappings", a_forked_child_finds_its_own_mappings, TEST_ONCE},
    {"find_vma_survives_that_its_file_is_closed", find_vma_survives_that_its_file_is_closed, TEST_ONCE},
    {"text_and_query_find_the_same_mappings", text_and_query_find_the_same_mappings, TEST_ONCE},
    {"text_that_cannot_be_read_is_an_error", text_that_cannot_be_read_is_an_error, TEST_ONCE},
};

SUITE(client_suite, tests);

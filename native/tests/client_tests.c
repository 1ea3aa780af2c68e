/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
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
    uint32_t count = 0;

    CHECK(fd >= 0);
    if (vma_find_by_query(fd, 0, &vma) == -ENOTTY)
        test_skip("this kernel has no PROCMAP_QUERY");
    for (uint64_t address = 0; vma_find_by_query(fd, address, &vma) == 0; address = vma.end) {
        struct xesvm_vma text;

        CHECK_EQ(vma_find_by_text(fd, address, &text), 0);
        CHECK_EQ(memcmp(&vma, &text, sizeof(vma)), 0);
        CHECK_EQ(vma_find_by_text(fd, vma.end - 1, &text), 0);
        CHECK_EQ(memcmp(&vma, &text, sizeof(vma)), 0);
        count++;
    }
    CHECK_EQ(vma_find_by_text(fd, 0x7ffffffffffff000, &vma), -ENOENT);
    CHECK(count > 10);
    close(fd);
    client_release(memory, 12);
}

static void text_that_cannot_be_read_is_an_error(void)
{
    struct xesvm_vma vma;

    CHECK_EQ(vma_find_by_text(-1, 0, &vma), -EBADF);
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
    {"text_and_query_find_the_same_mappings", text_and_query_find_the_same_mappings, TEST_ONCE},
    {"text_that_cannot_be_read_is_an_error", text_that_cannot_be_read_is_an_error, TEST_ONCE},
};

SUITE(client_suite, tests);

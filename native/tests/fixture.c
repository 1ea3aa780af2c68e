/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <sys/mman.h>

struct fixture fixture_open(void)
{
    struct fixture fixture;
    uint32_t flags = test_in_user_mode() ? XESVM_PUMP_USER_MODE_ONLY : 0;
    int32_t result = xesvm_pump_create(flags, &fixture.pump, &fixture.info);

    if (result == -EPERM || result == -ENOSYS || result == -EOPNOTSUPP)
        test_skip("no userfaultfd with UFFDIO_MOVE here: %s", strerror(-result));
    CHECK_EQ(result, 0);
    fixture.vram = mmap(NULL, VRAM_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(fixture.vram != MAP_FAILED);
    return fixture;
}

void fixture_close(struct fixture *fixture)
{
    CHECK_EQ(xesvm_pump_destroy(fixture->pump), 0);
    munmap(fixture->vram, VRAM_PAGES * PAGE);
}

uint8_t *client_memory(uint32_t pages)
{
    uint64_t length = (uint64_t)pages * PAGE;
    uint8_t *mapped = mmap(NULL, length + 2 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint8_t *start;

    CHECK(mapped != MAP_FAILED);
    start = mapped + (BLOCK - address_of(mapped) % BLOCK);
    munmap(mapped, length + 2 * BLOCK);
    CHECK(mmap(start, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == start);
    return start;
}

void client_release(uint8_t *memory, uint32_t pages)
{
    munmap(memory, (uint64_t)pages * PAGE);
}

static uint32_t pattern(uint32_t page, uint32_t word, uint32_t seed)
{
    return (page * 2654435761u) ^ (word * 40503u) ^ (seed << 16) ^ 1u;
}

void fill_pages(uint8_t *memory, uint32_t pages, uint32_t seed)
{
    for (uint32_t page = 0; page < pages; page++) {
        uint32_t *words = (uint32_t *)(void *)(memory + (size_t)page * PAGE);

        for (uint32_t word = 0; word < PAGE / 4; word++)
            words[word] = pattern(page, word, seed);
    }
}

bool pages_hold(const uint8_t *memory, uint32_t pages, uint32_t seed)
{
    for (uint32_t page = 0; page < pages; page++) {
        const uint32_t *words = (const uint32_t *)(const void *)(memory + (size_t)page * PAGE);

        for (uint32_t word = 0; word < PAGE / 4; word++) {
            if (words[word] != pattern(page, word, seed)) {
                test_note("page %u, word %u: 0x%x, not 0x%x", page, word, words[word], pattern(page, word, seed));
                return false;
            }
        }
    }
    return true;
}

bool pages_are_zero(const uint8_t *memory, uint32_t pages)
{
    for (size_t byte = 0; byte < (size_t)pages * PAGE; byte++) {
        if (memory[byte] != 0) {
            test_note("byte %zu of page %zu is 0x%x", byte % PAGE, byte / PAGE, memory[byte]);
            return false;
        }
    }
    return true;
}

void copy_isolation(const struct xesvm_isolation *isolation, uint32_t pages, uint8_t *vram)
{
    for (uint32_t page = 0; page < pages; page++) {
        uint8_t *to = vram + (size_t)page * PAGE;

        if (isolation->present[page / 64] >> page % 64 & 1)
            memcpy(to, (const void *)(uintptr_t)(isolation->staging + (uint64_t)page * PAGE), PAGE);
        else
            memset(to, 0, PAGE);
    }
}

int32_t migrate(struct fixture *fixture, const void *memory, uint32_t pages, uint32_t vram_page, uint64_t allocation)
{
    return migrate_until(fixture, memory, pages, vram_page, allocation, 0);
}

int32_t migrate_until(struct fixture *fixture, const void *memory, uint32_t pages, uint32_t vram_page, uint64_t allocation,
                      uint64_t hold_until_ns)
{
    uint8_t *vram = fixture->vram + (size_t)vram_page * PAGE;
    struct xesvm_isolation isolation;
    int32_t result = xesvm_pump_isolate(fixture->pump, address_of(memory), pages, &isolation);

    if (result < 0)
        return result;
    copy_isolation(&isolation, pages, vram);
    return xesvm_pump_commit_held(fixture->pump, isolation.id, address_of(vram), allocation, hold_until_ns);
}

int32_t state_of(struct fixture *fixture, const void *memory, uint32_t pages)
{
    uint8_t states[2048];

    CHECK(pages <= sizeof(states));
    CHECK_EQ(xesvm_pump_query(fixture->pump, address_of(memory), pages, states), 0);
    for (uint32_t page = 1; page < pages; page++) {
        if (states[page] != states[0])
            return -1;
    }
    return states[0];
}

struct xesvm_pump_counters counters_of(struct fixture *fixture)
{
    struct xesvm_pump_counters counters;

    CHECK_EQ(xesvm_pump_read_counters(fixture->pump, &counters), 0);
    return counters;
}

struct xesvm_pump_event next_event(struct fixture *fixture, uint32_t type)
{
    struct xesvm_pump_event event;

    for (;;) {
        CHECK_EQ(xesvm_pump_wait(fixture->pump, 10000000000), 1);
        CHECK_EQ(xesvm_pump_take_events(fixture->pump, &event, 1), 1);
        if (event.type == type)
            return event;
    }
}

/* SPDX-License-Identifier: MIT
 *
 * The client unmaps, drops and moves memory of which pages are away.
 */
#include <sys/mman.h>

#include "fixture.h"

static void munmap_discards_device_pages(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_pump_event event;

    fill_pages(memory, 64, 1);
    CHECK_EQ(migrate(&f, memory, 64, 0, 5), 0);
    CHECK_EQ(munmap(memory + 16 * PAGE, 32 * PAGE), 0);
    CHECK_EQ(state_of(&f, memory + 16 * PAGE, 32), XESVM_PAGE_SYSTEM);
    event = next_event(&f, XESVM_EVENT_DISCARD);
    CHECK_EQ(event.address, address_of(memory) + 16 * PAGE);
    CHECK_EQ(event.pages, 32);
    CHECK_EQ(event.allocation, 5);
    CHECK_EQ(event.remaining, 32);
    event = next_event(&f, XESVM_EVENT_INVALIDATE);
    CHECK_EQ(event.address, address_of(memory) + 16 * PAGE);
    CHECK_EQ(event.pages, 32);
    CHECK_EQ(event.invalidation, XESVM_INVALIDATE_UNMAP);
    CHECK(mmap(memory + 16 * PAGE, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
               -1, 0) != MAP_FAILED);
    CHECK(pages_are_zero(memory + 16 * PAGE, 32));
    CHECK(pages_hold(memory, 16, 1));
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.pages, 32);
    CHECK_EQ(event.remaining, 0);
    /* The new mapping migrates like any other. */
    fill_pages(memory, 64, 2);
    CHECK_EQ(migrate(&f, memory, 64, 0, 6), 0);
    CHECK(pages_hold(memory, 64, 2));
    client_release(memory, 64);
    fixture_close(&f);
}

static void mmap_over_device_pages_discards_them(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);

    fill_pages(memory, 512, 3);
    CHECK_EQ(migrate(&f, memory, 512, 0, 5), 0);
    CHECK(mmap(memory, 512 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
    CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_SYSTEM);
    CHECK(pages_are_zero(memory, 512));
    CHECK_EQ(next_event(&f, XESVM_EVENT_DISCARD).remaining, 0);
    CHECK_EQ(counters_of(&f).pages_discarded, 512);
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    client_release(memory, 512);
    fixture_close(&f);
}

static void madvise_dontneed_discards_device_pages(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_pump_event event;

    fill_pages(memory, 64, 4);
    CHECK_EQ(migrate(&f, memory, 32, 0, 5), 0);
    CHECK_EQ(migrate(&f, memory + 32 * PAGE, 32, 32, 6), 0);
    CHECK_EQ(madvise(memory + 8 * PAGE, 32 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(state_of(&f, memory + 8 * PAGE, 32), XESVM_PAGE_SYSTEM);
    event = next_event(&f, XESVM_EVENT_DISCARD);
    CHECK_EQ(event.allocation, 5);
    CHECK_EQ(event.pages, 24);
    CHECK_EQ(event.remaining, 8);
    event = next_event(&f, XESVM_EVENT_DISCARD);
    CHECK_EQ(event.allocation, 6);
    CHECK_EQ(event.pages, 8);
    event = next_event(&f, XESVM_EVENT_INVALIDATE);
    CHECK_EQ(event.pages, 32);
    CHECK_EQ(event.invalidation, XESVM_INVALIDATE_REMOVE);
    CHECK(pages_are_zero(memory + 8 * PAGE, 32));
    CHECK(pages_hold(memory, 8, 4));
    client_release(memory, 64);
    fixture_close(&f);
}

static void madvise_dontneed_drops_pages_that_are_at_home(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 64, 5);
    CHECK_EQ(migrate(&f, memory, 64, 0, 5), 0);
    CHECK(pages_hold(memory, 64, 5));
    CHECK_EQ(madvise(memory, 64 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(migrate(&f, memory, 64, 0, 6), 0);
    CHECK(pages_are_zero(memory, 64));
    client_release(memory, 64);
    fixture_close(&f);
}

static void dropping_isolated_pages_ends_the_isolation(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;

    fill_pages(memory, 64, 6);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 32, &isolation), 0);
    CHECK_EQ(madvise(memory + 8 * PAGE, 8 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    CHECK(pages_are_zero(memory + 8 * PAGE, 8));
    CHECK(pages_hold(memory, 8, 6));
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 32 * PAGE, 32, &isolation), 0);
    CHECK_EQ(munmap(memory + 32 * PAGE, 32 * PAGE), 0);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    client_release(memory, 32);
    fixture_close(&f);
}

/* 64 pages: 0-15 on the device, 16-31 isolated, 32-47 at home, 48-63 zeros. All of them have been registered, or mremap would refuse:
 * registration splits the mapping, and it moves no more than one. */
static uint8_t *mixed_memory(struct fixture *fixture, struct xesvm_isolation *isolation)
{
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 48, 7);
    CHECK_EQ(migrate(fixture, memory, 64, 0, 4), 0);
    CHECK_EQ(xesvm_pump_restore(fixture->pump, address_of(memory), 64), 64);
    CHECK_EQ(next_event(fixture, XESVM_EVENT_HOME).allocation, 4);
    CHECK_EQ(migrate(fixture, memory, 16, 0, 5), 0);
    CHECK_EQ(xesvm_pump_isolate(fixture->pump, address_of(memory) + 16 * PAGE, 16, isolation), 0);
    return memory;
}

static void check_mremap(uint32_t skew, int flags)
{
    struct fixture f = fixture_open();
    struct xesvm_isolation isolation;
    uint8_t *memory = mixed_memory(&f, &isolation);
    uint8_t *target = client_memory(1024) + skew * PAGE;
    struct xesvm_pump_event event;

    CHECK(mremap(memory, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | flags, target) == target);
    CHECK(pages_hold(target, 48, 7));
    CHECK(pages_are_zero(target + 48 * PAGE, 16));
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.address, address_of(memory));
    CHECK_EQ(event.pages, 16);
    CHECK_EQ(event.remaining, 0);
    event = next_event(&f, XESVM_EVENT_INVALIDATE);
    CHECK_EQ(event.address, address_of(memory));
    CHECK_EQ(event.invalidation, XESVM_INVALIDATE_REMAP);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    CHECK(pages_hold(target, 48, 7));
    if (flags & MREMAP_DONTUNMAP)
        CHECK(pages_are_zero(memory, 64));
    if (skew + 64 <= 512) {
        CHECK_EQ(migrate(&f, target, 64, 0, 6), 0);
        CHECK(pages_hold(target, 48, 7));
    }
    client_release(memory, 64);
    client_release(target - skew * PAGE, 1024);
    fixture_close(&f);
}

static void mremap_carries_content_along(void)
{
    check_mremap(0, 0);
}

static void mremap_to_another_place_in_the_block_carries_content_along(void)
{
    check_mremap(480, 0);
    check_mremap(37, 0);
}

static void mremap_that_keeps_the_mapping_leaves_zeros_behind(void)
{
    check_mremap(0, MREMAP_DONTUNMAP);
}

/* The second move comes before the content of the first one can have reached the page table. */
static void mremap_after_mremap_carries_content_along(void)
{
    struct fixture f = fixture_open();
    uint8_t *places[3] = {client_memory(48), client_memory(1024) + 500 * PAGE, client_memory(512) + 3 * PAGE};

    for (uint32_t round = 0; round < 100; round++) {
        fill_pages(places[0], 32, round);
        CHECK_EQ(madvise(places[0] + 32 * PAGE, 16 * PAGE, MADV_DONTNEED), 0);
        CHECK_EQ(migrate(&f, places[0], 48, 0, round), 0);
        for (uint32_t move = 0; move < 3; move++)
            CHECK(mremap(places[move], 48 * PAGE, 48 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, places[(move + 1) % 3]) ==
                  places[(move + 1) % 3]);
        CHECK(pages_hold(places[0], 32, round));
        CHECK(pages_are_zero(places[0] + 32 * PAGE, 16));
    }
    CHECK_EQ(state_of(&f, places[0], 48), XESVM_PAGE_SYSTEM);
    CHECK_EQ(counters_of(&f).pages_home + counters_of(&f).pages_discarded, 4800);
    client_release(places[0], 48);
    fixture_close(&f);
}

/* The kernel may drop the old content at any time until then, but not what was written after the call. */
static void memory_written_after_madvise_free_keeps_its_content(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 64, 1);
    CHECK_EQ(migrate(&f, memory, 64, 0, 5), 0);
    for (uint32_t round = 2; round < 200; round++) {
        struct xesvm_pump_event event;

        fill_pages(memory, 64, round);
        CHECK_EQ(madvise(memory, 64 * PAGE, MADV_FREE), 0);
        fill_pages(memory, 64, round + 1);
        CHECK(xesvm_pump_take_events(f.pump, &event, 1) >= 0); /* waits until the change is processed */
        CHECK(pages_hold(memory, 64, round + 1));
    }
    client_release(memory, 64);
    fixture_close(&f);
}

static void mremap_in_place_shrinks_and_grows(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 64, 8);
    CHECK_EQ(migrate(&f, memory, 64, 0, 5), 0);
    CHECK(mremap(memory, 64 * PAGE, 32 * PAGE, 0) == memory);
    CHECK_EQ(next_event(&f, XESVM_EVENT_DISCARD).pages, 32);
    CHECK(mremap(memory, 32 * PAGE, 64 * PAGE, 0) == memory);
    /* The mapping is watched as a whole, so the new part is filled by the pump. */
    CHECK(pages_are_zero(memory + 32 * PAGE, 32));
    CHECK(pages_hold(memory, 32, 8));
    CHECK_EQ(counters_of(&f).zero_pages, 32);
    fill_pages(memory, 64, 9);
    CHECK_EQ(migrate(&f, memory, 64, 0, 6), 0);
    CHECK(pages_hold(memory, 64, 9));
    client_release(memory, 64);
    fixture_close(&f);
}

static void a_huge_unmap_finds_every_block(void)
{
    struct fixture f = fixture_open();
    /* More blocks than the table has buckets, a page migrated in a few of them. */
    uint32_t blocks = 6000;
    uint8_t *memory = mmap(NULL, (uint64_t)blocks * BLOCK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct xesvm_pump_event event;

    CHECK(memory != MAP_FAILED);
    for (uint32_t i = 0; i < 60; i++) {
        uint8_t *page = memory + (uint64_t)i * 100 * BLOCK;

        *page = 1;
        CHECK_EQ(migrate(&f, page, 1, i, i), 0);
    }
    CHECK_EQ(munmap(memory, (uint64_t)blocks * BLOCK), 0);
    for (uint32_t i = 0; i < 60; i++) {
        event = next_event(&f, XESVM_EVENT_DISCARD);
        CHECK_EQ(event.remaining, 0);
        CHECK_EQ(state_of(&f, memory + (uint64_t)i * 100 * BLOCK, 1), XESVM_PAGE_SYSTEM);
    }
    CHECK_EQ(counters_of(&f).pages_discarded, 60);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"munmap_discards_device_pages", munmap_discards_device_pages, TEST_BOTH},
    {"mmap_over_device_pages_discards_them", mmap_over_device_pages_discards_them, TEST_BOTH},
    {"madvise_dontneed_discards_device_pages", madvise_dontneed_discards_device_pages, TEST_BOTH},
    {"madvise_dontneed_drops_pages_that_are_at_home", madvise_dontneed_drops_pages_that_are_at_home, TEST_BOTH},
    {"dropping_isolated_pages_ends_the_isolation", dropping_isolated_pages_ends_the_isolation, TEST_BOTH},
    {"mremap_carries_content_along", mremap_carries_content_along, TEST_BOTH},
    {"mremap_to_another_place_in_the_block_carries_content_along",
     mremap_to_another_place_in_the_block_carries_content_along, TEST_BOTH},
    {"mremap_that_keeps_the_mapping_leaves_zeros_behind", mremap_that_keeps_the_mapping_leaves_zeros_behind, TEST_BOTH},
    {"mremap_after_mremap_carries_content_along", mremap_after_mremap_carries_content_along, TEST_BOTH},
    {"memory_written_after_madvise_free_keeps_its_content", memory_written_after_madvise_free_keeps_its_content, TEST_BOTH},
    {"mremap_in_place_shrinks_and_grows", mremap_in_place_shrinks_and_grows, TEST_BOTH},
    {"a_huge_unmap_finds_every_block", a_huge_unmap_finds_every_block, TEST_BOTH},
};

SUITE(change_suite, tests);

/* SPDX-License-Identifier: MIT
 *
 * GPU access to device pages.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

static void what_the_device_writes_the_cpu_reads(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    uint64_t va = address_of(memory) + 5 * PAGE + 24;
    uint64_t vram = address_of(f.vram) + 5 * PAGE + 24;
    uint64_t value = 0x1122334455667788;
    uint64_t back = 0;

    fill_pages(memory, 16, 1);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram, &value, 8), 0);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va + 8, vram + 8, &value, 4), 0);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, &back, 8), 0);
    CHECK_EQ(back, value);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_DEVICE);
    CHECK_EQ(*(uint64_t *)(void *)(memory + 5 * PAGE + 24), value);
    CHECK_EQ(*(uint32_t *)(void *)(memory + 5 * PAGE + 32), (uint32_t)value);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    client_release(memory, 16);
    fixture_close(&f);
}

static void bytes_of_any_length_are_copied(void)
{
    static const struct {
        uint32_t offset;
        uint32_t length;
    } pieces[] = {{0, PAGE}, {1, 7}, {PAGE - 1, 1}, {3, 8}, {2, 4}, {100, 1000}, {8, 16}};
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1);
    uint8_t expected[PAGE];
    uint8_t data[PAGE];

    fill_pages(memory, 1, 2);
    memcpy(expected, memory, PAGE);
    CHECK_EQ(migrate(&f, memory, 1, 3, 1), 0);
    for (uint32_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        uint64_t va = address_of(memory) + pieces[i].offset;
        uint64_t vram = address_of(f.vram) + 3 * PAGE + pieces[i].offset;

        CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, data, pieces[i].length), 0);
        CHECK_EQ(memcmp(data, expected + pieces[i].offset, pieces[i].length), 0);
        for (uint32_t byte = 0; byte < pieces[i].length; byte++)
            expected[pieces[i].offset + byte] = data[byte] = (uint8_t)(byte * 7 + i);
        CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram, data, pieces[i].length), 0);
    }
    CHECK_EQ(memcmp(memory, expected, PAGE), 0);
    client_release(memory, 1);
    fixture_close(&f);
}

static void adds_return_the_old_value(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1);
    uint64_t va = address_of(memory);
    uint64_t vram = address_of(f.vram);
    uint64_t old = 0;

    *(uint64_t *)(void *)memory = 0xfffffffe;
    CHECK_EQ(migrate(&f, memory, 1, 0, 1), 0);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va, vram, 3, 4, &old), 0);
    CHECK_EQ(old, 0xfffffffe);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va, vram, 1ull << 40, 8, &old), 0);
    CHECK_EQ(old, 1);
    CHECK_EQ(*(uint64_t *)(void *)memory, (1ull << 40) + 1);
    client_release(memory, 1);
    fixture_close(&f);
}

static void exchanges_write_only_what_is_expected(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1);
    uint64_t va = address_of(memory) + 8;
    uint64_t vram = address_of(f.vram) + 8;
    uint64_t old = 0;

    *(uint64_t *)(void *)(memory + 8) = 0x1100000005;
    CHECK_EQ(migrate(&f, memory, 1, 0, 1), 0);
    CHECK_EQ(xesvm_pump_device_compare_exchange(f.pump, va, vram, 4, 9, 4, &old), 0);
    CHECK_EQ(old, 5);
    CHECK_EQ(xesvm_pump_device_compare_exchange(f.pump, va, vram, 5, 6, 4, &old), 0);
    CHECK_EQ(old, 5);
    CHECK_EQ(xesvm_pump_device_compare_exchange(f.pump, va, vram, 0x1100000006, 7, 8, &old), 0);
    CHECK_EQ(old, 0x1100000006);
    CHECK_EQ(xesvm_pump_device_compare_exchange(f.pump, va, vram + 8, 7, 8, 8, &old), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_compare_exchange(f.pump, va + 2, vram + 2, 7, 8, 4, &old), -EINVAL);
    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, va, 7, 8, 8, &old), -EEXIST);
    CHECK_EQ(*(uint64_t *)(void *)(memory + 8), 7);
    client_release(memory, 1);
    fixture_close(&f);
}

static void exchanges_in_client_memory_leave_it_in_place(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(2);
    uint64_t va = address_of(memory) + PAGE - 8;
    uint64_t old = 0;

    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, va, 0, 1, 8, &old), -ENODATA);
    fill_pages(memory, 1, 3);
    *(uint64_t *)(void *)(memory + PAGE - 8) = 0x2200000001;
    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, va, 0x2200000001, 0xffffffffffffffff, 8, &old), 0);
    CHECK_EQ(old, 0x2200000001);
    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, va + 4, 1, 2, 4, &old), 0);
    CHECK_EQ(old, 0xffffffff);
    CHECK_EQ(state_of(&f, memory, 1), XESVM_PAGE_SYSTEM);
    CHECK_EQ(*(uint64_t *)(void *)(memory + PAGE - 8), 0xffffffffffffffff);
    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, va + 2, 1, 2, 4, &old), -EINVAL);
    CHECK_EQ(xesvm_pump_client_compare_exchange(f.pump, 0x1000, 1, 2, 4, &old), -EFAULT);
    client_release(memory, 2);
    fixture_close(&f);
}

#define EXCHANGES 2000

struct counting {
    uint64_t *word;
};

static void *count_on_the_cpu(void *argument)
{
    struct counting *counting = argument;

    for (uint32_t i = 0; i < EXCHANGES * 10; i++)
        atomic_fetch_add((_Atomic uint64_t *)counting->word, 1);
    return NULL;
}

static void exchanges_lose_no_update_of_the_cpu(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1);
    struct counting counting = {.word = (uint64_t *)(void *)memory};
    uint64_t expected = 0;
    pthread_t thread;

    *counting.word = 0;
    CHECK_EQ(pthread_create(&thread, NULL, count_on_the_cpu, &counting), 0);
    for (uint32_t done = 0; done < EXCHANGES;) {
        uint64_t old = 0;
        int32_t result =
            xesvm_pump_client_compare_exchange(f.pump, address_of(memory), expected, expected + 0x100000000, 8, &old);

        if (result == -EBUSY)
            continue;
        CHECK_EQ(result, 0);
        done += old == expected;
        expected = old;
    }
    pthread_join(thread, NULL);
    CHECK_EQ(*counting.word, EXCHANGES * 0x100000000ull + EXCHANGES * 10);
    client_release(memory, 1);
    fixture_close(&f);
}

static void access_to_pages_elsewhere_is_EAGAIN_and_changes_nothing(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    uint64_t va = address_of(memory);
    uint64_t vram = address_of(f.vram);
    struct xesvm_isolation isolation;
    uint64_t value = 42;
    uint8_t page[PAGE];

    fill_pages(memory, 16, 3);
    /* At home. */
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram, &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va, 16, &isolation), 0);
    /* Under way. */
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, isolation.staging, &value, 8), -EAGAIN);
    copy_isolation(&isolation, 16, f.vram);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, vram, 1), 0);
    /* On the device, but not there. */
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram + PAGE, &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram + 8, &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va + PAGE, vram, &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va + PAGE, vram, page, PAGE), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va, vram + 64, 1, 8, &value), -EAGAIN);
    CHECK_EQ(value, 42);
    CHECK(pages_hold(f.vram, 16, 3));
    CHECK(pages_hold(memory, 16, 3));
    /* At home again. */
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram, &value, 8), -EAGAIN);
    CHECK(pages_hold(memory, 16, 3));
    client_release(memory, 16);
    fixture_close(&f);
}

static void bad_accesses_are_EINVAL(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(2);
    uint64_t va = address_of(memory);
    uint64_t vram = address_of(f.vram);
    uint8_t data[2 * PAGE] = {0};
    uint64_t old;

    fill_pages(memory, 2, 4);
    CHECK_EQ(migrate(&f, memory, 2, 0, 1), 0);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va + PAGE - 4, vram + PAGE - 4, data, 8), -EINVAL);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, data, PAGE + 1), -EINVAL);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, data, UINT32_MAX), -EINVAL);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, data, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, vram, NULL, 4), -EINVAL);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va + 1, vram + 1, data, PAGE), -EINVAL);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, vram, NULL, 4), -EINVAL);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va + 2, vram + 2, 1, 4, &old), -EINVAL);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va, vram, 1, 2, &old), -EINVAL);
    CHECK_EQ(xesvm_pump_device_add(f.pump, va, vram, 1, 8, NULL), -EINVAL);
    CHECK(pages_hold(memory, 2, 4));
    client_release(memory, 2);
    fixture_close(&f);
}

static void source_and_destination_may_be_device_pages_themselves(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);

    fill_pages(memory, 32, 5);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(migrate(&f, memory + 16 * PAGE, 16, 16, 2), 0);
    /* From page 16, which comes home by being read, to page 1, which stays. */
    CHECK_EQ(xesvm_pump_device_write(f.pump, address_of(memory) + PAGE, address_of(f.vram) + PAGE, memory + 16 * PAGE, PAGE),
             0);
    CHECK_EQ(state_of(&f, memory + 16 * PAGE, 16), XESVM_PAGE_SYSTEM);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_DEVICE);
    /* From page 0 to page 2, which is of the same allocation: it comes home first, then the copy lands there. */
    CHECK_EQ(xesvm_pump_device_read(f.pump, address_of(memory), address_of(f.vram), memory + 2 * PAGE, PAGE), 0);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    CHECK_EQ(memcmp(memory + PAGE, memory + 16 * PAGE, PAGE), 0);
    CHECK_EQ(memcmp(memory + 2 * PAGE, memory, PAGE), 0);
    client_release(memory, 32);
    fixture_close(&f);
}

static void relocated_pages_keep_their_content_and_their_way_home(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    uint64_t va = address_of(memory);
    uint64_t from = address_of(f.vram);
    uint64_t to = address_of(f.vram) + 32 * PAGE;
    uint64_t value = 77;
    struct xesvm_pump_event event;

    fill_pages(memory, 16, 6);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 1), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 1), -EBUSY);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, from, &value, 8), -EAGAIN);
    memcpy(f.vram + 32 * PAGE, f.vram, 16 * PAGE);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 1, to, 2, 0), 0);
    memset(f.vram, 0, 16 * PAGE);
    CHECK_EQ(xesvm_pump_device_write(f.pump, va, from, &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, to, &value, 8), 0);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_DEVICE);
    CHECK(pages_hold(memory, 16, 6));
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.allocation, 2);
    CHECK_EQ(event.pages, 16);
    client_release(memory, 16);
    fixture_close(&f);
}

static void a_touch_of_the_cpu_wins_over_a_relocation(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    uint64_t va = address_of(memory);
    uint64_t from = address_of(f.vram);
    uint64_t back = 0;

    fill_pages(memory, 16, 7);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 1), 0);
    CHECK(pages_hold(memory, 16, 7));
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 1, from + 32 * PAGE, 2, 0), -EBUSY);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);

    /* Begun and given up: as if nothing had been. */
    CHECK_EQ(migrate(&f, memory, 16, 0, 3), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 3), 0);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 3, 0, 0, 0), 0);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, from, &back, 8), 0);
    CHECK(pages_hold(memory, 16, 7));
    client_release(memory, 16);
    fixture_close(&f);
}

static void only_whole_allocations_on_the_device_are_relocated(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);
    uint64_t va = address_of(memory);
    uint64_t from = address_of(f.vram);
    uint64_t value = 0;

    fill_pages(memory, 32, 8);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 1), -EBUSY);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 8, from, 1), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va + 8 * PAGE, 8, from + 8 * PAGE, 1), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 32, from, 1), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from + PAGE, 1), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 2), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 1, from + 64 * PAGE, 2, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va + 1, 16, from, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_relocate_begin(NULL, va, 16, from, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va + 1, 1, 0, 0, 0), -EINVAL);

    /* To memory that is no VRAM: refused, and open to the device as before. */
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 16, from, 1), 0);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 1, address_of(memory) + 16 * PAGE, 2, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va, from, &value, 8), 0);
    client_release(memory, 32);
    fixture_close(&f);
}

/* 48 pages: 8 in system memory, 16 of allocation 1, 8 the last 4 of which are holes, 16 of allocation 2. */
static void prepare_join(struct fixture *f, uint8_t *memory, uint64_t ids[2])
{
    struct xesvm_isolation isolation;
    uint64_t va = address_of(memory);

    fill_pages(memory, 28, 9);
    fill_pages(memory + 32 * PAGE, 16, 9);
    CHECK_EQ(migrate(f, memory + 8 * PAGE, 16, 0, 1), 0);
    CHECK_EQ(migrate(f, memory + 32 * PAGE, 16, 16, 2), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f->pump, va + 8 * PAGE, 16, address_of(f->vram), 1), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f->pump, va + 32 * PAGE, 16, address_of(f->vram) + 16 * PAGE, 2), 0);
    CHECK_EQ(xesvm_pump_isolate(f->pump, va, 8, &isolation), 0);
    copy_isolation(&isolation, 8, f->vram + 64 * PAGE);
    ids[0] = isolation.id;
    CHECK_EQ(xesvm_pump_isolate(f->pump, va + 24 * PAGE, 8, &isolation), 0);
    copy_isolation(&isolation, 8, f->vram + 88 * PAGE);
    ids[1] = isolation.id;
    memcpy(f->vram + 72 * PAGE, f->vram, 16 * PAGE);
    memcpy(f->vram + 96 * PAGE, f->vram + 16 * PAGE, 16 * PAGE);
}

static void joined_pages_are_of_one_allocation_and_come_home_together(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);
    uint64_t va = address_of(memory);
    uint64_t to = address_of(f.vram) + 64 * PAGE;
    uint64_t allocations[2] = {1, 2};
    uint64_t ids[2];
    uint64_t value = 0;
    struct xesvm_pump_event event;

    prepare_join(&f, memory, ids);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 2, allocations, 2, to, 3, 0), 0);
    memset(f.vram, 0, 32 * PAGE);
    CHECK_EQ(state_of(&f, memory, 48), XESVM_PAGE_DEVICE);
    CHECK_EQ(xesvm_pump_abort(f.pump, ids[0]), -ENOENT);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va + 8 * PAGE, address_of(f.vram), &value, 8), -EAGAIN);
    CHECK_EQ(xesvm_pump_device_read(f.pump, va + 8 * PAGE, to + 8 * PAGE, &value, 8), 0);
    CHECK_EQ(xesvm_pump_relocate_begin(f.pump, va, 48, to, 3), 0);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va, 3, 0, 0, 0), 0);
    CHECK(pages_hold(memory, 28, 9));
    CHECK(pages_are_zero(memory + 28 * PAGE, 4));
    CHECK(pages_hold(memory + 32 * PAGE, 16, 9));
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.allocation, 3);
    CHECK_EQ(event.pages, 48);
    CHECK_EQ(event.remaining, 0);
    client_release(memory, 48);
    fixture_close(&f);
}

static void a_join_that_is_not_complete_changes_nothing(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);
    uint64_t va = address_of(memory);
    uint64_t to = address_of(f.vram) + 64 * PAGE;
    uint64_t allocations[2] = {1, 2};
    uint64_t twice[2] = {1, 1};
    uint64_t ids[3];

    prepare_join(&f, memory, ids);
    ids[2] = 12345;
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 1, allocations, 2, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 3, allocations, 2, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 2, allocations, 1, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 40, ids, 2, allocations, 2, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_join(f.pump, va + 8 * PAGE, 40, ids, 2, allocations, 2, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 2, twice, 2, to, 3, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, NULL, 2, allocations, 2, to, 3, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 0, allocations, 0, to, 3, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, XESVM_JOIN_PARTS + 1, allocations, 2, to, 3, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 2, allocations, 2, va, 3, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_join(f.pump, va + 1, 48, ids, 2, allocations, 2, to, 3, 0), -EINVAL);

    /* One page of the first isolation, and with it all of it, has gone home. */
    CHECK(pages_hold(memory, 1, 9));
    CHECK_EQ(xesvm_pump_join(f.pump, va, 48, ids, 2, allocations, 2, to, 3, 0), -EBUSY);
    CHECK_EQ(xesvm_pump_abort(f.pump, ids[0]), 0);
    CHECK_EQ(xesvm_pump_abort(f.pump, ids[1]), 0);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va + 8 * PAGE, 1, 0, 0, 0), 0);
    CHECK_EQ(xesvm_pump_relocate_end(f.pump, va + 32 * PAGE, 2, 0, 0, 0), 0);
    CHECK_EQ(state_of(&f, memory, 8), XESVM_PAGE_SYSTEM);
    CHECK_EQ(state_of(&f, memory + 8 * PAGE, 16), XESVM_PAGE_DEVICE);
    CHECK(pages_hold(memory, 28, 9));
    CHECK(pages_hold(memory + 32 * PAGE, 16, 9));
    client_release(memory, 48);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"joined_pages_are_of_one_allocation_and_come_home_together", joined_pages_are_of_one_allocation_and_come_home_together,
     TEST_BOTH},
    {"a_join_that_is_not_complete_changes_nothing", a_join_that_is_not_complete_changes_nothing, TEST_BOTH},
    {"relocated_pages_keep_their_content_and_their_way_home", relocated_pages_keep_their_content_and_their_way_home, TEST_BOTH},
    {"a_touch_of_the_cpu_wins_over_a_relocation", a_touch_of_the_cpu_wins_over_a_relocation, TEST_BOTH},
    {"only_whole_allocations_on_the_device_are_relocated", only_whole_allocations_on_the_device_are_relocated, TEST_BOTH},
    {"what_the_device_writes_the_cpu_reads", what_the_device_writes_the_cpu_reads, TEST_BOTH},
    {"bytes_of_any_length_are_copied", bytes_of_any_length_are_copied, TEST_BOTH},
    {"adds_return_the_old_value", adds_return_the_old_value, TEST_BOTH},
    {"exchanges_write_only_what_is_expected", exchanges_write_only_what_is_expected, TEST_BOTH},
    {"exchanges_in_client_memory_leave_it_in_place", exchanges_in_client_memory_leave_it_in_place, TEST_BOTH},
    {"exchanges_lose_no_update_of_the_cpu", exchanges_lose_no_update_of_the_cpu, TEST_BOTH},
    {"access_to_pages_elsewhere_is_EAGAIN_and_changes_nothing", access_to_pages_elsewhere_is_EAGAIN_and_changes_nothing,
     TEST_BOTH},
    {"bad_accesses_are_EINVAL", bad_accesses_are_EINVAL, TEST_ONCE},
    {"source_and_destination_may_be_device_pages_themselves", source_and_destination_may_be_device_pages_themselves,
     TEST_BOTH},
};

SUITE(device_suite, tests);

/* SPDX-License-Identifier: MIT
 *
 * A pump, VRAM, and client memory for one test.
 */
#ifndef XESVM_TESTS_FIXTURE_H
#define XESVM_TESTS_FIXTURE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "test.h"
#include "xesvm_native.h"

#define PAGE XESVM_PAGE_SIZE
#define BLOCK XESVM_BLOCK_SIZE
#define VRAM_PAGES 8192u

struct fixture {
    xesvm_pump *pump;
    struct xesvm_pump_info info;
    uint8_t *vram;
};

/* Skips the test when this machine has no userfaultfd for it. */
struct fixture fixture_open(void);
void fixture_close(struct fixture *fixture);

/* Private anonymous memory that starts at a block, with nothing mapped behind it. */
uint8_t *client_memory(uint32_t pages);
void client_release(uint8_t *memory, uint32_t pages);
/* Page i is filled with a pattern of its own that depends on the seed; never zero. */
void fill_pages(uint8_t *memory, uint32_t pages, uint32_t seed);
/* Whether the pages still have it. The first that does not is named in a note. */
bool pages_hold(const uint8_t *memory, uint32_t pages, uint32_t seed);
bool pages_are_zero(const uint8_t *memory, uint32_t pages);

/* Copies what an isolation has to VRAM and clears the rest, as a copy engine would. */
void copy_isolation(const struct xesvm_isolation *isolation, uint32_t pages, uint8_t *vram);
/* isolate, copy, commit to page vram_page of VRAM. Returns what failed, or 0. */
int32_t migrate(struct fixture *fixture, const void *memory, uint32_t pages, uint32_t vram_page, uint64_t allocation);
/* The same, and the CPU gets none of the pages before the monotonic time given. */
int32_t migrate_until(struct fixture *fixture, const void *memory, uint32_t pages, uint32_t vram_page, uint64_t allocation,
                      uint64_t hold_until_ns);
/* The state of all pages if it is the same, else -1. */
int32_t state_of(struct fixture *fixture, const void *memory, uint32_t pages);
struct xesvm_pump_counters counters_of(struct fixture *fixture);
/* The next event of this type; others are skipped. Fails the test when none comes within ten seconds. */
struct xesvm_pump_event next_event(struct fixture *fixture, uint32_t type);

static inline uint64_t address_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * GPU access to pages on the device: under the bucket lock, so that it happens before the page goes home or not at all.
 */
#include "pump.h"
#include "word.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_ADD, ACCESS_COMPARE_EXCHANGE };

/* One access of 4 or 8 bytes to an aligned word, or of any length within a page by way of buffer. */
struct device_access {
    enum access access;
    uint32_t length;
    uint64_t value; /* in or out */
    uint64_t expected;
    uint8_t *buffer;
};

static bool is_in_page(uint64_t va, uint32_t length)
{
    return length > 0 && va % PAGE_BYTES + length <= PAGE_BYTES;
}

static void access_word32(uint64_t vram, struct device_access *access)
{
    _Atomic uint32_t *word = (_Atomic uint32_t *)(uintptr_t)vram;

    if (access->access == ACCESS_COMPARE_EXCHANGE)
        access->value = word_compare_exchange(vram, 4, access->expected, access->value);
    else if (access->access == ACCESS_READ)
        access->value = atomic_load_explicit(word, memory_order_relaxed);
    else if (access->access == ACCESS_WRITE)
        atomic_store_explicit(word, (uint32_t)access->value, memory_order_relaxed);
    else
        access->value = atomic_fetch_add_explicit(word, (uint32_t)access->value, memory_order_relaxed);
}

static void access_word64(uint64_t vram, struct device_access *access)
{
    _Atomic uint64_t *word = (_Atomic uint64_t *)(uintptr_t)vram;

    if (access->access == ACCESS_COMPARE_EXCHANGE)
        access->value = word_compare_exchange(vram, 8, access->expected, access->value);
    else if (access->access == ACCESS_READ)
        access->value = atomic_load_explicit(word, memory_order_relaxed);
    else if (access->access == ACCESS_WRITE)
        atomic_store_explicit(word, access->value, memory_order_relaxed);
    else
        access->value = atomic_fetch_add_explicit(word, access->value, memory_order_relaxed);
}

static void access_bytes(uint64_t vram, const struct device_access *access)
{
    uint8_t *device = (uint8_t *)(uintptr_t)vram;
    uint8_t *to = access->access == ACCESS_READ ? access->buffer : device;
    const uint8_t *from = access->access == ACCESS_READ ? device : access->buffer;

    uint32_t i = 0;

    /* Not memcpy() as a whole: libc may look at variables of its own, which are ordinary memory (pump.h, rule 3). */
    for (; i + 8 <= access->length; i += 8)
        __builtin_memcpy(to + i, from + i, 8);
    for (; i < access->length; i++)
        to[i] = from[i];
}

static void access_vram(uint64_t vram, struct device_access *access)
{
    if (access->buffer)
        access_bytes(vram, access);
    else if (access->length == 4)
        access_word32(vram, access);
    else
        access_word64(vram, access);
}

static int32_t access_locked(xesvm_pump *pump, struct bucket *bucket, uint64_t va, uint64_t vram, struct device_access *access)
{
    struct block *block;
    struct migration *migration;
    int32_t result = -EAGAIN;

    lock_acquire(&bucket->lock);
    block = table_find(bucket, va);
    migration = block ? block->page[block_page(va)] : NULL;
    if (migration && migration->phase == MIGRATION_DEVICE && !migration->moving &&
        migration->source + (va - atomic_load_explicit(&migration->va, memory_order_relaxed)) == vram) {
        access_vram(vram, access);
        result = 0;
    }
    release_bucket(pump, bucket);
    return result;
}

static int32_t access_device(xesvm_pump *pump, uint64_t va, uint64_t vram, struct device_access *access,
                             const void *export_frame)
{
    struct bucket *bucket = table_bucket(&pump->table, va);
    struct frame frame;
    int32_t result;

    frame_enter(pump, &frame, export_frame);
    settle_wait(pump);
    result = access_locked(pump, bucket, va, vram, access);
    frame_leave(&frame);
    return result;
}

/* The caller's memory may itself be missing: it is read before the lock is taken. */
static void copy_bytes(void *to, const void *from, uint32_t length)
{
    __builtin_memcpy(to, from, length);
}

static __attribute__((noinline)) int32_t read_bytes(xesvm_pump *pump, uint64_t va, uint64_t vram, void *destination,
                                                    uint32_t length)
{
    uint8_t buffer[XESVM_PAGE_SIZE];
    struct device_access access = {.access = ACCESS_READ, .length = length, .buffer = buffer};
    int32_t result = access_device(pump, va, vram, &access, __builtin_frame_address(0));

    if (result == 0)
        copy_bytes(destination, buffer, length);
    return result;
}

static __attribute__((noinline)) int32_t write_bytes(xesvm_pump *pump, uint64_t va, uint64_t vram, const void *source,
                                                     uint32_t length)
{
    uint8_t buffer[XESVM_PAGE_SIZE];
    struct device_access access = {.access = ACCESS_WRITE, .length = length, .buffer = buffer};

    copy_bytes(buffer, source, length);
    return access_device(pump, va, vram, &access, __builtin_frame_address(0));
}

int32_t xesvm_pump_device_read(xesvm_pump *pump, uint64_t va, uint64_t vram, void *destination, uint32_t length)
{
    struct device_access access = {.access = ACCESS_READ, .length = length};
    int32_t result;

    if (!pump || !destination || !is_in_page(va, length))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    if (!word_is(va, length) || !word_is(vram, length))
        return read_bytes(pump, va, vram, destination, length);
    result = access_device(pump, va, vram, &access, __builtin_frame_address(0));
    if (result == 0)
        copy_bytes(destination, &access.value, length);
    return result;
}

int32_t xesvm_pump_device_write(xesvm_pump *pump, uint64_t va, uint64_t vram, const void *source, uint32_t length)
{
    struct device_access access = {.access = ACCESS_WRITE, .length = length};

    if (!pump || !source || !is_in_page(va, length))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    if (!word_is(va, length) || !word_is(vram, length))
        return write_bytes(pump, va, vram, source, length);
    copy_bytes(&access.value, source, length);
    return access_device(pump, va, vram, &access, __builtin_frame_address(0));
}

int32_t xesvm_pump_device_add(xesvm_pump *pump, uint64_t va, uint64_t vram, uint64_t addend, uint32_t size, uint64_t *old)
{
    struct device_access access = {.access = ACCESS_ADD, .length = size, .value = addend};
    int32_t result;

    if (!pump || !old || !word_is(va, size) || !word_is(vram, size))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    result = access_device(pump, va, vram, &access, __builtin_frame_address(0));
    if (result == 0)
        *old = access.value;
    return result;
}

int32_t xesvm_pump_device_compare_exchange(xesvm_pump *pump, uint64_t va, uint64_t vram, uint64_t expected, uint64_t desired,
                                           uint32_t size, uint64_t *old)
{
    struct device_access access = {
        .access = ACCESS_COMPARE_EXCHANGE, .length = size, .value = desired, .expected = expected};
    int32_t result;

    if (!pump || !old || !word_is(va, size) || !word_is(vram, size))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    result = access_device(pump, va, vram, &access, __builtin_frame_address(0));
    if (result == 0)
        *old = access.value;
    return result;
}

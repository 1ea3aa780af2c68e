/* SPDX-License-Identifier: MIT
 *
 * What the device server asks of the pump: one function for each call of protocol.h. All numbers of a request are the server's and are
 * looked at before they are used.
 */
#include "service.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

#define NO_DEVICE UINT64_MAX

static uint64_t hold_until(uint64_t duration_ns)
{
    return duration_ns ? system_monotonic_ns() + duration_ns : 0;
}

/* Where length bytes of VRAM are in this process. */
static int32_t find_vram(uint64_t device, uint64_t offset, uint64_t length, uint64_t *address)
{
    const struct window *window = &service.windows[device < MOST_DEVICES ? device : 0];

    if (device >= MOST_DEVICES || offset > window->bytes || length > window->bytes - offset)
        return -EINVAL;
    *address = window->base + offset;
    return 0;
}

static int32_t take_vram(struct lane *lane)
{
    uint64_t device = lane->request.a;
    uint64_t bytes = lane->request.b;
    int64_t base;

    if (device >= MOST_DEVICES || service.windows[device].bytes || bytes == 0 || lane->descriptor < 0)
        return -EINVAL;
    base = system_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, (uint64_t)lane->descriptor, 0);
    if (base < 0 && base > -4096)
        return (int32_t)base;
    system_madvise((uint64_t)base, bytes, MADV_DONTFORK);
    service.windows[device] = (struct window){.base = (uint64_t)base, .bytes = bytes};
    return 0;
}

static uint64_t *place_of_isolation(uint64_t id)
{
    for (uint32_t i = 0; i < MOST_ISOLATIONS; i++) {
        if (service.isolations[i] == id)
            return &service.isolations[i];
    }
    return NULL;
}

static int32_t isolate(struct lane *lane)
{
    uint64_t *place = place_of_isolation(0);
    struct xesvm_isolation isolation;
    int32_t result;

    if (!place || lane->request.b > BLOCK_PAGES)
        return place ? -EINVAL : -EBUSY;
    result = xesvm_pump_isolate_held(service.pump, lane->request.a, (uint32_t)lane->request.b, hold_until(lane->request.c),
                                     &isolation);
    if (result < 0)
        return result;
    *place = isolation.id;
    lane->answer.values[0] = isolation.id;
    lane->answer.values[1] = isolation.staging;
    memcpy(&lane->answer.values[2], isolation.present, sizeof(isolation.present));
    return 0;
}

static void forget_isolation(uint64_t id)
{
    uint64_t *place = id ? place_of_isolation(id) : NULL;

    if (place)
        *place = 0;
}

static int32_t commit(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;
    int32_t result = find_vram(request->b, request->c, XESVM_PAGE_SIZE, &vram);

    if (result == 0)
        result = xesvm_pump_commit_held(service.pump, request->a, vram, request->d, hold_until(request->e));
    if (result == 0 || result == -EBUSY)
        forget_isolation(request->a);
    return result;
}

static int32_t abort_isolation(struct lane *lane)
{
    forget_isolation(lane->request.a);
    return xesvm_pump_abort(service.pump, lane->request.a);
}

static int32_t relocate_begin(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;

    if (request->e > BLOCK_PAGES || find_vram(request->b, request->c, request->e * XESVM_PAGE_SIZE, &vram) < 0)
        return -EINVAL;
    return xesvm_pump_relocate_begin(service.pump, request->a, (uint32_t)request->e, vram, request->d);
}

static int32_t relocate_end(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram = 0;

    if (request->b != NO_DEVICE && find_vram(request->b, request->c, XESVM_PAGE_SIZE, &vram) < 0)
        return -EINVAL;
    return xesvm_pump_relocate_end(service.pump, request->a, request->d, vram, request->f, hold_until(request->e));
}

static int32_t join(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint32_t pages = (uint32_t)(request->b & 0xffff);
    uint32_t isolations = (uint32_t)(request->b >> 16 & 0xffff);
    uint32_t allocations = (uint32_t)(request->b >> 32);
    uint64_t names[2 * XESVM_JOIN_PARTS];
    uint64_t vram;
    int32_t result;

    if (pages > BLOCK_PAGES || isolations > XESVM_JOIN_PARTS || allocations > XESVM_JOIN_PARTS ||
        lane->length != (isolations + allocations) * sizeof(names[0]) ||
        find_vram(request->c, request->d, pages * XESVM_PAGE_SIZE, &vram) < 0)
        return -EINVAL;
    memcpy(names, request->data, lane->length);
    result = xesvm_pump_join(service.pump, request->a, pages, names, isolations, names + isolations, allocations, vram, request->f,
                             hold_until(request->e));
    for (uint32_t i = 0; result == 0 && i < isolations; i++)
        forget_isolation(names[i]);
    return result;
}

static int32_t restore(struct lane *lane)
{
    if (lane->request.b > UINT32_MAX)
        return -EINVAL;
    return xesvm_pump_restore(service.pump, lane->request.a, (uint32_t)lane->request.b);
}

static int32_t populate(struct lane *lane)
{
    if (lane->request.b > UINT32_MAX)
        return -EINVAL;
    return xesvm_pump_populate(service.pump, lane->request.a, (uint32_t)lane->request.b, lane->request.c != 0);
}

static int32_t read_device(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;
    int32_t result;

    if (request->d > PROTOCOL_PUMP_DATA_BYTES || find_vram(request->b, request->c, request->d, &vram) < 0)
        return -EINVAL;
    result = xesvm_pump_device_read(service.pump, request->a, vram, lane->answer.data, (uint32_t)request->d);
    lane->answer_length = result == 0 ? (uint32_t)request->d : 0;
    return result;
}

static int32_t write_device(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;

    if (find_vram(request->b, request->c, lane->length, &vram) < 0)
        return -EINVAL;
    return xesvm_pump_device_write(service.pump, request->a, vram, request->data, lane->length);
}

static int32_t add_device(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;

    if (find_vram(request->b, request->c, sizeof(uint64_t), &vram) < 0)
        return -EINVAL;
    return xesvm_pump_device_add(service.pump, request->a, vram, request->d, (uint32_t)request->e, &lane->answer.values[0]);
}

static int32_t compare_exchange_device(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;
    uint64_t vram;

    if (find_vram(request->b, request->c, sizeof(uint32_t), &vram) < 0)
        return -EINVAL;
    return xesvm_pump_device_compare_exchange(service.pump, request->a, vram, request->d, request->e, (uint32_t)request->f,
                                              &lane->answer.values[0]);
}

static int32_t add_client(struct lane *lane)
{
    return xesvm_client_add32(lane->request.a, (int32_t)(int64_t)lane->request.d);
}

static int32_t compare_exchange_client(struct lane *lane)
{
    const struct protocol_pump_request *request = &lane->request;

    return xesvm_pump_client_compare_exchange(service.pump, request->a, request->d, request->e, (uint32_t)request->f,
                                              &lane->answer.values[0]);
}

static int32_t take_events(struct lane *lane)
{
    struct xesvm_pump_event *events = (struct xesvm_pump_event *)(void *)lane->answer.data;
    int32_t count = xesvm_pump_take_events(service.pump, events, PROTOCOL_PUMP_DATA_BYTES / sizeof(*events));

    lane->answer_length = count > 0 ? (uint32_t)count * (uint32_t)sizeof(*events) : 0;
    return count;
}

static int32_t read_counters(struct lane *lane)
{
    lane->answer_length = sizeof(struct xesvm_pump_counters);
    return xesvm_pump_read_counters(service.pump, (struct xesvm_pump_counters *)(void *)lane->answer.data);
}

static int32_t (*const handlers[PROTOCOL_PUMP_CALLS])(struct lane *lane) = {
    [PROTOCOL_PUMP_VRAM] = take_vram,
    [PROTOCOL_PUMP_ISOLATE] = isolate,
    [PROTOCOL_PUMP_COMMIT] = commit,
    [PROTOCOL_PUMP_ABORT] = abort_isolation,
    [PROTOCOL_PUMP_RELOCATE_BEGIN] = relocate_begin,
    [PROTOCOL_PUMP_RELOCATE_END] = relocate_end,
    [PROTOCOL_PUMP_RESTORE] = restore,
    [PROTOCOL_PUMP_POPULATE] = populate,
    [PROTOCOL_PUMP_READ] = read_device,
    [PROTOCOL_PUMP_WRITE] = write_device,
    [PROTOCOL_PUMP_ADD] = add_device,
    [PROTOCOL_PUMP_COMPARE_EXCHANGE] = compare_exchange_device,
    [PROTOCOL_PUMP_CLIENT_ADD] = add_client,
    [PROTOCOL_PUMP_CLIENT_COMPARE_EXCHANGE] = compare_exchange_client,
    [PROTOCOL_PUMP_TAKE_EVENTS] = take_events,
    [PROTOCOL_PUMP_COUNTERS] = read_counters,
    [PROTOCOL_PUMP_JOIN] = join,
};

int32_t service_call(struct lane *lane)
{
    uint32_t call = lane->request.call;

    return call < PROTOCOL_PUMP_CALLS && handlers[call] ? handlers[call](lane) : -EINVAL;
}

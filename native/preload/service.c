/* SPDX-License-Identifier: MIT
 *
 * The CPU-fault pump of a program that knows nothing of it, and its service to the device server. The pump resolves CPU faults by itself, in
 * this process: VRAM that holds pages of this process is memory which the server and this process share, so a fault asks nothing of the
 * server, and a server that dies takes no data along. What the server wants of the pump it asks over the lanes (protocol.h); when they
 * break, everything is brought home and the pump ends. Four threads: the pump's two, one for each lane, and one that tells the server of
 * events. All block all signals. A forked child has none of it, and gets its own when the server mirrors it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "client.h"
#include "preload.h"
#include "pump.h"

#define MOST_DEVICES 16u
#define MOST_ISOLATIONS 256u
#define REQUEST_HEAD offsetof(struct protocol_pump_request, data)
#define ANSWER_HEAD offsetof(struct protocol_pump_answer, data)
#define NO_DEVICE UINT64_MAX

struct window {
    uint64_t base;
    uint64_t bytes; /* 0: the server has not given it yet */
};

/* Used by one thread. */
struct lane {
    int32_t fd;
    struct pump_thread thread;
    struct protocol_pump_request request;
    uint32_t length; /* of the request's data */
    int32_t descriptor; /* that came with it, or -1 */
    struct protocol_pump_answer answer;
    uint32_t answer_length;
};

static struct service {
    _Atomic uint64_t space; /* the address space whose service this is, or was to be; 0: none */
    _Atomic uint64_t ready; /* the same while the pump is there */
    xesvm_pump *pump;
    struct window windows[MOST_DEVICES];     /* the prompt lane's */
    uint64_t isolations[MOST_ISOLATIONS];    /* the prompt lane's: open ones, 0 is a free place */
    struct lane lanes[PROTOCOL_LANES];
    struct pump_thread events;
    _Atomic uint32_t stop;
    _Atomic uint32_t users; /* threads of the program that use the pump */
    bool watches_forks;
} service;

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
};

static bool receive_request(struct lane *lane)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int32_t))];
    } control = {0};
    struct iovec part = {.iov_base = &lane->request, .iov_len = sizeof(lane->request)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int64_t received;

    do {
        received = system_call(SYS_recvmsg, (uint64_t)lane->fd, (uint64_t)(uintptr_t)&message, MSG_CMSG_CLOEXEC, 0, 0, 0);
    } while (received == -EINTR);
    lane->descriptor = -1;
    if (received > 0 && message.msg_controllen >= sizeof(struct cmsghdr) && control.header.cmsg_type == SCM_RIGHTS)
        lane->descriptor = *(int32_t *)(void *)CMSG_DATA(&control.header);
    if (received < (int64_t)REQUEST_HEAD || lane->request.magic != PROTOCOL_PUMP_REQUEST_MAGIC)
        return false;
    lane->length = (uint32_t)received - (uint32_t)REQUEST_HEAD;
    return true;
}

static bool answer_request(struct lane *lane)
{
    uint32_t call = lane->request.call;
    int64_t sent;

    lane->answer = (struct protocol_pump_answer){.magic = PROTOCOL_PUMP_ANSWER_MAGIC, .sequence = lane->request.sequence};
    lane->answer_length = 0;
    lane->answer.result = call < PROTOCOL_PUMP_CALLS && handlers[call] ? handlers[call](lane) : -EINVAL;
    do {
        sent = system_call(SYS_sendto, (uint64_t)lane->fd, (uint64_t)(uintptr_t)&lane->answer,
                           ANSWER_HEAD + lane->answer_length, MSG_NOSIGNAL, 0, 0);
    } while (sent == -EINTR);
    return sent > 0;
}

static void name_thread(const char *name)
{
    system_call(SYS_prctl, PR_SET_NAME, (uint64_t)(uintptr_t)name, 0, 0, 0, 0);
}

/* Until the lane breaks. */
static void serve(struct lane *lane)
{
    bool goes_on = true;

    while (goes_on) {
        goes_on = receive_request(lane) && answer_request(lane);
        if (lane->descriptor >= 0)
            system_close(lane->descriptor);
    }
}

static void break_lane(const struct lane *lane)
{
    system_call(SYS_shutdown, (uint64_t)lane->fd, SHUT_RDWR, 0, 0, 0, 0);
}

static void close_lanes(void)
{
    for (uint32_t i = 0; i < PROTOCOL_LANES; i++) {
        if (service.lanes[i].fd >= 0)
            system_close(service.lanes[i].fd);
        service.lanes[i].fd = -1;
    }
}

/* Content in staging and in VRAM goes home, and the pump ends. Nobody but this thread will use it any more. */
static void bring_home(void)
{
    while (atomic_load(&service.users) > 0)
        system_yield();
    for (uint32_t i = 0; i < MOST_ISOLATIONS; i++) {
        if (service.isolations[i])
            xesvm_pump_abort(service.pump, service.isolations[i]);
        service.isolations[i] = 0;
    }
    /* A way home that wants memory, or a fork that is under way: it will come to it. */
    for (uint32_t attempt = SYSTEM_EAGER_ATTEMPTS; xesvm_pump_destroy(service.pump) < 0; attempt++)
        system_rest(attempt);
    for (uint32_t i = 0; i < MOST_DEVICES; i++) {
        if (service.windows[i].bytes)
            system_munmap(service.windows[i].base, service.windows[i].bytes);
        service.windows[i] = (struct window){.bytes = 0};
    }
    close_lanes();
}

/* The prompt lane's thread outlives the others. */
static void *run_prompt(void *argument)
{
    struct lane *patient = &service.lanes[PROTOCOL_LANE_PATIENT];

    (void)argument;
    name_thread("xesvm-service");
    serve(&service.lanes[PROTOCOL_LANE_PROMPT]);
    atomic_store(&service.ready, 0);
    atomic_store(&service.stop, 1);
    break_lane(patient);
    xesvm_pump_wake(service.pump);
    thread_join(&patient->thread);
    thread_join(&service.events);
    bring_home();
    atomic_store(&service.space, 0);
    return NULL;
}

static void *run_patient(void *argument)
{
    (void)argument;
    name_thread("xesvm-patient");
    serve(&service.lanes[PROTOCOL_LANE_PATIENT]);
    break_lane(&service.lanes[PROTOCOL_LANE_PROMPT]);
    return NULL;
}

/* The server takes the events itself; it only has to know that there are any. */
static void *run_events(void *argument)
{
    (void)argument;
    name_thread("xesvm-events");
    while (!atomic_load(&service.stop)) {
        struct protocol_request request = {.call = PROTOCOL_SETTLE};
        int32_t descriptor;

        if (xesvm_pump_wait(service.pump, -1) == 0)
            continue;
        if (server_call(&request, &descriptor) < 0)
            break;
        if (descriptor >= 0)
            system_close(descriptor);
    }
    return NULL;
}

static int32_t open_lane(uint32_t index, uint32_t mode)
{
    struct lane *lane = &service.lanes[index];
    struct protocol_card card;
    struct protocol_hello hello = {.magic = PROTOCOL_HELLO_MAGIC,
                                   .version = PROTOCOL_VERSION,
                                   .kind = PROTOCOL_KIND_PUMP,
                                   .minor = index | mode << 8,
                                   .address_space = address_space()};

    int32_t fd = server_connect(&hello, true, &card);

    lane->fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

/* The server shall know why there is no pump. */
static void report_failure(int32_t error)
{
    struct protocol_card card;
    struct protocol_hello hello = {.magic = PROTOCOL_HELLO_MAGIC,
                                   .version = PROTOCOL_VERSION,
                                   .kind = PROTOCOL_KIND_PUMP,
                                   .minor = (uint32_t)-error << 16,
                                   .address_space = address_space()};
    int32_t fd = server_connect(&hello, true, &card);

    if (fd >= 0)
        system_close(fd);
}

static int32_t open_lanes(uint32_t mode)
{
    int32_t result = open_lane(PROTOCOL_LANE_PROMPT, mode);

    return result < 0 ? result : open_lane(PROTOCOL_LANE_PATIENT, mode);
}

/* With lanes and pump there. The prompt lane's thread comes last, as it ends everything. */
static int32_t start_threads(void)
{
    int32_t result = thread_spawn(service.pump, &service.lanes[PROTOCOL_LANE_PATIENT].thread, run_patient);

    if (result < 0)
        return result;
    result = thread_spawn(service.pump, &service.events, run_events);
    if (result == 0) {
        result = thread_spawn(service.pump, &service.lanes[PROTOCOL_LANE_PROMPT].thread, run_prompt);
        if (result == 0)
            return 0;
        atomic_store(&service.stop, 1);
        xesvm_pump_wake(service.pump);
        thread_join(&service.events);
    }
    break_lane(&service.lanes[PROTOCOL_LANE_PATIENT]);
    thread_join(&service.lanes[PROTOCOL_LANE_PATIENT].thread);
    return result;
}

/* The lanes are the parent's: a child that kept them open would keep its parent's end from being seen. */
static void leave_to_parent(void)
{
    service.lanes[PROTOCOL_LANE_PROMPT].thread.stack = 0;
    if (atomic_load(&service.space) == 0)
        return;
    close_lanes();
    memset(service.windows, 0, sizeof(service.windows));
    memset(service.isolations, 0, sizeof(service.isolations));
    atomic_store(&service.users, 0);
    atomic_store(&service.ready, 0);
    atomic_store(&service.space, 0);
}

/* A program that ends has its last CPU faults counted. */
__attribute__((destructor)) static void settle_at_exit(void)
{
    struct protocol_request request = {.call = PROTOCOL_SETTLE};
    int32_t descriptor;

    if (atomic_load(&service.ready) != address_space())
        return;
    server_call(&request, &descriptor);
    if (descriptor >= 0)
        system_close(descriptor);
}

static int32_t start(uint32_t flags)
{
    struct xesvm_pump_info info;
    uint32_t user_mode = flags & PROTOCOL_USER_MODE ? XESVM_PUMP_USER_MODE_ONLY : 0;
    int32_t result;

    if (!&pthread_create || !&pthread_join)
        return -ENOSYS; /* a program without libpthread, and a C library from before 2.34 */
    for (uint32_t i = 0; i < PROTOCOL_LANES; i++)
        service.lanes[i].fd = -1;
    if (!service.watches_forks)
        service.watches_forks = pthread_atfork(NULL, NULL, leave_to_parent) == 0;
    if (!service.watches_forks)
        return -ENOMEM;
    thread_join(&service.lanes[PROTOCOL_LANE_PROMPT].thread); /* of a service that has ended */
    result = xesvm_pump_create(XESVM_PUMP_HIGH_DESCRIPTORS | user_mode, &service.pump, &info);
    if (result < 0)
        return result;
    atomic_store(&service.stop, 0);
    result = open_lanes(info.mode);
    if (result == 0) {
        result = start_threads();
        if (result == 0) {
            atomic_store(&service.ready, address_space());
            return 0;
        }
    }
    close_lanes();
    while (xesvm_pump_destroy(service.pump) < 0)
        system_yield();
    return result;
}

/* No handler of a signal, which may leave by longjmp, while something is half done. */
static uint64_t block_signals(void)
{
    uint64_t all = ~(uint64_t)0;
    uint64_t before;

    system_call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (uint64_t)(uintptr_t)&all, (uint64_t)(uintptr_t)&before, sizeof(all), 0, 0);
    return before;
}

static void restore_signals(uint64_t before)
{
    system_call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (uint64_t)(uintptr_t)&before, 0, sizeof(before), 0, 0);
}

void service_start(uint32_t flags)
{
    uint64_t space = address_space();
    uint64_t none = 0;
    uint64_t signals = block_signals();

    if (atomic_compare_exchange_strong(&service.space, &none, space)) {
        int32_t result = start(flags);

        if (result < 0)
            report_failure(result); /* and it is not tried again */
    }
    restore_signals(signals);
}

void service_join(uint64_t start, uint64_t end)
{
    uint64_t signals;

    if (atomic_load(&service.ready) != address_space() || end <= start)
        return;
    signals = block_signals();
    atomic_fetch_add(&service.users, 1);
    if (atomic_load(&service.stop) == 0)
        client_join(service.pump, start, end);
    atomic_fetch_sub(&service.users, 1);
    restore_signals(signals);
}

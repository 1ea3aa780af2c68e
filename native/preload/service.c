/* SPDX-License-Identifier: MIT
 *
 * The CPU-fault pump of a program that knows nothing of it, and its service to the device server. The pump resolves CPU faults by itself, in
 * this process: VRAM that holds pages of this process is memory which the server and this process share, so a fault asks nothing of the
 * server, and a server that dies takes no data along. What the server wants of the pump it asks over the lanes (protocol.h); when they
 * break, everything is brought home and the pump ends. Five threads: the pump's two, one for each lane, and one that tells the server of
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
#include "service.h"

#define REQUEST_HEAD offsetof(struct protocol_pump_request, data)
#define ANSWER_HEAD offsetof(struct protocol_pump_answer, data)

struct service service;

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
    int64_t sent;

    lane->answer = (struct protocol_pump_answer){.magic = PROTOCOL_PUMP_ANSWER_MAGIC, .sequence = lane->request.sequence};
    lane->answer_length = 0;
    lane->answer.result = service_call(lane);
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

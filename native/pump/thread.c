/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "pump.h"
#include "system.h"

#define STACK_BYTES (512u << 10) /* with the static thread-local storage of the whole process */
#define READ_AT_ONCE 16u
#define FIRST_CAPACITY 1024u
#define SLICE_NS 100000u

enum { POLL_CLIENT, POLL_STAGING, POLL_POKE, POLL_COUNT };

static uint64_t backlog_bytes(uint32_t capacity)
{
    return (uint64_t)capacity * sizeof(struct message);
}

static bool backlog_reserve(struct backlog *backlog, uint32_t more)
{
    uint32_t capacity = backlog->capacity ? backlog->capacity * 2 : FIRST_CAPACITY;
    struct message *messages;

    if (backlog->count + more <= backlog->capacity)
        return true;
    messages = shared_map(backlog_bytes(capacity));
    if (!messages)
        return false;
    for (uint32_t i = 0; i < backlog->count; i++)
        messages[i] = backlog->messages[i];
    shared_unmap(backlog->messages, backlog_bytes(backlog->capacity));
    backlog->messages = messages;
    backlog->capacity = capacity;
    return true;
}

/* Adds a message to those that wait for a quiet moment, once: what serves the first one of a thread serves the second. Threads that are
 * woken in vain fault again, so the backlog would grow for as long as that moment does not come. */
static void add_fault(struct backlog *faults, const struct message *message)
{
    for (uint32_t i = 0; i < faults->count; i++) {
        struct message *other = &faults->messages[i];

        if (other->event != message->event || other->start != message->start || other->end != message->end ||
            other->thread != message->thread)
            continue;
        other->sequence = message->sequence;
        return;
    }
    faults->messages[faults->count++] = *message;
}

static void enqueue(xesvm_pump *pump, const struct uffd_msg *from, uint64_t begin_ns)
{
    struct fault_thread *thread = &pump->thread;
    struct message message = {.event = from->event, .begin_ns = begin_ns};

    switch (from->event) {
    case UFFD_EVENT_PAGEFAULT:
        message.start = from->arg.pagefault.address & ~(PAGE_BYTES - 1);
        message.thread = from->arg.pagefault.feat.ptid;
        message.sequence = ++thread->sequence;
        count(&pump->counters.cpu_faults, 1);
        add_fault(&thread->faults, &message);
        return;
    case UFFD_EVENT_REMOVE:
    case UFFD_EVENT_UNMAP:
        message.start = from->arg.remove.start;
        message.end = from->arg.remove.end;
        break;
    case UFFD_EVENT_REMAP:
        message.start = from->arg.remap.from;
        message.end = from->arg.remap.from + from->arg.remap.len;
        message.to = from->arg.remap.to;
        atomic_store(&pump->settle.remapped, 1);
        break;
    default:
        return;
    }
    thread->changes.messages[thread->changes.count++] = message;
}

/* 0; -EBUSY: not before the poke of whoever is inside; -ENOMEM. */
static int32_t read_messages(xesvm_pump *pump)
{
    struct uffd_msg messages[READ_AT_ONCE];
    uint64_t begin_ns;
    int64_t bytes;

    if (!backlog_reserve(&pump->thread.changes, READ_AT_ONCE) || !backlog_reserve(&pump->thread.faults, READ_AT_ONCE))
        return -ENOMEM;
    if (!settle_close(&pump->settle))
        return -EBUSY;
    bytes = system_read(pump->client_fd, messages, sizeof(messages));
    begin_ns = system_monotonic_ns();
    for (int64_t i = 0; i < bytes / (int64_t)sizeof(messages[0]); i++)
        enqueue(pump, &messages[i], begin_ns);
    return 0;
}

bool thread_promote_change(xesvm_pump *pump, const struct message *change, uint64_t va)
{
    struct message *first = &pump->thread.changes.messages[change - pump->thread.changes.messages];
    struct message *end = pump->thread.changes.messages + pump->thread.changes.count;
    struct message promoted;

    for (struct message *later = first + 1; later < end; later++) {
        if (later->event == UFFD_EVENT_REMOVE || va < later->start || va >= later->end)
            continue;
        promoted = *later;
        for (; later > first; later--)
            *later = later[-1];
        *first = promoted;
        return true;
    }
    return false;
}

bool thread_is_newest(const xesvm_pump *pump, const struct message *fault)
{
    const struct backlog *faults = &pump->thread.faults;

    for (uint32_t i = 0; i < faults->count; i++) {
        if (faults->messages[i].thread == fault->thread && faults->messages[i].sequence > fault->sequence)
            return false;
    }
    return true;
}

bool thread_reserve_homeward(xesvm_pump *pump)
{
    return backlog_reserve(&pump->thread.faults, 1);
}

void thread_send_homeward(xesvm_pump *pump, uint64_t start, uint64_t end)
{
    struct message message = {
        .event = MESSAGE_HOMEWARD,
        .start = start,
        .end = end,
        .begin_ns = system_monotonic_ns(),
    };

    add_fault(&pump->thread.faults, &message);
}

/* In order. 0 when all are done, else why the first one is not. */
static int32_t work_on_changes(xesvm_pump *pump)
{
    struct backlog *backlog = &pump->thread.changes;
    uint32_t done = 0;
    int32_t result = 0;

    while (done < backlog->count && result == 0) {
        result = change_apply(pump, &backlog->messages[done]);
        done += result == 0;
        if (result == -EINPROGRESS)
            result = 0;
    }
    for (uint32_t i = done; i < backlog->count; i++)
        backlog->messages[i - done] = backlog->messages[i];
    backlog->count -= done;
    return result;
}

static int32_t work_on_fault(xesvm_pump *pump, const struct message *message, uint64_t *held_until_ns)
{
    uint64_t until_ns = 0;
    int32_t result = message->event == MESSAGE_HOMEWARD ? fault_send_home(pump, message)
                                                        : fault_resolve(pump, message, &until_ns);

    if (result == -ETIME && (*held_until_ns == 0 || until_ns < *held_until_ns))
        *held_until_ns = until_ns;
    return result;
}

/* 0 when none is left but what a poke or the time *held_until_ns will bring back (0: no time), else why. After EAGAIN the others would get
 * the same: the one it met goes to the end, so that each has its turn. */
static int32_t work_on_faults(xesvm_pump *pump, uint64_t *held_until_ns)
{
    struct backlog *backlog = &pump->thread.faults;
    struct message refused = {.begin_ns = 0};
    uint32_t count = backlog->count;
    uint32_t kept = 0;
    int32_t result = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct message message = backlog->messages[i];
        int32_t one = result == -EAGAIN ? -EBUSY : work_on_fault(pump, &message, held_until_ns);

        if (one == -EAGAIN)
            refused = message;
        else if (one != 0)
            backlog->messages[kept++] = message;
        if (one != 0 && one != -EBUSY && one != -ETIME)
            result = one;
    }
    if (result == -EAGAIN)
        backlog->messages[kept++] = refused;
    backlog->count = kept;
    if (kept < count)
        pump->thread.retries = 0;
    return result;
}

/* A caller touched a staging page that is a hole: it reads as zeros, as the caller should have known. */
static void work_on_staging(xesvm_pump *pump)
{
    struct uffd_msg message;

    while (system_read(pump->staging_fd, &message, sizeof(message)) == sizeof(message)) {
        uint64_t page = message.arg.pagefault.address & ~(PAGE_BYTES - 1);
        uint64_t done = 0;

        if (message.event == UFFD_EVENT_PAGEFAULT && uffd_zero(pump->staging_fd, page, PAGE_BYTES, &done) != 0)
            uffd_wake(pump->staging_fd, page, PAGE_BYTES);
    }
}

/* What a round of work has left behind. */
struct left {
    bool unread; /* messages that may not be read yet: a poke will come */
    bool retry;  /* something that no message and no poke will announce */
    uint64_t held_until_ns; /* monotonic: when a fault may be resolved that may not yet; 0: there is none */
};

static struct left work(xesvm_pump *pump, const struct pollfd *polled)
{
    int32_t reading = polled[POLL_CLIENT].revents || pump->thread.unread ? read_messages(pump) : 0;
    int32_t changes = work_on_changes(pump);
    uint64_t held_until_ns = 0;
    int32_t faults = 0;

    if (changes == 0) {
        if (reading != -EBUSY)
            settle_open(&pump->settle);
        faults = work_on_faults(pump, &held_until_ns);
    }
    if (polled[POLL_STAGING].revents)
        work_on_staging(pump);
    return (struct left){
        .unread = reading == -EBUSY,
        .retry = (changes != 0 && changes != -EBUSY) || faults != 0 || reading == -ENOMEM,
        .held_until_ns = held_until_ns,
    };
}

/* How long to wait for messages and pokes at most; false: there is no limit. */
static bool limit_of(xesvm_pump *pump, const struct left *left, struct timespec *limit)
{
    uint64_t now_ns = left->held_until_ns ? system_monotonic_ns() : 0;
    uint64_t pause_ns = left->held_until_ns > now_ns ? left->held_until_ns - now_ns : 0;

    if (left->retry) {
        uint64_t rest_ns = system_rest_ns(pump->thread.retries++);

        if (rest_ns == 0)
            system_yield();
        if (!left->held_until_ns || rest_ns < pause_ns)
            pause_ns = rest_ns;
    }
    limit->tv_sec = (time_t)(pause_ns / 1000000000u);
    limit->tv_nsec = (long)(pause_ns % 1000000000u);
    return left->retry || left->held_until_ns;
}

static void wait_for_work(xesvm_pump *pump, struct pollfd *polled, struct left left)
{
    struct timespec limit;
    bool limited = limit_of(pump, &left, &limit);
    uint64_t pokes;

    pump->thread.unread = left.unread;
    polled[POLL_CLIENT].fd = left.unread ? -1 : pump->client_fd;
    system_call(SYS_ppoll, (uint64_t)(uintptr_t)polled, POLL_COUNT, (uint64_t)(uintptr_t)(limited ? &limit : NULL), 0, 0, 0);
    if (polled[POLL_POKE].revents)
        system_read(pump->poke_fd, &pokes, sizeof(pokes));
}

/* struct sched_attr of include/uapi/linux/sched/types.h, as far as every kernel has it. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

/* The thread runs shortly, and others wait for it: a short slice (Linux 6.12) lets it have the processor soon, and timers without slack
 * let its pauses be as short as they are meant. Where the kernel knows neither all is well, but slower. */
static void run_promptly(void)
{
    struct scheduling scheduling = {.size = sizeof(scheduling)};
    uint64_t address = (uint64_t)(uintptr_t)&scheduling;

    if (system_call(SYS_sched_getattr, 0, address, sizeof(scheduling), 0, 0, 0) == 0 && scheduling.policy == SCHED_OTHER) {
        scheduling.runtime = SLICE_NS;
        system_call(SYS_sched_setattr, 0, address, 0, 0, 0, 0);
    }
    system_call(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0, 0, 0);
}

static void *run(void *argument)
{
    xesvm_pump *pump = argument;
    struct pollfd polled[POLL_COUNT] = {
        [POLL_CLIENT] = {.fd = pump->client_fd, .events = POLLIN},
        [POLL_STAGING] = {.fd = pump->staging_fd, .events = POLLIN},
        [POLL_POKE] = {.fd = pump->poke_fd, .events = POLLIN},
    };
    struct left left = {.unread = false};

    system_call(SYS_prctl, PR_SET_NAME, (uint64_t)(uintptr_t) "xesvm-pump", 0, 0, 0, 0);
    run_promptly();
    while (!atomic_load(&pump->thread.stop)) {
        wait_for_work(pump, polled, left);
        left = work(pump, polled);
    }
    return NULL;
}

/* A thread's stack, with its control block and thread-local storage, is not shared memory like the rest of the pump: glibc links
 * the control blocks of threads, and a forked child, which relinks its own, would write into ours. So isolate has to refuse it. What
 * surrounds it cannot be read, so that it never becomes part of a mapping of the client's, which could then not be isolated as a whole. */
static int64_t make_stack(xesvm_pump *pump)
{
    int64_t address = system_mmap(STACK_BYTES + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK);
    uint64_t stack = (uint64_t)address + PAGE_BYTES;
    int32_t result;

    if (address < 0 && address > -4096)
        return address;
    result = system_mprotect(stack, STACK_BYTES, PROT_READ | PROT_WRITE);
    if (result == 0 && !frame_keep(&pump->frames, stack, STACK_BYTES))
        result = -ENOMEM;
    if (result == 0)
        return (int64_t)stack;
    system_munmap((uint64_t)address, STACK_BYTES + 2 * PAGE_BYTES);
    return result;
}

static void release_stack(uint64_t stack)
{
    system_munmap(stack - PAGE_BYTES, STACK_BYTES + 2 * PAGE_BYTES);
}

static int32_t create_thread(xesvm_pump *pump, struct pump_thread *thread, void *(*run_it)(void *))
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    error = pthread_attr_setstack(&attributes, (void *)(uintptr_t)thread->stack, STACK_BYTES);
    if (!error) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
        error = pthread_create(&thread->thread, &attributes, run_it, pump);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return -error;
}

int32_t thread_spawn(xesvm_pump *pump, struct pump_thread *thread, void *(*run_it)(void *pump))
{
    int64_t stack = make_stack(pump);
    int32_t result;

    thread->stack = 0;
    if (stack < 0)
        return (int32_t)stack;
    thread->stack = (uint64_t)stack;
    result = create_thread(pump, thread, run_it);
    if (result < 0) {
        release_stack(thread->stack);
        thread->stack = 0;
    }
    return result;
}

void thread_join(struct pump_thread *thread)
{
    if (thread->stack == 0)
        return;
    pthread_join(thread->thread, NULL);
    release_stack(thread->stack);
    thread->stack = 0;
}

int32_t thread_start(xesvm_pump *pump)
{
    struct fault_thread *thread = &pump->thread;

    if (!backlog_reserve(&thread->changes, 1) || !backlog_reserve(&thread->faults, 1))
        return -ENOMEM;
    return thread_spawn(pump, &thread->thread, run);
}

void thread_stop(xesvm_pump *pump)
{
    struct fault_thread *thread = &pump->thread;

    atomic_store(&thread->stop, 1);
    thread_poke(pump);
    thread_join(&thread->thread);
    shared_unmap(thread->changes.messages, backlog_bytes(thread->changes.capacity));
    shared_unmap(thread->faults.messages, backlog_bytes(thread->faults.capacity));
}

void thread_poke(xesvm_pump *pump)
{
    uint64_t one = 1;

    system_write(pump->poke_fd, &one, sizeof(one));
}

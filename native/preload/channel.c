/* SPDX-License-Identifier: MIT
 *
 * Calls. A thread takes an idle channel for the time of one call, or makes one: there are as many as calls have been under way at once. The
 * idle ones are in a table of atomic words, so there is no lock, and a forked child tells its own from its parent's by the process id
 * that is beside the descriptor.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "preload.h"

#define IDLE_CHANNELS 128u

#define BEING_FILLED UINT64_MAX

/* Process id in the upper half, descriptor + 1 in the lower. 0: nothing. */
static _Atomic uint64_t idle[IDLE_CHANNELS];
static _Atomic uint64_t idle_inode[IDLE_CHANNELS];
static _Atomic uint64_t this_space;
static _Atomic uint64_t mirrored_space;
static _Atomic uint64_t last_sequence;
static _Atomic uint32_t devices;

struct channel {
    int32_t fd;
    uint64_t inode; /* of the socket: a program may close what it did not open, and the number be another file's */
};

static uint64_t process_id(void)
{
    return (uint64_t)system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

uint64_t address_space(void)
{
    uint64_t known = atomic_load_explicit(&this_space, memory_order_acquire);
    uint64_t process = process_id();
    uint32_t random = 0;

    if (known >> 32 == process)
        return known;
    if (system_call(SYS_getrandom, (uint64_t)(uintptr_t)&random, sizeof(random), GRND_NONBLOCK, 0, 0, 0) !=
        sizeof(random))
        random = (uint32_t)system_monotonic_ns();
    if (atomic_compare_exchange_strong(&this_space, &known, process << 32 | random))
        return process << 32 | random;
    return known;
}

bool is_mirrored(void)
{
    uint64_t mirrored = atomic_load_explicit(&mirrored_space, memory_order_acquire);

    return mirrored && mirrored == address_space();
}

static uint64_t inode_of(int32_t fd)
{
    struct stat status;

    if (system_call(SYS_fstat, (uint64_t)fd, (uint64_t)(uintptr_t)&status, 0, 0, 0, 0) != 0)
        return 0;
    return S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

static int32_t new_channel(struct channel *channel)
{
    struct protocol_card card;
    struct protocol_hello hello = {.magic = PROTOCOL_HELLO_MAGIC,
                                   .version = PROTOCOL_VERSION,
                                   .kind = PROTOCOL_KIND_CHANNEL,
                                   .address_space = address_space()};

    channel->fd = server_connect(&hello, true, &card);
    if (channel->fd < 0)
        return -ENODEV;
    atomic_store_explicit(&devices, card.minor, memory_order_relaxed);
    channel->inode = inode_of(channel->fd);
    return 0;
}

static int32_t take_channel(struct channel *channel)
{
    uint64_t process = process_id();

    for (uint32_t i = 0; i < IDLE_CHANNELS; i++) {
        uint64_t word = atomic_load_explicit(&idle[i], memory_order_relaxed);

        if (word == 0 || word == BEING_FILLED)
            continue;
        channel->inode = atomic_load_explicit(&idle_inode[i], memory_order_acquire);
        if (!atomic_compare_exchange_strong(&idle[i], &word, 0))
            continue;
        channel->fd = (int32_t)(uint32_t)word - 1;
        if (inode_of(channel->fd) != channel->inode)
            continue; /* not ours any more: closed behind our back */
        if (word >> 32 == process)
            return 0;
        system_close(channel->fd); /* of the process that this one was forked from */
    }
    return new_channel(channel);
}

static void give_back(const struct channel *channel)
{
    uint64_t word = process_id() << 32 | (uint32_t)(channel->fd + 1);

    for (uint32_t i = 0; i < IDLE_CHANNELS; i++) {
        uint64_t empty = 0;

        if (atomic_load_explicit(&idle[i], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&idle[i], &empty, BEING_FILLED)) {
            atomic_store_explicit(&idle_inode[i], channel->inode, memory_order_release);
            atomic_store_explicit(&idle[i], word, memory_order_release);
            return;
        }
    }
    system_close(channel->fd);
}

static bool send_request(int32_t fd, const struct protocol_request *request)
{
    int64_t sent;

    do {
        sent = system_call(SYS_sendto, (uint64_t)fd, (uint64_t)(uintptr_t)request, sizeof(*request), MSG_NOSIGNAL, 0, 0);
    } while (sent == -EINTR);
    return sent == sizeof(*request);
}

/* While answers come soon, a sleeping thread would be woken too late: then the thread looks for the answer before it sleeps. A look in vain
 * must be earned back by twice as many short waits. Numbers that a fork or a longjmp leaves as they are: any value will do. */
#define LOOK_NS 50000u
#define SHORT_NS 200000u /* a sleep up to this length: most of it is the time that waking up takes */
#define MOST_NEEDED 64u

static _Atomic uint32_t needed_waits = 1;
static _Atomic uint32_t short_waits;

static int64_t receive_message(int32_t fd, struct msghdr *message, int flags)
{
    int64_t received;

    /* A signal handler has run when this is interrupted, and the call goes on, as with SA_RESTART. */
    do {
        received = system_call(SYS_recvmsg, (uint64_t)fd, (uint64_t)(uintptr_t)message, (uint64_t)flags, 0, 0, 0);
    } while (received == -EINTR);
    return received;
}

static int64_t wait_for_message(int32_t fd, struct msghdr *message)
{
    uint64_t start = system_monotonic_ns();
    uint32_t needed = atomic_load_explicit(&needed_waits, memory_order_relaxed);
    uint32_t waits = atomic_load_explicit(&short_waits, memory_order_relaxed);
    int64_t received;

    if (waits >= needed) {
        do {
            received = receive_message(fd, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        } while (received == -EAGAIN && system_monotonic_ns() - start < LOOK_NS);
        if (received != -EAGAIN) {
            if (needed > 1)
                atomic_store_explicit(&needed_waits, needed / 2, memory_order_relaxed);
            return received;
        }
        waits = 0;
        atomic_store_explicit(&needed_waits, needed < MOST_NEEDED ? needed * 2 : needed, memory_order_relaxed);
    }
    received = receive_message(fd, message, MSG_CMSG_CLOEXEC);
    if (system_monotonic_ns() - start > SHORT_NS)
        waits = 0;
    else if (waits < MOST_NEEDED)
        waits++;
    atomic_store_explicit(&short_waits, waits, memory_order_relaxed);
    return received;
}

static bool receive_answer(int32_t fd, struct protocol_answer *answer, int32_t *descriptor)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int32_t))];
    } control = {0};
    struct iovec part = {.iov_base = answer, .iov_len = sizeof(*answer)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int64_t received = wait_for_message(fd, &message);

    *descriptor = -1;
    if (received <= 0)
        return false;
    if (message.msg_controllen >= sizeof(struct cmsghdr) && control.header.cmsg_type == SCM_RIGHTS)
        *descriptor = *(int32_t *)(void *)CMSG_DATA(&control.header);
    return received == sizeof(*answer);
}

int32_t server_call(struct protocol_request *request, int32_t *descriptor)
{
    struct protocol_answer answer;
    struct channel channel;

    *descriptor = -1;
    if (take_channel(&channel) < 0)
        return -ENODEV;
    request->magic = PROTOCOL_REQUEST_MAGIC;
    request->sequence = atomic_fetch_add(&last_sequence, 1) + 1;
    if (!send_request(channel.fd, request) || !receive_answer(channel.fd, &answer, descriptor) ||
        answer.magic != PROTOCOL_ANSWER_MAGIC || answer.sequence != request->sequence) {
        system_close(channel.fd);
        if (*descriptor >= 0)
            system_close(*descriptor);
        *descriptor = -1;
        return -ENODEV;
    }
    if (answer.flags & PROTOCOL_MIRRORED)
        atomic_store_explicit(&mirrored_space, address_space(), memory_order_release);
    give_back(&channel);
    if (answer.flags & PROTOCOL_WANTS_PUMP)
        service_start(answer.flags);
    return answer.result;
}

uint32_t device_count(void)
{
    struct channel channel;

    if (atomic_load_explicit(&devices, memory_order_relaxed) == 0 && server_is_configured() && take_channel(&channel) == 0)
        give_back(&channel);
    return atomic_load_explicit(&devices, memory_order_relaxed);
}

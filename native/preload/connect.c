/* SPDX-License-Identifier: MIT
 *
 * Connections to the device server.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "preload.h"

/* Away from the numbers that programs count on, and from those that they close in bulk. */
#define FIRST_CHANNEL_DESCRIPTOR 500

static const char *server_path;

__attribute__((constructor)) static void find_server(void)
{
    const char *path = getenv("XESVM_SERVER");

    server_path = path && path[0] == '/' ? path : NULL;
}

bool server_is_configured(void)
{
    return server_path != NULL;
}

const char *server_socket(void)
{
    return server_path;
}

/* By what a server of another user reaches our memory: the kernel lets it open none of these itself. In the order of the protocol. */
static const char *const memory_files[] = {"/proc/self/mem", "/proc/self/maps", "/proc/self/pagemap"};

#define MEMORY_FILES (sizeof(memory_files) / sizeof(memory_files[0]))

/* A server that is no ancestor may need our leave to reach our memory (Yama's ptrace_scope 1). Returns whether it is of another user. */
static bool allow_access(int32_t fd)
{
    struct ucred peer = {0};
    uint32_t length = sizeof(peer);

    if (system_call(SYS_getsockopt, (uint64_t)fd, SOL_SOCKET, SO_PEERCRED, (uint64_t)(uintptr_t)&peer,
                    (uint64_t)(uintptr_t)&length, 0) != 0)
        return false;
    if (peer.pid > 0)
        system_call(SYS_prctl, PR_SET_PTRACER, (uint64_t)peer.pid, 0, 0, 0, 0);
    return peer.uid != (uint32_t)system_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

/* Sends a hello with the files of our memory; false when it was not sent. */
static bool send_hello_and_memory(int32_t fd, const struct protocol_hello *hello)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(MEMORY_FILES * sizeof(int32_t))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)hello, .iov_len = sizeof(*hello)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int32_t *files = (int32_t *)(void *)CMSG_DATA(&control.header);
    uint32_t opened = 0;
    bool sent = false;

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(MEMORY_FILES * sizeof(int32_t));
    while (opened < MEMORY_FILES) {
        files[opened] = (int32_t)system_call(SYS_openat, (uint64_t)(int64_t)AT_FDCWD, (uint64_t)(uintptr_t)memory_files[opened],
                                             (opened == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0, 0, 0);
        if (files[opened] < 0)
            break;
        opened++;
    }
    if (opened == MEMORY_FILES)
        sent = system_call(SYS_sendmsg, (uint64_t)fd, (uint64_t)(uintptr_t)&message, MSG_NOSIGNAL, 0, 0, 0) == sizeof(*hello);
    while (opened > 0)
        system_close(files[--opened]);
    return sent;
}

/* A server of another user that is not given our memory says what it makes of that. */
static bool send_hello(int32_t fd, const struct protocol_hello *hello, bool is_other)
{
    if (is_other && hello->kind == PROTOCOL_KIND_CHANNEL && send_hello_and_memory(fd, hello))
        return true;
    return system_call(SYS_sendto, (uint64_t)fd, (uint64_t)(uintptr_t)hello, sizeof(*hello), MSG_NOSIGNAL, 0, 0) ==
           sizeof(*hello);
}

static int64_t receive_card(int32_t fd, uint32_t kind, struct protocol_card *card)
{
    int64_t received;

    do {
        received = system_call(SYS_recvfrom, (uint64_t)fd, (uint64_t)(uintptr_t)card, sizeof(*card),
                               kind == PROTOCOL_KIND_FILE ? MSG_PEEK : 0, 0, 0);
    } while (received == -EINTR);
    return received;
}

static int32_t connect_socket(bool close_on_exec)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint32_t length = 0;
    int32_t fd;
    int64_t result;

    while (server_path[length] && length < sizeof(address.sun_path) - 1) {
        address.sun_path[length] = server_path[length];
        length++;
    }
    if (server_path[length])
        return -ENODEV;
    fd = (int32_t)system_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | (close_on_exec ? SOCK_CLOEXEC : 0), 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    do {
        result = system_call(SYS_connect, (uint64_t)fd, (uint64_t)(uintptr_t)&address,
                             offsetof(struct sockaddr_un, sun_path) + length + 1, 0, 0, 0);
    } while (result == -EINTR);
    if (result < 0) {
        system_close(fd);
        return -ENODEV;
    }
    return fd;
}

/* Moves a channel's descriptor out of the way; leaves it when there is no room. */
static int32_t move_up(int32_t fd)
{
    int64_t moved = system_call(SYS_fcntl, (uint64_t)fd, F_DUPFD_CLOEXEC, FIRST_CHANNEL_DESCRIPTOR, 0, 0, 0);

    if (moved < 0)
        return fd;
    system_close(fd);
    return (int32_t)moved;
}

int32_t server_connect(const struct protocol_hello *hello, bool close_on_exec, struct protocol_card *card)
{
    int32_t fd = connect_socket(close_on_exec);
    int32_t result = -ENODEV;
    bool is_other;

    if (fd < 0)
        return fd;
    if (hello->kind != PROTOCOL_KIND_FILE)
        fd = move_up(fd);
    is_other = allow_access(fd);
    if (send_hello(fd, hello, is_other) &&
        receive_card(fd, hello->kind, card) == sizeof(*card) && card->magic == PROTOCOL_CARD_MAGIC &&
        card->version == PROTOCOL_VERSION)
        result = card->result;
    if (result == 0)
        return fd;
    system_close(fd);
    return result < 0 ? result : -ENODEV;
}

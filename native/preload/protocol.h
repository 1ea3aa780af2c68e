/* SPDX-License-Identifier: MIT
 *
 * What the preload library and the device server say to each other, over Unix sockets of type SOCK_SEQPACKET. The server's half is
 * src/XeSvm.Simulation/Server; both sides check every field.
 *
 * Two kinds of connection. A *file* is what a program gets when it opens a device node: the descriptor is the socket itself, so that dup,
 * fork, exec and death have the effects that they have on an open file. Its only message is the server's card, which stays unread in the
 * receive queue: whoever holds a descriptor can look at it (MSG_PEEK) and knows which file it is. A *channel* carries calls, one at a time,
 * answered in order; a call that blocks blocks its channel alone.
 */
#ifndef XESVM_PRELOAD_PROTOCOL_H
#define XESVM_PRELOAD_PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_HELLO_MAGIC 0x48455658u   /* "XVEH" */
#define PROTOCOL_CARD_MAGIC 0x43455658u    /* "XVEC" */
#define PROTOCOL_REQUEST_MAGIC 0x52455658u /* "XVER" */
#define PROTOCOL_ANSWER_MAGIC 0x41455658u  /* "XVEA" */
#define PROTOCOL_VERSION 1u

#define PROTOCOL_KIND_FILE 1u
#define PROTOCOL_KIND_CHANNEL 2u

/* The first message of a client. */
struct protocol_hello {
    uint32_t magic;
    uint32_t version;
    uint32_t kind;
    uint32_t minor;         /* of the device node: 0 to 127 cards, 128 to 255 render nodes. FILE only, else 0 */
    uint64_t address_space; /* tells the images and forks of one process id apart; not 0 */
};

/* The server's answer, on both kinds of connection. On a file it is not to be read, only to be looked at. */
struct protocol_card {
    uint32_t magic;
    uint32_t version;
    int32_t result; /* 0 or -errno; what follows is 0 on error */
    uint32_t minor; /* of the node; on a channel: how many devices there are */
    uint64_t file;   /* FILE only */
    uint64_t secret; /* what the holders of the file know, and others cannot guess */
};

#define PROTOCOL_IOCTL 1u      /* a: request number, b: address of the argument */
#define PROTOCOL_MAP 2u        /* a: offset, b: length, c: PROT_*; the answer has the memory's descriptor */
#define PROTOCOL_INVALIDATE 3u /* a: first byte, b: one past the last, c: PROTOCOL_INVALIDATE_*. No file */
#define PROTOCOL_DEBUG_FILE 4u /* name: of a debugfs file of the device with minor a; the answer has a descriptor. No file */

#define PROTOCOL_INVALIDATE_UNMAP 1u
#define PROTOCOL_INVALIDATE_CLEAR 2u

#define PROTOCOL_NAME_BYTES 64u

struct protocol_request {
    uint32_t magic;
    uint32_t call;
    uint64_t sequence;
    uint64_t file;
    uint64_t secret;
    uint64_t a;
    uint64_t b;
    uint64_t c;
    char name[PROTOCOL_NAME_BYTES]; /* ends with 0 */
};

#define PROTOCOL_MIRRORED 0x1u /* the server mirrors this address space: changes are to be reported from now on */

/* At most one descriptor comes with it. */
struct protocol_answer {
    uint32_t magic;
    int32_t result;
    uint64_t sequence;
    uint32_t flags;
    uint32_t reserved;
};

#endif

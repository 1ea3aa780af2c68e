/* SPDX-License-Identifier: MIT
 *
 * What the preload library and the device server say to each other, over Unix sockets of type SOCK_SEQPACKET. The server's half is
 * src/XeSvm.Simulation/Server; both sides check every field.
 *
 * Two kinds of connection. A *file* is what a program gets when it opens a device node: the descriptor is the socket itself, so that dup,
 * fork, exec and death have the effects that they have on an open file. Its only message is the server's card, which stays unread in the
 * receive queue: whoever holds a descriptor can look at it (MSG_PEEK) and knows which file it is. A *channel* carries calls, one at a time,
 * answered in order; a call that blocks blocks its channel alone.
 *
 * Where CPU faults are noticed by userfaultfd there is a third kind: the *lanes* of the client's CPU-fault pump (service.c). There the server
 * asks and the client answers, one request at a time on each lane. What may wait for something goes by the patient lane.
 */
#ifndef XESVM_PRELOAD_PROTOCOL_H
#define XESVM_PRELOAD_PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_HELLO_MAGIC 0x48455658u   /* "XVEH" */
#define PROTOCOL_CARD_MAGIC 0x43455658u    /* "XVEC" */
#define PROTOCOL_REQUEST_MAGIC 0x52455658u /* "XVER" */
#define PROTOCOL_ANSWER_MAGIC 0x41455658u  /* "XVEA" */
#define PROTOCOL_VERSION 2u

#define PROTOCOL_KIND_FILE 1u
#define PROTOCOL_KIND_CHANNEL 2u
#define PROTOCOL_KIND_PUMP 3u

#define PROTOCOL_LANE_PROMPT 0u
#define PROTOCOL_LANE_PATIENT 1u
#define PROTOCOL_LANES 2u

/* The first message of a client. */
struct protocol_hello {
    uint32_t magic;
    uint32_t version;
    uint32_t kind;
    uint32_t minor;         /* of the device node: 0 to 127 cards, 128 to 255 render nodes. FILE only.
                             * PUMP: PROTOCOL_LANE_* | XESVM_PUMP_MODE_* << 8; without a pump: 0 | errno << 16. Else 0 */
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

#define PROTOCOL_SETTLE 5u     /* the pump of this address space has events. No file */

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

#define PROTOCOL_WANTS_PUMP 0x2u   /* this address space is to have a pump, and has none yet */
#define PROTOCOL_USER_MODE 0x4u    /* with it: XESVM_PUMP_USER_MODE_ONLY */

/* At most one descriptor comes with it. */
struct protocol_answer {
    uint32_t magic;
    int32_t result;
    uint64_t sequence;
    uint32_t flags;
    uint32_t reserved;
};

#define PROTOCOL_PUMP_REQUEST_MAGIC 0x50455658u /* "XVEP" */
#define PROTOCOL_PUMP_ANSWER_MAGIC 0x51455658u  /* "XVEQ" */

/* What the server asks of a pump: the exports of xesvm_native.h. VRAM is named by the number of a device, as VRAM gave it, and the offset
 * in its memory; times to hold are durations in nanoseconds. Patient are POPULATE and RESTORE, all others are prompt. */
enum protocol_pump_call {
    PROTOCOL_PUMP_VRAM = 1,            /* a: device, b: bytes. With a descriptor of the memory */
    PROTOCOL_PUMP_ISOLATE,             /* a: address, b: pages, c: hold. Values: id, staging, present[8] */
    PROTOCOL_PUMP_COMMIT,              /* a: id, b: device, c: offset, d: allocation, e: hold */
    PROTOCOL_PUMP_ABORT,               /* a: id */
    PROTOCOL_PUMP_RELOCATE_BEGIN,      /* a: address, b: device, c: offset, d: allocation, e: pages */
    PROTOCOL_PUMP_RELOCATE_END,        /* a: address, b: device, or ~0 to let them stay, c: offset, d: allocation, e: hold, f: new allocation */
    PROTOCOL_PUMP_RESTORE,             /* a: address, b: pages */
    PROTOCOL_PUMP_POPULATE,            /* a: address, b: pages, c: to be written */
    PROTOCOL_PUMP_READ,                /* a: address, b: device, c: offset, d: length. Data */
    PROTOCOL_PUMP_WRITE,               /* a: address, b: device, c: offset; data */
    PROTOCOL_PUMP_ADD,                 /* a: address, b: device, c: offset, d: addend, e: size. Value: old */
    PROTOCOL_PUMP_COMPARE_EXCHANGE,    /* a: address, b: device, c: offset, d: expected, e: desired, f: size. Value: old */
    PROTOCOL_PUMP_CLIENT_ADD,          /* a: address, d: addend */
    PROTOCOL_PUMP_CLIENT_COMPARE_EXCHANGE, /* a: address, d: expected, e: desired, f: size. Value: old */
    PROTOCOL_PUMP_TAKE_EVENTS,         /* Data: as many xesvm_pump_event as the result says */
    PROTOCOL_PUMP_COUNTERS,            /* Data: xesvm_pump_counters */
    PROTOCOL_PUMP_JOIN,                /* a: address, b: pages | isolations << 16 | allocations << 32, c: device, d: offset, e: hold,
                                        * f: new allocation. Data: ids of isolations, then allocations, 8 bytes each */
    PROTOCOL_PUMP_CALLS,
};

#define PROTOCOL_PUMP_DATA_BYTES 4096u
#define PROTOCOL_PUMP_VALUES 10u

/* As much of data as there is comes with it. */
struct protocol_pump_request {
    uint32_t magic;
    uint32_t call;
    uint64_t sequence;
    uint64_t a;
    uint64_t b;
    uint64_t c;
    uint64_t d;
    uint64_t e;
    uint64_t f;
    uint8_t data[PROTOCOL_PUMP_DATA_BYTES];
};

struct protocol_pump_answer {
    uint32_t magic;
    int32_t result;
    uint64_t sequence;
    uint64_t values[PROTOCOL_PUMP_VALUES];
    uint8_t data[PROTOCOL_PUMP_DATA_BYTES];
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * The state that service.c keeps, and service_calls.c uses, for the device server's requests to the pump.
 */
#ifndef XESVM_PRELOAD_SERVICE_H
#define XESVM_PRELOAD_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload.h"
#include "pump.h"

#define MOST_DEVICES 16u
#define MOST_ISOLATIONS 256u

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

struct service {
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
};

extern struct service service;

/* Carries a request out, and makes its answer. */
int32_t service_call(struct lane *lane);

#endif

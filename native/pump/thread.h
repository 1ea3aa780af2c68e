/* SPDX-License-Identifier: MIT
 *
 * The fault thread: reads the messages of the userfaultfds and works through them. It blocks all signals, touches no memory that may
 * be isolated, and calls nothing but raw system calls and the files of this folder.
 */
#ifndef XESVM_PUMP_THREAD_H
#define XESVM_PUMP_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

/* Not of the kernel: homebound content in [start, end), within one block, wants to go home. */
#define MESSAGE_HOMEWARD 0u

/* A message of the client userfaultfd, as far as it was worked through. */
struct message {
    uint32_t event; /* UFFD_EVENT_* or MESSAGE_HOMEWARD */
    uint32_t stage;
    uint32_t thread; /* a fault: that of the client which waits */
    uint64_t start; /* of the range; a fault: the page */
    uint64_t end;
    uint64_t to;     /* UFFD_EVENT_REMAP: where start went */
    uint64_t cursor; /* of the stage */
    uint64_t begin_ns;
    uint64_t sequence; /* a fault: of the last time that it was read */
};

struct backlog {
    struct message *messages;
    uint32_t capacity;
    uint32_t count;
};

/* A thread of the pump's own: signals blocked, its stack never isolated. */
struct pump_thread {
    pthread_t thread;
    uint64_t stack; /* 0: there is no thread */
};

struct fault_thread {
    struct pump_thread thread;
    _Atomic uint32_t stop;
    struct backlog changes; /* in order; faults wait until there is none */
    struct backlog faults;
    uint64_t sequence; /* of faults that were read */
    bool unread;      /* the last round was not allowed to read */
    uint32_t retries; /* rounds in which the kernel asked to come again, since a fault was resolved */
};

/* 0 or -errno. */
int32_t thread_spawn(xesvm_pump *pump, struct pump_thread *thread, void *(*run)(void *pump));
/* Waits for its end. Nothing when there is no thread. */
void thread_join(struct pump_thread *thread);
/* 0 or -errno. */
int32_t thread_start(xesvm_pump *pump);
/* Returns when the thread has ended. */
void thread_stop(xesvm_pump *pump);
/* Makes the thread look again at what it put off. */
void thread_poke(xesvm_pump *pump);

/* For change_apply. Finds a later change that takes away what is mapped at va, and puts it before this one; false when there is none. */
bool thread_promote_change(xesvm_pump *pump, const struct message *change, uint64_t va);
/* False when the thread that waited has faulted elsewhere since. */
bool thread_is_newest(const xesvm_pump *pump, const struct message *fault);
/* Makes sure that thread_send_homeward finds room; false without memory. */
bool thread_reserve_homeward(xesvm_pump *pump);
void thread_send_homeward(xesvm_pump *pump, uint64_t start, uint64_t end);

/* fault.c and change.c: 0 when done. To be called again: -EBUSY after the poke that a bucket's release brings; -EAGAIN when the
 * client has gone on after a message; -ENOMEM some time; -ETIME, fault_resolve, at *held_until_ns; -EINPROGRESS, change_apply, with the
 * change that is in its place now. */
int32_t fault_resolve(xesvm_pump *pump, const struct message *fault, uint64_t *held_until_ns);
int32_t fault_send_home(xesvm_pump *pump, const struct message *homeward);
int32_t change_apply(xesvm_pump *pump, struct message *change);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Included before everything else in what the preload library has of the pump. The functions for threads got new versions when they moved
 * from libpthread to libc (2.34); the old ones every C library has. Where a program is without libpthread they may be missing.
 */
#ifndef XESVM_PRELOAD_THREADS_H
#define XESVM_PRELOAD_THREADS_H

#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#else
#define OLDEST "GLIBC_2.17"
#endif

__asm__(".symver pthread_create, pthread_create@" OLDEST);
__asm__(".symver pthread_join, pthread_join@" OLDEST);
__asm__(".symver pthread_attr_setstack, pthread_attr_setstack@" OLDEST);
__asm__(".symver pthread_sigmask, pthread_sigmask@" OLDEST);

#pragma weak pthread_create
#pragma weak pthread_join
#pragma weak pthread_attr_setstack
#pragma weak pthread_sigmask

#endif

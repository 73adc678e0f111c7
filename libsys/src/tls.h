/* SPDX-License-Identifier: BSD-2-Clause
 * Thread-local storage as the local-exec model wants it: TP points at a 16-byte header, behind which, aligned, lies the
 * thread's copy of PT_TLS. Inside libsys only (crt.c makes the first thread's, thread.c all others').
 */
#pragma once
#include <stdint.h>

/* Bytes of a block, a multiple of 64. */
uint64_t tls_len(void);
/* Fills the block (zeroed memory, aligned to 64) and returns the value for TPIDR_EL0. */
uint64_t tls_init(void *block);
/* vm.c: vm_reserve for who holds its lock, or runs before thread-local storage, without which no mutex can be taken. */
uint64_t vm_reserve_locked(uint64_t len);

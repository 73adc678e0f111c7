/* SPDX-License-Identifier: BSD-2-Clause
 * What a process finds in x0 when its first thread starts: one page or more, written by whoever created it (the
 * kernel for init, init for all others), mapped readable. crt0 keeps the pointer in `start_info`.
 */
#pragma once
#include "abi.h"

#define START_MAGIC       0x74726174536d6143ull /* "CamStart" */
#define START_HANDLE_NAME 24
#define START_HANDLES     48

/* A handle given at start. Names that libsys knows:
 *   "self"      the own process (RIGHT_MANAGE), init and spawners only; others use HANDLE_SELF
 *   "port"      the port to serve (RIGHT_RECEIVE); created by init, kept over restarts
 *   "port notify" NOTIFY | TRANSFER of the same port, to give to interrupt controllers and for timers
 *   "init event" NOTIFY of init's port: INIT_EVENT_COMMAND (command.h)
 *   "init"      CALL to init's port, badged with this process's number in init
 *   "chosen"    log, info (rights as granted)
 *   "root"      init only: the device of all addresses that are neither RAM nor reserved
 *   "tree", "archive", "image"   init only: memories of the same; others find the tree mapped
 *   "device", "device1", ...     windows 0..3, 4..7, ... of the own node
 *   "PROPERTY INDEX"             CALL to the server that the reference PROPERTY[INDEX] of the own node names, e.g.
 *                                "interrupts 0", "clocks 1"; badged with the own node's offset in the tree
 *   "service NAME"               CALL to a service opened for this process at start, e.g. "service console"
 *   "command"   memory of the command page (mapped at command_va)
 */
struct start_handle {
    char name[START_HANDLE_NAME]; /* NUL-terminated */
    handle_t handle;
    uint32_t badge;
};

struct start_info {
    uint64_t magic;       /* START_MAGIC */
    uint32_t abi_version; /* ABI_VERSION of the writer */
    uint32_t size;        /* bytes mapped here, a multiple of PAGE_SIZE */
    uint64_t tree_va;     /* the device tree blob, read-only, seeds erased; 0: none */
    uint64_t tree_len;
    uint64_t archive_va; /* init only: newc cpio archive */
    uint64_t archive_len;
    uint64_t image_va; /* load address of the first segment (ELF header) */
    uint64_t free_va; /* from here on, up to free_end, the process may map as it likes */
    uint64_t free_end;
    uint64_t stack_top; /* of the first thread; a guard page lies below stack_top - stack_len */
    uint64_t stack_len;
    uint64_t command_va;  /* struct command page shared with init; 0: none */
    int32_t node;         /* offset of the own node in the tree; -1: none */
    uint32_t incarnation; /* 1 for the first start of this service, then counting */
    uint32_t priority;    /* of the first thread */
    uint32_t priority_ceiling;
    uint32_t argc; /* arguments, then environment strings, NUL-terminated, at strings[] */
    uint32_t envc;
    uint32_t strings; /* offset from the start of this structure */
    uint32_t handle_count;
    uint64_t seed[4]; /* init only: the tree's rng-seed; 0: it has none */
    struct start_handle handles[START_HANDLES];
};

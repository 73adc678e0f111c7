/* SPDX-License-Identifier: BSD-2-Clause
 * The command page: init tells a server what to do without calling it (law 5). init writes op and args, then seq, and
 * sets EVENT_BIT_COMMAND at the server's port; the server writes status and result, then done, and notifies init with
 * INIT_EVENT_COMMAND. One command at a time; one page per server, mapped by both, charged to the server.
 *
 * The page also carries the server's state, so that a root interrupt server, which calls nobody, can report it.
 */
#pragma once
#include <stdint.h>

enum command_op {
    COMMAND_PING = 1,     /* answer, to show that the loop still turns */
    COMMAND_REBIND,       /* arg[0] = node offset (or -1 and the service's name in arg[1..3]): that server has a new
                           * incarnation; attach lines and subscriptions anew. To who may open it: also of the first one.
                           * arg[4] = offset of another node that it speaks for (INIT_OP_CHILDREN), or 0 */
    COMMAND_IRQ_QUIESCE,  /* interrupt servers: arg[0] = node offset: mask and detach all lines of that child */
    COMMAND_LOG_LEVEL,    /* arg[0] = enum log_level, the least severe logged from now on */
    COMMAND_DMA_OFF,      /* buses: arg[0] = node offset: take away that child's bus-mastering and read it back; E_OK only if
                           * it is off, or the child is gone. Then init may free what the child's node holds (proto/init.h,
                           * "DMA"). Sent when the child's server has ended, and before it starts again */
    COMMAND_OWN           /* the class's own from here on */
};

/* Where the server mapped a register window of its node (reg entry n is windows[n]); for the report of a crash only. */
struct command_window {
    uint64_t va;     /* of the register at `offset` */
    uint64_t len;    /* bytes; 0: not mapped */
    uint64_t offset; /* in the window */
};
enum { COMMAND_WINDOWS = 16 };

struct command_page {
    /* written by init; seq last, with release order */
    uint32_t seq;
    uint32_t op;
    uint64_t arg[6];
    /* written by the server; done (or state) last, with release order */
    uint32_t done; /* == seq: finished */
    int32_t status;
    uint64_t result[4];
    uint32_t state; /* SERVER_* */
    int32_t error;  /* SERVER_FAILED: why */
    char reason[64];
    struct command_window windows[COMMAND_WINDOWS];
};

enum server_state { SERVER_STARTING = 0, SERVER_READY = 1, SERVER_FAILED = 2 };

/* Bits that servers set at init's port. */
#define INIT_EVENT_COMMAND 1ull /* some command page changed: look at all */

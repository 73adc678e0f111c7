/* SPDX-License-Identifier: BSD-2-Clause
 * The shell's side of the console. At the prompt it reads raw, in one call that waits: a restart of mux/serial fails
 * that call, and the shell introduces itself anew. While a program runs nothing of ours is in flight there, so the
 * claim on the console is simply renewed every second.
 */
#include "shell.h"
#include <cambium/proto/serial.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>

#define RENEW_NS 1000000000ull

static void foreground(struct shell *sh, uint32_t badge)
{
    handle_t notify = 0;

    if (sys_handle_dup(sh->port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &notify) != E_OK) {
        return; /* without it we only miss ^C */
    }
    struct msg m = { msg_info(SERIAL_OP_FOREGROUND, 1, 0),
                     { badge, SHELL_EVENT_INTERRUPT, [7] = notify } };
    (void)msg_call(sh->console, &m); /* if it fails: the next occasion comes anyway */
    (void)sys_handle_close(notify);
}

void console_own(struct shell *sh, bool raw)
{
    struct msg m = { msg_info(SERIAL_OP_MODE, 0, 0), { raw ? SERIAL_RAW : SERIAL_COOKED } };

    (void)msg_call(sh->console, &m); /* as above */
    foreground(sh, 0);
}

void console_lend(struct shell *sh, uint32_t badge)
{
    foreground(sh, badge);
}

uint32_t console_keys(struct shell *sh, uint8_t keys[48])
{
    for (;;) {
        struct msg m = { msg_info(SERIAL_OP_READ_SHORT, 0, 0), { 48, SERIAL_RAW } };
        status_t err = msg_call(sh->console, &m);
        if (err == E_OK) {
            uint32_t len = m.w[0] < 48 ? (uint32_t)m.w[0] : 48;
            memcpy(keys, &m.w[1], len);
            return len;
        }
        if (err != E_DEAD && err != E_NOTFOUND && err != E_CANCELED) {
            return 0;
        }
        console_own(sh, true); /* another incarnation */
    }
}

uint64_t console_wait(struct shell *sh, uint64_t bits, uint64_t deadline)
{
    while ((sh->events & bits) == 0) {
        struct msg m = { .info = 0 };
        int64_t got = sys_receive(sh->port, &m, deadline);
        if (got == E_TIMEOUT) {
            break;
        }
        if (got >= 0 && got >> 32 == RECV_EVENTS) {
            sh->events |= m.w[0];
        }
    }
    bits &= sh->events;
    sh->events &= ~bits;
    return bits;
}

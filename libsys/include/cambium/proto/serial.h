/* SPDX-License-Identifier: BSD-2-Clause
 * Class serial: a byte stream both ways. Drivers (drv/pl011) and mux/serial speak it alike; the difference is one flag.
 *
 * A client attaches once with a memory of its own (at least SERIAL_BUF_LEN bytes, READ|WRITE) and a NOTIFY handle; then data
 * goes through that memory: it writes from the first half (SERIAL_TX_OFFSET), and reads into the second (SERIAL_RX_OFFSET).
 * One attachment per badge; attaching again replaces; *closed* ends it. WRITE and READ without an attachment are E_NOTFOUND:
 * the server is a new incarnation, attach again and repeat (libsys's serial_* does).
 *
 * What a driver holds when it ends is lost. So that its client can tell how much that was, the driver counts in the client's memory
 * (struct serial_counts): what it has taken and was not read, and what was written and it has not sent, is what it holds.
 *
 * mux: a session is a badge, with one READ and one WRITE at a time (E_BUSY for a second). '\n' goes out as "\r\n". The SHORT
 * requests need no attachment.
 */
#pragma once
#include <stdint.h>

enum { SERIAL_BUF_LEN = 8192, SERIAL_TX_OFFSET = 0, SERIAL_RX_OFFSET = 4096, SERIAL_HALF = 4096 };
enum { SERIAL_SLOTS = 4, SERIAL_RX_LEN = SERIAL_HALF - SERIAL_SLOTS * 16, /* what a READ may place; behind it, the counts */
       SERIAL_COUNTS_OFFSET = SERIAL_RX_OFFSET + SERIAL_RX_LEN };

/* A driver's counts, modulo 2^32, in the slot that the client chose: one who goes to another port takes another, since the former
 * driver may go on counting until it hears *closed*. A byte counts as taken after the device gave it and before anything else is
 * done with it: a driver that ends in between has one byte more than it says. As sent count those that went to the device
 * already: one that ends while it fills a FIFO has sent up to a FIFO's more. Bytes that came before anybody attached, or between
 * two clients, are nobody's, and a driver's server kit leaves those of before in the device. */
struct serial_counts {
    uint32_t taken, sent;     /* by the driver, from its device and to it */
    uint32_t given, accepted; /* read from it and written to it by then, as ATTACH found it */
};
enum { SERIAL_HELD_MAX = 8192 }; /* no driver holds more, each way: who says so is not to be believed */

enum serial_op {
    SERIAL_OP_ATTACH = 1, /* w0 = event bits to set, shifted: bit k of SERIAL_EV_* is set as w0 << k; w1 = how many
                           * handles: w6 = NOTIFY of the client's port, w7 = memory (2 handles; 1: no events wanted); w2 =
                           * slot of its counts -> driver: w0 = SERIAL_KNOWN: the caller was attached already, so nothing
                           * is lost. E_INVAL: memory too small; E_RANGE: slot */
    SERIAL_OP_WRITE,      /* w0 = len (<= SERIAL_HALF), w1 = offset in the TX half -> w0 = bytes taken. A driver never
                           * blocks: fewer than asked (0 too) means its queue is full, SERIAL_EV_WRITABLE follows.
                           * mux: answers when all is taken, unless w2 = SERIAL_NONBLOCK */
    SERIAL_OP_READ,       /* w0 = len (<= SERIAL_RX_LEN) -> w0 = bytes placed at SERIAL_RX_OFFSET. Driver: fewer than
                           * asked (0 too) = it is empty now, SERIAL_EV_READABLE follows with the next byte (a driver
                           * that empties its queue here signals "not readable" before it refills the queue).
                           * mux: waits for at least one byte, 0 = end of input (^D), unless w2 = SERIAL_NONBLOCK:
                           * then E_AGAIN = nothing there, SERIAL_EV_READABLE follows */
    SERIAL_OP_WRITE_SHORT,/* mux: w0 = len (<= 48), bytes in w1..w6: for programs without an attachment -> w0 taken */
    SERIAL_OP_READ_SHORT, /* mux: w0 = len (<= 48), w1 = SERIAL_RAW: E_NOTFOUND if the session is not in raw mode (a new
                           * incarnation does not know it: FOREGROUND and MODE again) -> w0 = bytes, in w1..w6. Waits for at
                           * least one; 0 = end of input */
    SERIAL_OP_MODE,       /* mux: w0 = SERIAL_RAW or SERIAL_COOKED (line editing by mux: echo, backspace, ^U, ^D) */
    SERIAL_OP_FOREGROUND, /* mux: the caller (by badge) gets input and SERIAL_EV_INTERRUPT from now on; w0 != 0: the
                           * badge that reads from now on, while the caller keeps SERIAL_EV_INTERRUPT (a shell hands
                           * input to its program; it comes back when that badge is closed). With a handle, w7 = NOTIFY
                           * of the port where w1 is set on ^C; else SERIAL_EV_INTERRUPT as attached. E_RIGHTS: another
                           * session has it. Where a caller has both and is in raw mode, ^C is an ordinary byte for it, and a
                           * READ ends behind the first CR or LF: what follows is for whoever reads then */
    SERIAL_OP_STAT,       /* -> w0 bytes received, w1 bytes sent, w2 lost (driver: overrun; mux: received by drivers that ended,
                           * not delivered), w3 interrupts, w4 mux: taken by drivers that ended, not sent */
    /* a port: offset of its node in the tree, SERIAL_FIRST, or SERIAL_NONE */
    SERIAL_OP_PORT,       /* mux: -> w0 = the port that it is on */
    SERIAL_OP_USE,        /* mux: w0 = another port (class serial). What was typed there and not read yet stays. If that port's
                           * server is given up, or its device is gone, it is back on init's. E_RIGHTS: somebody else has the
                           * input; E_NOTFOUND: no such node; E_BUSY: another client has that port; as INIT_OP_OPEN */
    SERIAL_OP_ADD,        /* mux: w0 = a second port, in the place of the former. All that goes out is shown there, too, as far as
                           * that port takes it at once, and what is typed there is input. Errors: as SERIAL_OP_USE; E_BUSY:
                           * the console is there, or somebody else; E_NOMEM */
    SERIAL_OP_SECOND      /* mux: -> w0 = the second port */
};
#define SERIAL_FIRST 0          /* the port that init chose */
#define SERIAL_NONE  UINT64_MAX
enum { SERIAL_NONBLOCK = 1 };
enum { SERIAL_KNOWN = 1 };
enum { SERIAL_COOKED = 0, SERIAL_RAW = 1 };

/* Events, as bit numbers above the client's base bit. */
enum { SERIAL_EV_READABLE = 1, SERIAL_EV_WRITABLE = 2, SERIAL_EV_INTERRUPT = 4 /* mux: ^C was typed */ };

/* SPDX-License-Identifier: BSD-2-Clause
 * Class mbox: words of 32 bits to and from another processor, in two short queues. What they mean is the client's and that
 * processor's affair; where they are addresses of memory, the client orders its own accesses (mmio_wmb() before SEND,
 * mmio_rmb() after RECEIVE).
 *
 * One client: it attaches, then it is told. SEND and RECEIVE without an attachment are E_NOTFOUND: the server is a new
 * incarnation, attach again. Words that nobody takes stay in the queue, so a new client may find old ones.
 */
#pragma once

enum { MBOX_WORDS = 7 }; /* of one RECEIVE */

enum mbox_op {
    MBOX_OP_ATTACH = 1, /* w0 = the event bit to set for MBOX_EV_READABLE; handle: NOTIFY of the client's port. Attaching
                         * again replaces; *closed* ends it. E_INVAL: no bit, or not one handle; E_BUSY: another has it */
    MBOX_OP_SEND,       /* w0 = the word. E_RANGE: it has more than 32 bits; E_AGAIN: the queue is full, the other side
                         * does not take its words */
    MBOX_OP_RECEIVE,    /* -> w0 = how many words, 0 to MBOX_WORDS, w1.. = the words. After it, the next word that is there
                         * or comes sets MBOX_EV_READABLE */
    MBOX_OP_STAT        /* -> w0 words received, w1 words sent, w2 interrupts. Needs no attachment */
};
enum { MBOX_EV_READABLE = 1 };

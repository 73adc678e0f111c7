/* SPDX-License-Identifier: BSD-2-Clause
 * Class entropy: random bytes from a device, none of them given to two. Clients use entropy_read (entropy.h).
 *
 * A request waits until the device has written something, a second at most; the server goes on serving. Waiting clients are
 * served in the order in which they asked, and each can wait with one request only: so whoever asks without end gets his
 * turn, and everybody else theirs in between.
 */
#pragma once

enum { ENTROPY_READ_LEN = 56 }; /* bytes of one answer at most */

enum entropy_op {
    ENTROPY_OP_READ = 1, /* w0 = bytes wanted, 1 to ENTROPY_READ_LEN -> w0 = bytes, at least 1 and perhaps fewer, w1.. = the
                          * bytes. E_RANGE: so many cannot be asked for; E_BUSY: this client waits already, or too many
                          * do: ask again; E_TIMEOUT: the device was silent for a second; E_INVAL: handles */
    ENTROPY_OP_STAT      /* -> w0 = requests answered, w1 = bytes given, w2 = requests that came to nothing, w3 = buffers that
                          * the device filled */
};

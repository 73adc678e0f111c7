/* SPDX-License-Identifier: BSD-2-Clause
 * Class flash: memory that keeps its content without power, is read by words, and is changed in two ways: programming makes
 * ones to zeros, erasing makes a whole block ones. A device has banks, numbered as its node's `reg`.
 *
 * Offsets and lengths are bytes and multiples of FLASH_UNIT; bytes stand in the words in the order of memory. Each request
 * is bounded work: an erase is started only, and its bank answers E_BUSY until it is over (FLASH_OP_STATUS tells how it went).
 * A server that dies loses no erase, but how it ended.
 *
 * Every request, w0 = bank: E_NOTFOUND: no such bank, or no chips that the driver knows; E_BUSY: an erase goes on;
 * E_TIMEOUT: it goes on for longer than the chips promise.
 */
#pragma once

enum flash_op {
    FLASH_OP_INFO = 1, /* -> w0 = bytes, w1 = bytes of an erase block, w2 = chips side by side, w3 = 1: it can be erased and
                        * programmed, else 0 */
    FLASH_OP_READ,     /* w1 = offset, w2 = bytes, at most FLASH_READ_MAX -> w0.. = them, zero padded. E_INVAL: no multiple,
                        * or too many; E_RANGE: not all of it is in the bank */
    FLASH_OP_ERASE,    /* w1 = offset of a block's beginning; the erase goes on after the answer. E_INVAL: not the beginning;
                        * E_RANGE: beyond the bank; E_NOSYS: never in this bank */
    FLASH_OP_PROGRAM,  /* w1 = offset, w2 = bytes, at most FLASH_PROGRAM_MAX, w4.. = them. E_INVAL, E_RANGE: as above; E_NOSYS:
                        * never in this bank; E_IO: the chips refuse (locked, no voltage), w0 = their status registers. After
                        * E_IO and E_TIMEOUT a part of it may be done */
    FLASH_OP_STATUS    /* E_OK: nothing goes on, and the last erase went well, or there was none; E_IO: the last erase failed,
                        * w0 = status registers of the chips */
};
enum { FLASH_UNIT = 4, FLASH_READ_MAX = 64, FLASH_PROGRAM_MAX = 32, FLASH_BANKS_MAX = 4 };

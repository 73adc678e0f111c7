/* SPDX-License-Identifier: BSD-2-Clause
 * Common Flash Interface: JEDEC JESD68.01 (query structure), JEP137 (numbers of command sets); commands and status register
 * of the Intel command set, as in Intel 290667 (StrataFlash J3). Offsets count units of a chip's data bus; with two 16-bit
 * chips side by side a unit is four bytes, and each command goes to both halves. Complete for what cfi_flash.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { CFI_CHIPS = 2, CFI_BANK_WIDTH = 4 };
#define CFI_OFFSET(unit)  ((unit) * CFI_BANK_WIDTH)
#define CFI_BOTH(value)   ((uint32_t)(value) << 16 | (uint32_t)(value))

/* Units, r: in query mode, a byte each; two of them: the lower first. */
enum {
    CFI_QUERY_AT = 0x55,    /* w: where CFI_QUERY is written */
    CFI_MARK = 0x10,        /* 'Q', 'R', 'Y' */
    CFI_COMMAND_SET = 0x13, /* two: CFI_INTEL_EXTENDED, ... */
    CFI_PROGRAM_TYP = 0x1f, /* log2 of microseconds that a word takes, */
    CFI_ERASE_TYP = 0x21,   /* of milliseconds that a block takes */
    CFI_PROGRAM_MAX = 0x23, /* log2 of how much longer it takes at most */
    CFI_ERASE_MAX = 0x25,
    CFI_SIZE_LOG2 = 0x27,   /* of one chip, in bytes */
    CFI_REGIONS = 0x2c,     /* of erase blocks of one size */
    CFI_BLOCKS = 0x2d,      /* two: blocks in the first region, less one */
    CFI_BLOCK_UNITS = 0x2f, /* two: bytes of such a block in one chip, in CFI_BLOCK_UNIT bytes */
    CFI_UNITS = 0x31        /* so many are read at most, and CFI_QUERY_AT */
};
enum { CFI_INTEL_EXTENDED = 0x0001, CFI_INTEL_STANDARD = 0x0003, CFI_BLOCK_UNIT = 256 };

/* Written, to both chips. */
enum {
    CFI_ERASE = 0x20,        /* block erase: in a block; CFI_CONFIRM there must follow */
    CFI_PROGRAM = 0x40,      /* the next write is the data */
    CFI_CLEAR_STATUS = 0x50,
    CFI_READ_STATUS = 0x70,
    CFI_QUERY = 0x98,
    CFI_CONFIRM = 0xd0,
    CFI_READ_ARRAY = 0xff
};

/* Status register of each chip. */
#define SR_READY         BIT(7)
#define SR_ERASE_ERROR   BIT(5)
#define SR_PROGRAM_ERROR BIT(4)
#define SR_VPP_LOW       BIT(3)
#define SR_LOCKED        BIT(1)
#define SR_ERRORS        (SR_ERASE_ERROR | SR_PROGRAM_ERROR | SR_VPP_LOW | SR_LOCKED)

static_assert(CFI_OFFSET(CFI_QUERY_AT) == 0x154, "55h, in units of both chips");
static_assert(SR_READY == 0x80 && SR_ERRORS == 0x3a, "as in the manual's table");

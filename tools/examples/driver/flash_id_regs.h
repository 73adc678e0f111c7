/* SPDX-License-Identifier: BSD-2-Clause
 * Common Flash Interface: JEDEC JESD68.01 (query structure), command codes of JEP137. Offsets count units of a chip's data
 * bus; with two 16-bit chips side by side a unit is four bytes, and each command goes to both halves.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

enum { CFI_CHIPS = 2, CFI_BANK_WIDTH = 4 };
#define CFI_OFFSET(unit) ((unit) * CFI_BANK_WIDTH)
#define CFI_LANE0 FIELD(7, 0)   /* the query answers with bytes */
#define CFI_LANE1 FIELD(23, 16)

enum {
    CFI_MARK = 0x10,       /* r: 'Q', 'R', 'Y' in three units */
    CFI_SIZE_LOG2 = 0x27,  /* r: of one chip, in bytes */
    CFI_BLOCK_LOW = 0x2f,  /* r: erase block of the first region, */
    CFI_BLOCK_HIGH = 0x30, /* r: in CFI_BLOCK_UNIT bytes of one chip */
    CFI_QUERY_AT = 0x55,   /* w: where CFI_QUERY is written */
    CFI_REGS_LEN = 0x1000  /* bytes: the query structure is shorter */
};
enum { CFI_BLOCK_UNIT = 256, CFI_SIZE_LOG2_MAX = 32 };

/* Written: commands, to both chips. */
#define CFI_BOTH(command) ((command) << 16 | (command))
#define CFI_QUERY CFI_BOTH(0x98u)
#define CFI_READ_ARRAY CFI_BOTH(0xffu)

static_assert(CFI_QUERY == 0x00980098 && CFI_READ_ARRAY == 0x00ff00ff, "the codes in both halves");

/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupt Translation Service of a GICv3. Arm IHI 0069H: 12.19 for registers, 5.3 for commands, 5.2 for tables. Names as there; r,
 * w, rw. Complete for what gicv3_its.c touches.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

/* Control frame; 64 bits but for CTLR. Behind it the frame that devices write to. */
enum {
    GITS_CTLR = 0x0000,    /* rw, 32 bits */
    GITS_TYPER = 0x0008,   /* r */
    GITS_CBASER = 0x0080,  /* rw while not enabled: the queue of commands; makes CREADR 0 */
    GITS_CWRITER = 0x0088, /* rw: offset behind the last command */
    GITS_CREADR = 0x0090,  /* r: offset of the next one that it does */
    GITS_BASER = 0x0100,   /* rw while not enabled: eight, each for a kind of table */
    GITS_BASERS = 8,
    GITS_FRAME = 0x10000,
    GITS_TRANSLATER = 0x10040 /* w, by devices: the EventID */
};
#define GITS_CTLR_ENABLED BIT(0)
#define GITS_CTLR_QUIESCENT BIT(31)         /* r: nothing is on its way, once it is not enabled */
/* GITS_TYPER's lower half */
#define GITS_TYPER_PHYSICAL BIT(0)          /* it does physical LPIs */
#define GITS_TYPER_ITT_ENTRY_SIZE FIELD(7, 4) /* bytes, less one */
#define GITS_TYPER_ID_BITS FIELD(12, 8)     /* of EventIDs, less one */
#define GITS_TYPER_DEVBITS FIELD(17, 13)    /* of DeviceIDs, less one */
#define GITS_TYPER_PTA BIT(19)              /* a redistributor is called by its address, else by its number */
/* CBASER and BASER: attributes of memory as GICR_PROPBASER's. These are their upper halves' fields. */
#define GITS_ADDRESS 0x0000fffffffff000ull  /* bits 47:12 */
#define GITS_INNERCACHE FIELD(29, 27)       /* bits 61:59; OuterCache, 55:53, is 0: the same */
#define GITS_NONCACHEABLE 1u
#define GITS_SHAREABILITY FIELD(11, 10)     /* of the lower half; 0: none */
#define GITS_VALID BIT(31)                  /* bit 63 */
#define BASER_INDIRECT BIT(30)              /* bit 62: the table has addresses of pages of it */
#define BASER_TYPE FIELD(26, 24)            /* r, bits 58:56 */
#define BASER_ENTRY_SIZE FIELD(20, 16)      /* r, bits 52:48: bytes, less one */
#define BASER_PAGE_SIZE FIELD(9, 8)         /* lower half: 4, 16, 64 KiB */
#define BASER_SIZE FIELD(7, 0)              /* lower half: pages, less one */
#define CREADR_STALLED BIT(0)               /* a command is wrong */
enum { TYPE_NONE = 0, TYPE_DEVICES = 1, TYPE_COLLECTIONS = 4 };

/* Commands: four words of 64 bits. */
enum {
    ITS_SYNC = 0x05,    /* 2: target. All before is done */
    ITS_MAPD = 0x08,    /* 0: DeviceID; 1: bits of EventIDs, less one; 2: address of its table, valid */
    ITS_MAPC = 0x09,    /* 2: collection, target, valid */
    ITS_MAPTI = 0x0a,   /* 0: DeviceID; 1: EventID, INTID; 2: collection */
    ITS_INV = 0x0c,     /* 0: DeviceID; 1: EventID: its LPI's property is read again */
    ITS_INVALL = 0x0d,  /* 2: collection: all properties are */
    ITS_DISCARD = 0x0f, /* 0: DeviceID; 1: EventID: means nothing any more, and is not pending */
    ITS_COMMAND_LEN = 32,
    ITT_ALIGN = 256
};
#define ITS_COMMAND_VALID (1ull << 63)
#define ITS_TARGET_SHIFT 16                 /* of word 2: bits 51:16 */

static_assert(GITS_TYPER_ITT_ENTRY_SIZE == 0xf0 && GITS_TYPER_DEVBITS == 0x3e000, "IHI 0069H, GITS_TYPER");
static_assert(GITS_INNERCACHE == 7u << 27 && BASER_TYPE == 7 << 24 && BASER_ENTRY_SIZE == 0x1f0000, "IHI 0069H, GITS_BASER");
static_assert(BASER_PAGE_SIZE == 0x300 && BASER_SIZE == 0xff, "IHI 0069H, GITS_BASER");

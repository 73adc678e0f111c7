/* SPDX-License-Identifier: BSD-2-Clause
 * A board's firmware, as far as property messages go, with what it may do wrong. It reads and writes a buffer in memory
 * like the real one, from the wiki's description; it shares no code with drv/rpi_firmware.
 */
#pragma once
#include <cambium/sys.h>
#include <stdbool.h>
#include <stdint.h>

enum fake_fault {
    FIRMWARE_FINE = 0,
    FIRMWARE_SILENT,       /* no word comes back, nothing is written */
    FIRMWARE_MUTE,         /* it answers, but no word comes back */
    FIRMWARE_UNTOUCHED,    /* the word comes back, nothing is written */
    FIRMWARE_FOREIGN,      /* another word comes back */
    FIRMWARE_ERROR,        /* code 0x80000001, and no tag is answered */
    FIRMWARE_BAD_CODE,     /* neither success nor error */
    FIRMWARE_BAD_TAG,      /* another tag than asked stands there */
    FIRMWARE_BAD_LEN,      /* another size of the value */
    FIRMWARE_SHORT,        /* each answer lacks its last word */
    FIRMWARE_BOASTS        /* each answer claims more bytes than there is room, and all memory is scribbled over */
};

struct fake_firmware {
    enum fake_fault fault;
    uint32_t hz[16], hz_max[16]; /* by clock; 0: no such */
    uint32_t domains;            /* bit n: id n is on */
    bool knows_throttled;        /* old firmware does not */
    unsigned messages, tags;
    uint32_t skip_turbo, xhci;   /* as asked last */
    unsigned reboots_notified;
};
extern struct fake_firmware fake_firmware;

void fake_firmware_reset(void);
/* Serves a buffer. True: its word comes back. */
bool fake_firmware_serve(uint32_t *buffer);
/* Serves a FIRMWARE_OP_ASK, as drv/rpi_firmware would: in the place of its server. */
status_t fake_firmware_ask(struct msg *m);

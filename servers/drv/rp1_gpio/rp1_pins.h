/* SPDX-License-Identifier: BSD-2-Clause
 * What a state of pins in the tree asks for (dt-schema, schemas/pinctrl/pincfg-node.yaml, pinmux-node.yaml; Linux' binding
 * pinctrl/raspberrypi,rp1-gpio.yaml): read whole before a register is written.
 */
#pragma once
#include <cambium/driver.h>
#include "rp1_gpio_regs.h"

struct rp1_pins {
    uint64_t named;               /* the pins that it is about */
    uint64_t muxed;               /* of these, those that get a function: */
    uint8_t function[RP1_PINS];   /* CTRL's FUNCSEL */
    uint64_t driven, driven_high; /* those that become outputs */
    uint8_t pad[RP1_PINS];        /* bits of PADS, */
    uint8_t pad_mask[RP1_PINS];   /* and which of them are meant; the others stay */
};

/* Reads a state: the node's own properties and those of its enabled children. E_FORMAT: something of it makes no sense, which the
 * log names if `is_told`; *out->named then has what is known of it. */
status_t rp1_pins_read(const void *tree, int state, bool is_told, struct rp1_pins *out) WARN_UNUSED;

/* SPDX-License-Identifier: BSD-2-Clause
 * The GPIOs of a driver's own node, by index (proto/gpio.h). `index` counts the entries of the node's `gpios`, then those
 * of its keys or LEDs (tree.h:tree_gpio).
 *
 * Errors of all: those of the request in proto/gpio.h; E_NOTFOUND: the index has no server, too (none in the archive
 * knows its controller); E_BROKEN, E_DEAD as sys_call.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/gpio.h>
#include <stdbool.h>

/* Levels as the node means them: true is "active". */
status_t node_gpio_read(struct node node, unsigned index, bool *out) WARN_UNUSED;
/* Drives the line. */
status_t node_gpio_write(struct node node, unsigned index, bool level) WARN_UNUSED;
/* Has `bits` (of EVENT_BITS_OWN) set at the own port, as EV_NOTIFY, when the line fires; *out is its level now. After
 * COMMAND_REBIND: again. */
status_t node_gpio_subscribe(struct node node, unsigned index, enum gpio_trigger trigger, uint64_t bits,
                             bool *out) WARN_UNUSED;
/* What came of it: the level now, and how often the line fired since it was asked last; 0: for nothing. */
status_t node_gpio_take(struct node node, unsigned index, bool *out, uint32_t *out_events) WARN_UNUSED;

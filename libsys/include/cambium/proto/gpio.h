/* SPDX-License-Identifier: BSD-2-Clause
 * Class gpio: single lines, read, driven or watched.
 *
 * Who asks is known by badge. The server of a node names an index into its own node's GPIOs (tree.h:tree_gpio: its `gpios`,
 * then those of its keys or LEDs), and the driver reads line and flags from the tree itself: nobody can name another
 * node's line, and levels are as the node means them (GPIO_ACTIVE_LOW: 1 is the low level). A program that opened the
 * service names a line by its number, levels are the wire's; it may read all lines, and drive or watch those that no enabled
 * node of the tree claims. A line that several nodes claim belongs to the first in the tree; the log names them.
 *
 * What a pin is for (its function, its pulls) a node says with `pinctrl-0`, and before the node's driver starts its pins are set so
 * (GPIO_OP_PINS). The pins of such a state are claimed by the node as lines are.
 *
 * Drivers use node_gpio_read and the others of <cambium/gpio.h>.
 *
 * Life of a watched line: SUBSCRIBE makes it an input and sets the trigger. When it fires, the server sets the client's
 * bits; TAKE tells how often it did since the last one. A level is silent from then on until TAKE; edges are not, but
 * several between two TAKEs set the bits as if they were one. Bits may come without an event. An edge that came while
 * nobody was there to be told, or no driver, is told to the next who subscribes with the same trigger; the first
 * incarnation of a driver forgets what was before it. One client watches a line; *closed* ends that.
 * A line that is driven stays so when its client dies, and when the driver does.
 *
 * Everybody: E_NOTFOUND: the node has no such GPIO at this controller, or (TAKE, UNSUBSCRIBE) is not subscribed: the
 * server may be a new incarnation, subscribe again; E_RANGE: the controller has no such line; E_FORMAT: the tree's
 * specifier has not two cells; E_BUSY: the line is another's. w0 = index or line, unless it is said.
 */
#pragma once

enum { GPIO_CELLS = 2 }; /* of a specifier: line, flags (dt-bindings/gpio/gpio.h) */
enum gpio_flag {
    GPIO_ACTIVE_LOW = 1,
    GPIO_SINGLE_ENDED = 2 /* open drain or source: not to be driven both ways */
};

enum gpio_op {
    GPIO_OP_READ = 1,    /* -> w0 = level, 0 or 1 */
    GPIO_OP_WRITE,       /* w1 = level: the line is driven from now on. E_INVAL: not 0 or 1; E_NOSYS: GPIO_SINGLE_ENDED */
    GPIO_OP_INPUT,       /* the line is not driven any more */
    GPIO_OP_SUBSCRIBE,   /* w1 = event bits, w2 = enum gpio_trigger; handle: NOTIFY of the client's port -> w0 = level.
                          * Again: replaces. E_INVAL: no bits, no such trigger, or not one handle */
    GPIO_OP_UNSUBSCRIBE,
    GPIO_OP_TAKE,        /* -> w0 = level, w1 = events since the last TAKE or SUBSCRIBE. A level may fire again */
    GPIO_OP_STAT,        /* w0 = line, of nodes too -> w0 = GPIO_STAT_*, w1 = offset of the node that claims it or -1, w2 =
                          * events told, w3 = number of lines. For people. E_RANGE: no such line */
    GPIO_OP_PINS         /* w0 = index of the caller's `pinctrl-0`: the pins of that state get what it asks for: all of them, or
                          * none. Asked before the main of the node's driver. The log names state and property. E_NOSYS: the
                          * controller sets no functions; E_RIGHTS: the caller has no node; E_NOTFOUND: no such state, or
                          * another controller's; E_FORMAT: the state makes no sense, or no pins are in it; E_BUSY: a pin is
                          * another node's */
};
/* Two edges together are one trigger. */
enum gpio_trigger { GPIO_RISING = 1, GPIO_FALLING = 2, GPIO_BOTH = 3, GPIO_LEVEL_1 = 4, GPIO_LEVEL_0 = 8 };
enum { GPIO_STAT_HIGH = 1, GPIO_STAT_DRIVEN = 2, GPIO_STAT_WATCHED = 4 };

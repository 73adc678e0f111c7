/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of GPIO controllers: which node may have which line or pin (read from the tree once), who watches it, the
 * requests of <cambium/proto/gpio.h>, clients that go away. What the device does is the driver's, and the two meet in sets
 * of lines, a bit for each: after every event the driver reads its registers into `levels` and gpio_server_fired, has
 * the kit serve the event, and writes its registers from the rest.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/gpio.h>
#include <stdbool.h>

enum { GPIO_LINES_MAX = 64 };

/* Who has a line. */
struct gpio_line {
    int owner;       /* the node that claims it; -1: none */
    handle_t port;   /* of who watches; 0: nobody does */
    uint32_t client; /* its badge */
    uint64_t bits;   /* to set there */
    uint32_t events; /* since it took them */
    uint32_t told;   /* in all */
};

struct gpio_server {
    struct node node;    /* the controller's */
    unsigned line_count; /* at most GPIO_LINES_MAX */

    /* Of the driver: */
    uint64_t levels; /* high now */
    /* For the driver. All but `armed` and `stale` may be what the device already does when the server opens: */
    uint64_t used; /* a node's server that has the line asked for it, or who may drives or watches it: it is a GPIO, where the
                    * device can do else with it */
    uint64_t driven, driven_high;
    uint64_t by_level; /* triggers: else by edge, */
    uint64_t by_both;  /* that is any edge; */
    uint64_t by_high;  /* high level or rising edge; else low or falling */
    uint64_t armed;    /* shall interrupt */
    uint64_t stale;    /* what they latched means nothing: cleared after the triggers are set and before they are armed.
                        * The driver empties the set */

    /* Of the driver, where it sets pins' functions. `state`: a node below the controller's that a `pinctrl-0` names. */
    uint64_t (*pins_of)(struct gpio_server *s, int state); /* the pins that it is about, as far as they are known */
    status_t (*pins_set)(struct gpio_server *s, int state); /* as GPIO_OP_PINS: the caller may have all of them. NULL: E_NOSYS */

    struct gpio_line lines[GPIO_LINES_MAX];
};

/* Before the event loop: reads from the tree who claims which line, and warns where two nodes do, or one names a line that
 * there is not. Messages may bring one handle. */
void gpio_server_open(struct gpio_server *s);
/* Sets the pins that the controller's node asks for itself, state by state; the log names what is refused. */
void gpio_server_own_pins(struct gpio_server *s);
/* These lines fired: tells who watches them, and disarms those by level. */
void gpio_server_fired(struct gpio_server *s, uint64_t lines);
/* Serves what any event asks of the class; returns the status for event_done. */
status_t gpio_server_event(struct gpio_server *s, struct event *ev) WARN_UNUSED;

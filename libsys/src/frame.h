/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of libsys tell each other about ending a process. Inside libsys only.
 */
#pragma once
#include <abi/abi.h>

/* Writes out what the calling thread still has in its output line. */
void stdio_flush(void);
/* What is to be asked of the bus's server, once it was restarted, before lines are attached there again. */
void frame_bus_renew(status_t (*renew)(void));
/* Tells init that a server's main returned before it was ready. Does nothing in a program. */
void frame_main_returned(int result);
/* Before a driver's main: has the pins that its node asks for (pinctrl-0) set by their controllers' servers. */
void node_pins_set(void);
/* The last line logged as an error, for frame_main_returned; "" if none. */
const char *log_last_error(void);
/* Lines above this level are dropped. */
void log_set_level(enum log_level level);

/* SPDX-License-Identifier: BSD-2-Clause
 * What `bench serial` and tools/bench have agreed on: whoever is at the console has to play along.
 */
#pragma once

enum {
    SERIAL_LAP = 4096,    /* bytes in a lap of serial_rx_byte and serial_tx_byte */
    SERIAL_BYTES = 65536, /* are pasted; as many are printed */
    SERIAL_KEYS = 100     /* keys are pressed, each when the one before has come back */
};

/* The series of serial_keys.def; a status of main. */
int bench_serial(void);

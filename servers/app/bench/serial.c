/* SPDX-License-Identifier: BSD-2-Clause
 * bench serial - the console's port: bytes from the wire into a program, from a program to the wire, and there and back. All that
 * is executed meanwhile counts: driver, interrupt controller, mux, kernel and this program, which reads raw.
 */
#include <cambium/client.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>
#include "marker.h"
#include "serial.h"

typedef status_t serial_series(struct serial *console);

/* Not by stdio: a session has one attachment, and that is `console`. */
static void say(struct serial *console, const char *text)
{
    uint32_t taken;

    (void)!serial_write(console, text, (uint32_t)strlen(text), 0,
                        &taken); /* nowhere to complain to */
}

/* The first lap begins with the first bytes that come. */
static status_t run_serial_rx_byte(struct serial *console)
{
    static uint8_t data[SERIAL_LAP];
    uint32_t total = 0, got = 0;
    status_t err = E_OK;

    say(console, "now send the bytes\n");
    while (!err && total < SERIAL_BYTES) {
        uint32_t left = SERIAL_LAP - total % SERIAL_LAP; /* a lap's end is a read's */

        err = serial_read(console, data, left, 0, &got);
        if (total == 0 || got == left) {
            MARK(MARK_LAP);
        }
        total += got;
    }
    return err;
}

/* Lines of 64 bytes, of which the last becomes two on the wire. */
static status_t run_serial_tx_byte(struct serial *console)
{
    static uint8_t data[SERIAL_LAP];
    uint32_t taken = SERIAL_LAP;
    status_t err = E_OK;

    memset(data, '.', sizeof(data));
    for (unsigned i = 63; i < sizeof(data); i += 64) {
        data[i] = '\n';
    }
    for (uint32_t total = 0; !err && total < SERIAL_BYTES && taken == SERIAL_LAP; total += taken) {
        MARK(MARK_LAP);
        err = serial_write(console, data, sizeof(data), 0, &taken);
    }
    return err;
}

/* A lap is from a key here to the next one: its echo goes out, then the console idles, which is no instructions. */
static status_t run_serial_echo(struct serial *console)
{
    uint8_t key;
    uint32_t moved = 0;
    status_t err = E_OK;

    say(console, "now press the keys\n");
    for (unsigned i = 0; i < SERIAL_KEYS && !err; i++) {
        err = serial_read(console, &key, 1, 0, &moved);
        MARK(MARK_LAP);
        err = err ? err : serial_write(console, &key, 1, 0, &moved);
    }
    return err;
}

static const struct {
    const char *name;
    serial_series *run;
} series[] = {
#define KEY(key) { #key, run_##key },
#include "serial_keys.def"
#undef KEY
};

int bench_serial(void)
{
    struct msg raw = { .info = SERIAL_OP_MODE, .w = { SERIAL_RAW } };
    struct serial console;
    char line[120];
    int failed = 0;
    status_t err = serial_attach(&console, start_handle("service console"), 0, 0);

    err = err ? err : msg_call(console.service, &raw);
    if (err) {
        printf("bench: no console of its own: %s (%s)\n", err_text(err), err_name(err));
        return 1;
    }
    for (unsigned i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        uint64_t begin = time_now_ns();

        MARK(MARK_START);
        err = series[i].run(&console);
        MARK(MARK_END);
        if (err) {
            (void)snprintf(line, sizeof(line), "%-20s failed: %s (%s)\n", series[i].name,
                           err_text(err), err_name(err)); /* what does not fit is left out */
            failed = 1;
        } else {
            (void)snprintf(line, sizeof(line), "%-20s %8u us\n", series[i].name,
                           (unsigned)((time_now_ns() - begin) / 1000)); /* fits */
        }
        say(&console, line);
    }
    return failed;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * bench recover SERVER... - what it takes until a key that is pressed is read again after a server was killed: all that is executed
 * from the kill on, by init, by the next incarnation, by its clients, until the key is here. Waiting is no instructions. The key is
 * asked for after the kill, so that it cannot come before.
 */
#include "recover.h"
#include <cambium/client.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>
#include "marker.h"

enum { SETTLE_NS = 300000000 };

/* Not by stdio: a session has one attachment, and that is `console`. */
static status_t say(struct serial *console, const char *text)
{
    uint32_t taken;

    return serial_write(console, text, (uint32_t)strlen(text), 0, &taken);
}

static status_t run_recover(struct serial *console, const char *name)
{
    struct msg m;
    uint8_t key;
    uint32_t got = 0;
    status_t err = E_OK;

    for (unsigned i = 0; i < RECOVER_LAPS && !err; i++) {
        sleep_ns(SETTLE_NS); /* what the death before has set going is over */
        MARK(MARK_FROM);
        err = init_name_call(INIT_OP_KILL, name, 0, &m);
        err = err ? err : say(console, "now press a key\n");
        err = err ? err : serial_read(console, &key, 1, 0, &got);
        MARK(MARK_TO);
    }
    return err;
}

int bench_recover(unsigned count, char *names[])
{
    struct msg raw = { .info = SERIAL_OP_MODE, .w = { SERIAL_RAW } };
    struct serial console;
    char line[120];
    status_t err = serial_attach(&console, start_handle("service console"), 0, 0);

    err = err ? err : msg_call(console.service, &raw);
    if (err) {
        printf("bench: no console of its own: %s (%s)\n", err_text(err), err_name(err));
        return 1;
    }
    for (unsigned i = 0; i < count && !err; i++) {
        MARK(MARK_START);
        err = run_recover(&console, names[i]);
        MARK(MARK_END);
        if (err) {
            (void)snprintf(line, sizeof(line), "bench: recovering from %s: %s (%s)\n", names[i],
                           err_text(err), err_name(err)); /* what does not fit is left out */
            (void)say(&console, line);                    /* nowhere to complain to */
        }
    }
    return err != E_OK;
}

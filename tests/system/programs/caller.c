/* SPDX-License-Identifier: BSD-2-Clause
 * Calls the interrupt controller, the serial driver and the console in a loop, while a second thread waits for input of the
 * console that never comes. Says every second how many calls were answered, and how many of these with E_DEAD because
 * the server died over them. Any other answer ends it.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/irq.h>
#include <cambium/proto/serial.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdio.h>

PROGRAM_NEEDS("irq serial");

enum { IRQ, SERIAL, CONSOLE, SERVICES };
enum { LAPS = 64 /* between two looks at the time */, SECOND = 1000000000 };

static handle_t services[SERVICES];
static uint64_t answers;
static volatile uint64_t deaths;
static volatile status_t wrong;

static void ask(handle_t service, const struct msg *request)
{
    struct msg m = *request;
    status_t err = msg_call(service, &m);

    if (err == E_DEAD) {
        deaths++;
    } else if (err != E_OK && err != E_CANCELED) { /* the own printf attaches the session anew */
        wrong = err;
    }
}

static int wait_for_input(void *unused)
{
    static const struct msg request = { SERIAL_OP_READ_SHORT, { 1, SERIAL_COOKED } };

    (void)unused;
    while (wrong == E_OK) {
        ask(services[CONSOLE], &request);
    }
    return 0;
}

int main(void)
{
    static const char *const names[SERVICES] = { "irq", "serial", "console" };
    static const struct msg requests[SERVICES] = { { IRQ_OP_STAT, { 0 } },
                                                   { SERIAL_OP_STAT, { 0 } },
                                                   { SERIAL_OP_STAT, { 0 } } };
    static struct thread waiting;
    status_t err = E_OK;
    uint64_t next_ns = 0;

    for (unsigned i = 0; i < SERVICES && err == E_OK; i++) {
        err = service_open(names[i], &services[i]);
    }
    wrong = err ? err : thread_start(&waiting, wait_for_input, NULL, thread_priority());
    for (uint64_t lap = 0; wrong == E_OK; lap++) {
        for (unsigned i = 0; i < SERVICES; i++, answers++) {
            ask(services[i], &requests[i]);
        }
        if (lap % LAPS == 0 && time_now_ns() >= next_ns) {
            next_ns = time_now_ns() + SECOND;
            printf("caller: %" PRIu64 " answers, %" PRIu64 " of the dying\n", answers, deaths);
        }
    }
    printf("caller: %s after %" PRIu64 " answers\n", err_name(wrong), answers);
    return 1;
}

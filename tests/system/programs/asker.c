/* SPDX-License-Identifier: BSD-2-Clause
 * Asks class entropy without end, two clients of its own at once: one for a byte at a time, one for as many as there are. Says
 * every second what each got, how many requests died with their server, and how many answers were the same as the one
 * before, which with eight bytes and more must not be. Any other answer ends it.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/entropy.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

PROGRAM_NEEDS("entropy");

enum { SECOND = 1000000000 };

struct client {
    handle_t service;
    uint64_t len, answers, deaths, repeats;
    uint64_t last[ENTROPY_READ_LEN / sizeof(uint64_t)];
};
static struct client few = { .len = 1 }, many = { .len = ENTROPY_READ_LEN };
static volatile status_t wrong;

static void ask(struct client *c)
{
    struct msg m = { ENTROPY_OP_READ, { c->len } };
    status_t err = msg_call(c->service, &m);

    if (err == E_DEAD) {
        c->deaths++;
    } else if (err != E_OK || m.w[0] == 0 || m.w[0] > c->len) {
        wrong = err != E_OK ? err : E_IO;
    } else {
        c->answers++;
        c->repeats += m.w[0] >= 8 && m.w[1] == c->last[0];
        memcpy(c->last, &m.w[1], sizeof(c->last));
    }
}

static int ask_for_few(void *unused)
{
    (void)unused;
    while (wrong == E_OK) {
        ask(&few);
    }
    return 0;
}

int main(void)
{
    static struct thread other;
    uint64_t next_ns = 0;
    status_t err = service_open("entropy", &few.service);

    err = err ? err : service_open("entropy", &many.service);
    wrong = err ? err : thread_start(&other, ask_for_few, NULL, thread_priority());
    while (wrong == E_OK) {
        ask(&many);
        if (time_now_ns() >= next_ns) {
            next_ns = time_now_ns() + SECOND;
            printf("asker: %" PRIu64 " and %" PRIu64 " answers, %" PRIu64 " died, %" PRIu64
                   " repeated\n",
                   few.answers, many.answers, few.deaths + many.deaths, many.repeats);
        }
    }
    printf("asker: %s\n", err_name(wrong));
    return 1;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * threads - two threads of one process whose output interleaves: each prints a line and sleeps, half a step apart.
 * Exit status 0 when the lines came in turns, which the program checks itself.
 */
#include <cambium/thread.h>
#include <stdio.h>

enum { LINES = 5 };
#define STEP_NS 20000000ull

struct voice {
    struct thread thread;
    const char *name;
    uint64_t delay_ns;
};

static struct mutex order_lock;
static char order[2 * LINES + 1]; /* initials of the lines, as they came; under order_lock */
static unsigned order_len;

static int voice_speak(void *arg)
{
    const struct voice *v = arg;

    sleep_ns(v->delay_ns);
    for (int i = 1; i <= LINES; i++) {
        mutex_lock(&order_lock);
        order[order_len++] = v->name[0];
        printf("%s says %d\n", v->name, i);
        mutex_unlock(&order_lock);
        sleep_ns(2 * STEP_NS);
    }
    return 0;
}

int main(void)
{
    static struct voice voices[] = { { .name = "ash", .delay_ns = 0 },
                                     { .name = "birch", .delay_ns = STEP_NS } };
    unsigned changes = 0;

    for (unsigned i = 0; i < 2; i++) {
        status_t err = thread_start(&voices[i].thread, voice_speak, &voices[i], thread_priority());
        if (err != E_OK) {
            printf("threads: cannot start a thread: %d\n", err);
            return 1;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)thread_join(&voices[i].thread); /* voice_speak has no result */
    }
    for (unsigned i = 1; i < order_len; i++) {
        changes += order[i] != order[i - 1];
    }
    printf("order %s: %u changes of voice\n", order, changes);
    /* a slow machine may swap a pair; two threads one after the other would change once */
    return order_len == 2 * LINES && changes >= LINES ? 0 : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * test-killer MS COUNT NAME... - kills these servers in turn, one every MS milliseconds, COUNT in all, while somebody else has the
 * console's input. Says when it is done, and each that could not be killed.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("+control");

int main(int argc, char *argv[])
{
    unsigned long ms = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long count = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        const char *name = argv[3 + i % (unsigned long)(argc - 3)];
        struct msg m = { .info = INIT_OP_KILL };

        sleep_ns(ms * 1000000);
        memcpy(m.w, name, strlen(name));
        status_t err = msg_call(start_handle("init"), &m);
        if (err) {
            printf("killer: %s: %s\n", name, err_name(err));
            failed++;
        }
    }
    printf("killer: done, %u failed\n", failed);
    return failed != 0;
}

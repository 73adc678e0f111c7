/* SPDX-License-Identifier: BSD-2-Clause
 * random - random bytes in hexadecimal, from class entropy.
 *
 *     random                16 bytes
 *     random N              N bytes, 1 to 65536
 *     random N SOURCE       from this source: an alias or a path of the device tree
 */
#include <cambium/client.h>
#include <cambium/entropy.h>
#include <cambium/match.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>

PROGRAM_NEEDS("entropy");

enum { BYTES_DEFAULT = 16, BYTES_MAX = 65536, ROW = 32 };
#define PATIENCE_NS 3000000000ull /* for a row */

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "random: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

int main(int argc, char *argv[])
{
    const char *source = argc > 2 ? argv[2] : "entropy";
    unsigned long count = BYTES_DEFAULT;
    char *end = NULL;
    handle_t service;
    uint8_t row[ROW];

    if (argc > 1) {
        count = argv[1][0] >= '0' && argv[1][0] <= '9' ? strtoul(argv[1], &end, 10) : 0;
    }
    if (argc > 3 || count == 0 || count > BYTES_MAX || (end != NULL && *end != '\0')) {
        (void)fprintf(stderr, "usage: random [N [SOURCE]]    N: 1 to %d\n", BYTES_MAX);
        return 2;
    }
    status_t err = service_open(source, &service);
    if (err) {
        return fail(argc > 2 ? source : "no source of entropy", err);
    }
    for (unsigned long at = 0; at < count; at += ROW) {
        size_t len = count - at < ROW ? count - at : ROW;
        err = entropy_read(service, row, len, time_deadline(PATIENCE_NS));
        if (err) {
            return fail("no bytes", err);
        }
        for (size_t i = 0; i < len; i++) {
            printf("%02x", row[i]);
        }
        printf("\n");
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * stream N - prints N numbered lines (without N: until ^C), as fast as the console takes them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
    char *end = NULL;
    uint64_t count = argc > 1 ? strtoull(argv[1], &end, 10) : UINT64_MAX;

    if (argc > 2 || (argc == 2 && (argv[1][0] < '0' || argv[1][0] > '9' || *end != '\0'))) {
        printf("usage: stream [LINES]\n");
        return 2;
    }
    for (uint64_t i = 1; i <= count; i++) {
        printf("%8" PRIu64 " the quick brown fox jumps over the lazy dog\n", i);
    }
    return 0;
}

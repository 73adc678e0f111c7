/* SPDX-License-Identifier: BSD-2-Clause
 * What the start of a program must bear: constructors, and more thread-local storage than there is room kept for. Then it
 * asks for lines, until their end.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LEN = 4096 };

static bool constructed;
static _Thread_local char big[LEN];
static _Thread_local unsigned initialized = 4711;

__attribute__((constructor)) static void construct(void)
{
    constructed = true;
}

int main(int argc, char **argv)
{
    char line[80];
    unsigned zeros = 0;

    for (unsigned i = 0; i < LEN; i++) {
        zeros += big[i] == 0;
    }
    memset(big, 1, LEN);
    printf("constructed %d, zeros %u, initialized %u, %d arguments, the last %s\n", constructed,
           zeros, initialized, argc - 1, argv[argc - 1]);
    printf("name? ");
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        printf("hello %s\nname? ", line);
    }
    printf("end\n");
    return 0;
}

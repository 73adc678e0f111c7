/* SPDX-License-Identifier: BSD-2-Clause
 * hello - the smallest program: greets, and shows what it was started with. Its exit status is the number of its
 * arguments, so that a test sees arguments and status travel.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("Hello from Cambium.\n");
    for (int i = 1; i < argc; i++) {
        printf("argument %d: %s\n", i, argv[i]);
    }
    return argc > 1 ? argc - 1 : 0;
}

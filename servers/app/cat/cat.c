/* SPDX-License-Identifier: BSD-2-Clause
 * cat - prints every line it reads, up to ^D.
 */
#include <stdio.h>

int main(void)
{
    int c;

    while ((c = getchar()) != EOF) {
        putchar(c);
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * Says that it runs, and computes for ever.
 */
#include <stdio.h>

int main(void)
{
    printf("spinning\n");
    fflush(stdout);
    for (;;) {
        __asm__ volatile(""); /* a loop without effect is undefined */
    }
}

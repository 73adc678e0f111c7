/* SPDX-License-Identifier: BSD-2-Clause
 * shell - reads commands from the console. STUB: greets and ends, so that the archive links.
 */
#include <stdio.h>

int main(void)
{
    printf("cambium> \n");
    return 0;
}

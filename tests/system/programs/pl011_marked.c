/* SPDX-License-Identifier: BSD-2-Clause
 * The real driver of the console's UART, which says in the log that it is not the archive's own.
 */
int pl011_main(void);
#define main pl011_main
#include "../../../servers/drv/pl011/pl011.c"
#undef main

int main(void)
{
    log_info("outside of the tree");
    return pl011_main();
}

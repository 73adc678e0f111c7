/* SPDX-License-Identifier: BSD-2-Clause
 * The real root interrupt server in its first incarnation; every later one faults at once.
 */
int gicv2_main(void);
#define main gicv2_main
#include "../../../servers/drv/gicv2/gicv2.c"
#undef main
#include <cambium/start.h>

int main(void)
{
    if (start_info->incarnation > 1) {
        __builtin_trap();
    }
    return gicv2_main();
}

/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv2 as part of this image: its main, with the start_info that the first process wrote.
 */
int gicv2_main(void);
#define main gicv2_main
#include "servers/drv/gicv2/gicv2.c"
#undef main
#include "ktest.h"

void controller_gicv2(uint64_t info)
{
    start_info = (const struct start_info *)info;
    sys_process_exit(gicv2_main());
}

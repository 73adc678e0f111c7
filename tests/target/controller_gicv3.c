/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv3 as part of this image: its main, with the start_info that the first process wrote.
 */
int gicv3_main(void);
#define main gicv3_main
#include "servers/drv/gicv3/gicv3.c"
#include "servers/drv/gicv3/lpi.c"
#undef main
#include "ktest.h"

void controller_gicv3(uint64_t info)
{
    start_info = (const struct start_info *)info;
    sys_process_exit(gicv3_main());
}

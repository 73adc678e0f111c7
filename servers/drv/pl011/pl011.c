/* SPDX-License-Identifier: BSD-2-Clause
 * pl011 - serial driver server for the Arm PrimeCell UART.
 * A STUB for linking: it only carries the match table; the driver follows.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match pl011_match[] = {
    DEV_MATCH("arm,pl011", "serial", "interrupts", 0),
    DEV_MATCH("arm,pl011-axi", "serial", "interrupts", 0),
};

int main(void)
{
    return E_NOSYS;
}

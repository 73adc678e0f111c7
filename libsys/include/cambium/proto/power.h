/* SPDX-License-Identifier: BSD-2-Clause
 * Class power: what switches the machine off where the kernel's firmware call (PSCI) cannot. machine_power (client.h) tries
 * both.
 */
#pragma once

enum power_op {
    POWER_OP_END = 1 /* w0 = POWER_OFF or POWER_REBOOT (abi.h). Does not return when it works. E_INVAL: another; E_IO: the
                      * machine still runs; E_BUSY: it is ending already */
};

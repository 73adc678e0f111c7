/* SPDX-License-Identifier: BSD-2-Clause
 * Class rtc: a clock that goes on while the machine is off. Time is whole seconds since 1970-01-01 00:00:00 UTC, leap seconds
 * not counted.
 *
 * Requests are answered at once. Whoever may open a clock may set it.
 */
#pragma once

enum rtc_op {
    RTC_OP_READ = 1, /* -> w0 = the time. E_IO: the clock does not tell */
    RTC_OP_SET       /* w0 = the time from now on; for a second the old one may still be read. E_RANGE: later than the clock
                      * counts; E_NOSYS: it cannot be set; E_IO */
};

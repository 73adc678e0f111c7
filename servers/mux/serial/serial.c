/* SPDX-License-Identifier: BSD-2-Clause
 * serial - shares the console's serial driver among clients. STUB: answers nothing yet, so that the archive links.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match serial_match[] = { DEV_MATCH("console", "serial", "stdout-path", MATCH_SERVICE) };

int main(void)
{
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, E_NOSYS);
    }
}

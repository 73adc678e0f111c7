/* SPDX-License-Identifier: BSD-2-Clause
 * A server that never becomes ready: it claims its node and then computes for ever.
 */
#include <cambium/driver.h>

DEV_MATCH_TABLE struct dev_match stuck_match[] = {
    DEV_MATCH("cambium,test-stuck", "test", "", 0),
};

int main(void)
{
    for (;;) {
        __asm__ volatile(""); /* a loop without effect is undefined */
    }
}

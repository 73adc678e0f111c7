/* SPDX-License-Identifier: BSD-2-Clause
 * Sleeps for a moment, again and again.
 */
#include <cambium/thread.h>

static __attribute__((noinline)) void nap(void)
{
    sleep_ns(5000000);
}

int main(void)
{
    for (;;) {
        nap();
    }
}

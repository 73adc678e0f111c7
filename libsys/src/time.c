/* SPDX-License-Identifier: BSD-2-Clause
 * Time from the architected counter (Arm DDI 0487, D11.1.2: CNTVCT_EL0 counts at CNTFRQ_EL0 and never stops). Seconds
 * and the rest are converted apart, so that nothing overflows before the counter itself does.
 */
#include <cambium/sys.h>
#include <cambium/thread.h>

#define NS_PER_S 1000000000ull

static uint64_t counter_ticks(void)
{
    uint64_t ticks;

    __asm__ volatile("mrs %[ticks], cntvct_el0" : [ticks] "=r"(ticks));
    return ticks;
}

static uint64_t counter_hz(void)
{
    uint64_t hz;

    __asm__("mrs %[hz], cntfrq_el0" : [hz] "=r"(hz));
    return hz;
}

uint64_t time_ticks_ns(uint64_t ticks)
{
    uint64_t hz = counter_hz();

    return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

uint64_t time_now_ns(void)
{
    return time_ticks_ns(counter_ticks());
}

uint64_t time_deadline(uint64_t timeout_ns)
{
    uint64_t hz = counter_hz();
    uint64_t now = counter_ticks();
    uint64_t ticks = (timeout_ns % NS_PER_S * hz + NS_PER_S - 1) / NS_PER_S;

    if (timeout_ns / NS_PER_S > (UINT64_MAX - 1 - now - ticks) / hz) {
        return UINT64_MAX - 1; /* the last moment that is not DEADLINE_NEVER */
    }
    return now + timeout_ns / NS_PER_S * hz + ticks + 1; /* + 1: part of the current tick is over */
}

void sleep_ns(uint64_t ns)
{
    static const uint32_t never_woken;

    /* E_TIMEOUT is what it waits for; any other end would be a bug of the kernel, and then not sleeping is all it costs */
    (void)sys_futex_wait(&never_woken, 0, 0, time_deadline(ns));
}

/* SPDX-License-Identifier: BSD-2-Clause
 * pl031 - driver server for the Arm PrimeCell Real Time Clock.
 *
 * Device:   Arm DDI 0224, PL031 TRM; pl031_regs.h uses the manual's names.
 * Binding:  README.md beside this file (one reg).
 * Protocol: <cambium/proto/rtc.h>; a request is one access to a register.
 * Not here: the alarm, and so the interrupt; ST's variants, which count days.
 */
#include <cambium/driver.h>
#include <cambium/proto/rtc.h>
#include "pl031_regs.h"

struct pl031 {
    struct mmio regs;
};

DEV_MATCH_TABLE struct dev_match pl031_match[] = {
    DEV_MATCH("arm,pl031", "rtc", "reg", 0),
};

/* Firmware may have set an alarm: nobody waits for it. A counter that runs is left alone, since it has the time. */
static void pl031_start(const struct pl031 *c)
{
    mmio_write32(&c->regs, RTCIMSC, 0);
    mmio_write32(&c->regs, RTCICR, INT_ALARM);
    if ((mmio_read32(&c->regs, RTCCR) & CR_START) == 0) {
        mmio_write32(&c->regs, RTCCR, CR_START);
        log_warn("it stood still: its time is wrong until it is set");
    }
}

static status_t pl031_serve(const struct pl031 *c, struct msg *m)
{
    switch (info_op(m->info)) {
    case RTC_OP_READ:
        m->w[0] = mmio_read32(&c->regs, RTCDR);
        return E_OK;
    case RTC_OP_SET:
        if (m->w[0] > UINT32_MAX) {
            return E_RANGE;
        }
        mmio_write32(&c->regs, RTCLR, (uint32_t)m->w[0]);
        return E_OK;
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct pl031 clock;
    status_t err = node_mmio(driver_node(), 0, PL031_REGS_LEN, &clock.regs);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    event_accept(0); /* no request brings a handle */
    pl031_start(&clock);
    for (;;) {
        struct event ev = event_wait();
        err = E_OK;
        if (ev.kind == EV_CALL) {
            err = pl031_serve(&clock, &ev.msg);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        event_done(&ev, err);
    }
}

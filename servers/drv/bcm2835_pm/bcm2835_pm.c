/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_pm - driver server for reset, power-off and watchdog of BCM2835 to BCM2712.
 *
 * Device:   bcm2835_pm_regs.h says where it is described. A reset is a watchdog with a short time; power-off is a reset
 *           after which the boot loader stops.
 * Binding:  README.md beside this file. `watchdog=SECONDS` in bootargs arms the watchdog for good.
 * Protocol: <cambium/proto/power.h>.
 * Not here: power domains, resets of single blocks (the second window).
 */
#include <cambium/driver.h>
#include <cambium/firmware.h>
#include <cambium/proto/power.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <string.h>
#include <tree.h>
#include "bcm2835_pm_regs.h"

enum { END_TICKS = 10 };         /* as Linux: 153 us, time for the last write to arrive */
#define END_NS      100000000ull /* a machine that still runs then was not reset */
#define FIRMWARE_NS 500000000ull /* for the firmware to take note, which it need not */
#define BIT_TIME    (1ull << 16)

struct pm {
    struct mmio regs;
    handle_t port;
    handle_t firmware;       /* 0: there is none */
    uint32_t watchdog_ticks; /* 0: not armed */
    bool is_ending;
    handle_t reply; /* to who ended it */
};

DEV_MATCH_TABLE struct dev_match pm_match[] = {
    DEV_MATCH("brcm,bcm2835-pm", "power", "reg uses firmware", 0),
    DEV_MATCH("brcm,bcm2711-pm", "power", "reg uses firmware", 0),
    DEV_MATCH("brcm,bcm2712-pm", "power", "reg uses firmware", 0),
    DEV_MATCH("brcm,bcm2835-pm-wdt", "power", "reg uses firmware", 0),
};

/* `watchdog=SECONDS` of the bootargs. E_NOTFOUND: none; E_RANGE: more than the counter has, or no whole number above 0. */
static status_t pm_watchdog_ticks(const char *bootargs, uint32_t *out)
{
    static const char key[] = "watchdog=";
    const char *at = bootargs;
    uint32_t seconds = 0;

    while (*at != '\0' && strncmp(at, key, sizeof(key) - 1) != 0) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    if (*at == '\0') {
        return E_NOTFOUND;
    }
    for (at += sizeof(key) - 1; *at >= '0' && *at <= '9' && seconds <= WDOG_TIME / WDOG_HZ; at++) {
        seconds = seconds * 10 + (uint32_t)(*at - '0');
    }
    if ((*at != ' ' && *at != '\0') || seconds == 0 || seconds > WDOG_TIME / WDOG_HZ) {
        return E_RANGE;
    }
    *out = seconds * WDOG_HZ;
    return E_OK;
}

static void pm_write(const struct pm *p, uint32_t offset, uint32_t value)
{
    mmio_write32(&p->regs, offset, PM_PASSWORD | (value & PM_VALUE));
}

/* The machine is reset when `ticks` are over. Bits that nobody describes stay as they are. */
static void pm_arm(const struct pm *p, uint32_t ticks)
{
    pm_write(p, PM_WDOG, ticks & WDOG_TIME);
    pm_write(p, PM_RSTC, (mmio_read32(&p->regs, PM_RSTC) & ~RSTC_WRCFG) | RSTC_WRCFG_FULL_RESET);
}

/* Feeds the watchdog, and comes again when half its time is over. */
static void pm_feed(const struct pm *p)
{
    pm_arm(p, p->watchdog_ticks);
    uint64_t half_ns = (uint64_t)p->watchdog_ticks * 1000000000 / WDOG_HZ / 2;
    (void)sys_timer_set(p->port, time_deadline(half_ns), BIT_TIME); /* our port; an error resets */
}

/* What boot loader or predecessor left running is ended, or nobody would feed it. */
static void pm_start(struct pm *p)
{
    if (p->watchdog_ticks != 0) {
        pm_feed(p);
    } else {
        pm_write(p, PM_RSTC, RSTC_STOPPED);
    }
}

/* The firmware may want to store things; it is not waited for longer than that, nor believed. */
static void pm_notify(const struct pm *p)
{
    struct firmware_tag_notify_reboot ask = FIRMWARE_ASK(notify_reboot);

    if (p->firmware != 0 && firmware_ask(p->firmware, &ask, time_deadline(FIRMWARE_NS)) != E_OK) {
        log_debug("the firmware took no note of the end");
    }
}

static status_t pm_end(struct pm *p, struct event *ev)
{
    uint64_t how = ev->msg.w[0];

    if (how != POWER_OFF && how != POWER_REBOOT) {
        return E_INVAL;
    }
    if (p->is_ending) {
        return E_BUSY;
    }
    status_t err = event_keep(ev, &p->reply);
    if (err) {
        return err;
    }
    p->is_ending = true;
    pm_notify(p);
    uint32_t rsts = mmio_read32(&p->regs, PM_RSTS) & ~RSTS_PARTITION;
    pm_write(p, PM_RSTS, how == POWER_OFF ? rsts | RSTS_PARTITION_HALT : rsts);
    pm_arm(p, END_TICKS);
    (void)sys_timer_set(p->port, time_deadline(END_NS), BIT_TIME); /* our port */
    return E_OK;
}

static void pm_time(struct pm *p)
{
    struct msg m = { 0 };

    if (p->is_ending) {
        log_error("the machine was not reset");
        p->is_ending = false;
        event_answer(p->reply, E_IO, &m);
    }
    if (p->watchdog_ticks != 0) {
        pm_feed(p);
    }
}

/* True: a call, which is kept. */
static bool pm_event(struct pm *p, struct event *ev, status_t *out)
{
    *out = E_OK;
    if (ev->kind == EV_CALL && info_handles(ev->msg.info) != 0) {
        *out = E_INVAL; /* the frame closes what came */
    } else if (ev->kind == EV_CALL && info_op(ev->msg.info) == POWER_OP_END) {
        *out = pm_end(p, ev);
        return *out == E_OK;
    } else if (ev->kind == EV_CALL || ev->kind == EV_COMMAND) {
        *out = E_NOSYS;
    } else if (ev->kind == EV_NOTIFY && (ev->bits & BIT_TIME) != 0) {
        pm_time(p);
    }
    return false;
}

int main(void)
{
    static struct pm pm;
    struct node node = driver_node();
    const char *bootargs = NULL;
    int chosen;
    status_t err = node_mmio(node, 0, PM_REGS_LEN, &pm.regs);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    pm.port = start_handle("port");
    pm.firmware = start_handle("service firmware");
    if (tree_find(node.tree, "/chosen", &chosen) == E_OK) {
        bootargs = tree_string(node.tree, chosen, "bootargs");
    }
    err = bootargs != NULL ? pm_watchdog_ticks(bootargs, &pm.watchdog_ticks) : E_NOTFOUND;
    if (err == E_RANGE) {
        log_error("watchdog= in bootargs is not 1 to %u seconds: not armed",
                  (unsigned)(WDOG_TIME / WDOG_HZ));
    } else if (err == E_OK) {
        log_info("watchdog armed: %u s", (unsigned)(pm.watchdog_ticks / WDOG_HZ));
    }
    event_accept(0);
    pm_start(&pm);
    for (;;) {
        struct event ev = event_wait();
        if (!pm_event(&pm, &ev, &err)) {
            event_done(&ev, err);
        }
    }
}

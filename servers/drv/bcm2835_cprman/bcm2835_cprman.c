/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2835_cprman - driver server for the clock manager of BCM2835 to BCM2711.
 *
 * Device:   the firmware owns the registers and changes them by itself; this server asks it, and touches none.
 * Binding:  README.md beside this file. Numbers of clocks: include/dt-bindings/clock/bcm2835.h of Linux 6.12.
 * Protocol: <cambium/proto/clock.h>; each request is one message to class firmware, which answers within a second.
 * Not here: PLLs, dividers, gates; clocks that the firmware has no number for.
 */
#include <cambium/driver.h>
#include <cambium/firmware.h>
#include <cambium/proto/clock.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <stddef.h>
#include <tree.h>

struct cprman {
    struct node node;
    handle_t firmware;
};

DEV_MATCH_TABLE struct dev_match cprman_match[] = {
    DEV_MATCH("brcm,bcm2835-cprman", "clock", "service firmware", 0),
    DEV_MATCH("brcm,bcm2711-cprman", "clock", "service firmware", 0),
};

/* What a specifier means. Clocks of the CPU, the memory and the bus are not set from here: too much hangs on them. */
static const struct cprman_clock {
    uint8_t specifier;
    uint8_t clock; /* enum firmware_clock */
    bool is_settable;
} cprman_clocks[] = {
    { 19, FIRMWARE_CLOCK_UART, true },   /* BCM2835_CLOCK_UART */
    { 20, FIRMWARE_CLOCK_CORE, false },  /* BCM2835_CLOCK_VPU: the peripherals' bus */
    { 21, FIRMWARE_CLOCK_V3D, false },   /* BCM2835_CLOCK_V3D */
    { 22, FIRMWARE_CLOCK_ISP, false },   /* BCM2835_CLOCK_ISP */
    { 23, FIRMWARE_CLOCK_H264, false },  /* BCM2835_CLOCK_H264 */
    { 24, FIRMWARE_CLOCK_VEC, false },   /* BCM2835_CLOCK_VEC */
    { 26, FIRMWARE_CLOCK_SDRAM, false }, /* BCM2835_CLOCK_SDRAM */
    { 28, FIRMWARE_CLOCK_EMMC, true },   /* BCM2835_CLOCK_EMMC */
    { 30, FIRMWARE_CLOCK_PWM, true },    /* BCM2835_CLOCK_PWM */
    { 51, FIRMWARE_CLOCK_EMMC2, true },  /* BCM2711_CLOCK_EMMC2 */
};

/* The clock that index `index` of the caller's node means. */
static status_t cprman_find(const struct cprman *c, uint32_t badge, uint64_t index,
                            const struct cprman_clock **out)
{
    struct tree_ref ref;

    if (badge >= tree_len(c->node.tree)) {
        return E_RIGHTS; /* a program's session: only init's badges for nodes are that small */
    }
    if (index > UINT32_MAX ||
        tree_reference(c->node.tree, (int)badge, "clocks", "#clock-cells", (unsigned)index, &ref) !=
            E_OK ||
        ref.node != c->node.offset || ref.cell_count != 1) {
        return E_NOTFOUND;
    }
    for (unsigned i = 0; i < sizeof(cprman_clocks) / sizeof(cprman_clocks[0]); i++) {
        if (cprman_clocks[i].specifier == ref.cells[0]) {
            *out = &cprman_clocks[i];
            return E_OK;
        }
    }
    return E_NOSYS;
}

static status_t cprman_rate(const struct cprman *c, uint32_t clock, struct msg *m)
{
    struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_rate, .clock = clock);
    status_t err = firmware_ask(c->firmware, &ask, DEADLINE_NEVER);

    if (err == E_OK && ask.answer.hz == 0) {
        return E_NOTFOUND;
    }
    if (err == E_OK) {
        m->w[0] = ask.answer.hz;
    }
    return err;
}

/* What was set is asked for: firmware may answer what was wanted, and do another. */
static status_t cprman_set(const struct cprman *c, const struct cprman_clock *clock, struct msg *m)
{
    if (!clock->is_settable) {
        return E_NOSYS;
    }
    if (m->w[1] == 0 || m->w[1] > UINT32_MAX) {
        return E_RANGE;
    }
    struct firmware_tag_set_clock_rate ask = FIRMWARE_ASK(set_clock_rate, .clock = clock->clock,
                                                          .hz = (uint32_t)m->w[1], .skip_turbo = 1);
    status_t err = firmware_ask(c->firmware, &ask, DEADLINE_NEVER);
    return err ? err : cprman_rate(c, clock->clock, m);
}

static status_t cprman_serve(const struct cprman *c, uint32_t badge, struct msg *m)
{
    const struct cprman_clock *clock = NULL;
    uint32_t op = info_op(m->info);

    if (op != CLOCK_OP_RATE && op != CLOCK_OP_SET) {
        return E_NOSYS;
    }
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    status_t err = cprman_find(c, badge, m->w[0], &clock);
    if (err) {
        return err;
    }
    return op == CLOCK_OP_SET ? cprman_set(c, clock, m) : cprman_rate(c, clock->clock, m);
}

int main(void)
{
    static struct cprman cprman;

    cprman.node = driver_node();
    cprman.firmware = start_handle("service firmware");
    event_accept(0);
    for (;;) {
        struct event ev = event_wait();
        status_t err = ev.kind == EV_CALL ? cprman_serve(&cprman, ev.badge, &ev.msg) : E_OK;
        event_done(&ev, ev.kind == EV_COMMAND ? E_NOSYS : err);
    }
}

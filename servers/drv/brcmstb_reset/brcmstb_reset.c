/* SPDX-License-Identifier: BSD-2-Clause
 * brcmstb_reset - driver server for the reset controller of Broadcom's set-top boxes, as in BCM2712: the bridges of PCIe.
 *
 * Device:   no public manual; brcmstb_reset_regs.h names its source.
 * Binding:  README.md beside this file (one reg; a reset cell, the reset's number).
 * Protocol: <cambium/proto/reset.h>.
 * Not here: pulses. What needs one asks for both halves, with its own wait between them.
 *
 * The start writes nothing: what firmware holds in reset or has released stays so until its driver asks.
 */
#include <cambium/reset_server.h>
#include <cambium/thread.h>
#include "brcmstb_reset_regs.h"

struct brcmstb_reset {
    struct mmio regs;
};

DEV_MATCH_TABLE struct dev_match brcmstb_reset_match[] = {
    DEV_MATCH("brcm,brcmstb-reset", "reset", "reg", 0),
};

/* Where the bank of a reset is. E_RANGE: the window has no such bank. */
static status_t bank_find(const struct brcmstb_reset *r, uint32_t id, uint32_t *out)
{
    uint64_t bank = id / SW_INIT_BANK_RESETS;

    if (bank >= r->regs.len / SW_INIT_BANK_LEN) {
        return E_RANGE;
    }
    *out = (uint32_t)bank * SW_INIT_BANK_LEN;
    return E_OK;
}

static status_t brcmstb_reset_get(void *controller, const uint32_t *cells, bool *out)
{
    const struct brcmstb_reset *r = controller;
    uint32_t bank = 0;
    status_t err = bank_find(r, cells[0], &bank);

    if (!err) {
        *out = (mmio_read32(&r->regs, bank + SW_INIT_STATUS) & SW_INIT_BIT(cells[0])) != 0;
    }
    return err;
}

static status_t brcmstb_reset_set(void *controller, const uint32_t *cells, bool is_asserted)
{
    const struct brcmstb_reset *r = controller;
    uint32_t bank = 0;
    bool is_now = false;
    status_t err = bank_find(r, cells[0], &bank);

    if (err) {
        return err;
    }
    mmio_write32(&r->regs, bank + (is_asserted ? SW_INIT_SET : SW_INIT_CLEAR),
                 SW_INIT_BIT(cells[0]));
    sleep_ns(SW_INIT_RELEASE_NS);
    err = brcmstb_reset_get(controller, cells, &is_now);
    return err == E_OK && is_now != is_asserted ? E_IO : err;
}

static const struct reset_server_ops brcmstb_reset_ops = { .cell_count = 1,
                                                           .set = brcmstb_reset_set,
                                                           .get = brcmstb_reset_get };

int main(void)
{
    static struct brcmstb_reset reset;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, SW_INIT_BANK_LEN, &reset.regs);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    reset_server_run(node, &brcmstb_reset_ops, &reset);
}

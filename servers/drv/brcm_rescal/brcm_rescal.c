/* SPDX-License-Identifier: BSD-2-Clause
 * brcm_rescal - driver server for the calibration of PCIe's PHYs in BCM7216 and BCM2712, which its binding calls a reset.
 *
 * Device:   no public manual; brcm_rescal_regs.h names its source.
 * Binding:  README.md beside this file (one reg; no reset cells).
 * Protocol: <cambium/proto/reset.h>: pulses only.
 *
 * It is done once for all: a root complex that asks later, and whose neighbour has a link, gets E_OK and nothing is touched.
 */
#include <cambium/reset_server.h>
#include <cambium/thread.h>
#include "brcm_rescal_regs.h"

struct brcm_rescal {
    struct mmio regs;
    bool is_done;
};

DEV_MATCH_TABLE struct dev_match brcm_rescal_match[] = {
    DEV_MATCH("brcm,bcm7216-pcie-sata-rescal", "reset", "reg", 0),
};

static status_t brcm_rescal_pulse(void *controller, const uint32_t *cells)
{
    struct brcm_rescal *r = controller;
    unsigned polls = 0;

    (void)cells; /* there is one */
    if (r->is_done) {
        return E_OK;
    }
    mmio_write32(&r->regs, BRCM_RESCAL_START, BRCM_RESCAL_START_BIT);
    if ((mmio_read32(&r->regs, BRCM_RESCAL_START) & BRCM_RESCAL_START_BIT) == 0) {
        log_error("calibration does not start: no clock, or root complex 1 in reset?");
        return E_IO;
    }
    while ((mmio_read32(&r->regs, BRCM_RESCAL_STATUS) & BRCM_RESCAL_STATUS_BIT) == 0 &&
           polls++ < BRCM_RESCAL_POLLS) {
        sleep_ns(BRCM_RESCAL_POLL_NS);
    }
    mmio_write32(&r->regs, BRCM_RESCAL_START, 0);
    if (polls > BRCM_RESCAL_POLLS) {
        log_error("calibration does not end within 1 ms");
        return E_TIMEOUT;
    }
    r->is_done = true;
    log_info("PHYs of PCIe: set (calibrated in %u us)", polls * (BRCM_RESCAL_POLL_NS / 1000));
    return E_OK;
}

static const struct reset_server_ops brcm_rescal_ops = { .pulse = brcm_rescal_pulse };

int main(void)
{
    static struct brcm_rescal rescal;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, BRCM_RESCAL_REGS_LEN, &rescal.regs);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    reset_server_run(node, &brcm_rescal_ops, &rescal);
}

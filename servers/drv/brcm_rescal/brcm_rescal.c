/* SPDX-License-Identifier: BSD-2-Clause
 * brcm_rescal - driver server for the calibration of PCIe's PHYs in BCM7216 and BCM2712, which its binding calls a reset.
 *
 * Device:   no public manual; brcm_rescal_regs.h names its source.
 * Binding:  README.md beside this file (one reg; no reset cells).
 * Protocol: <cambium/proto/reset.h>: pulses only.
 *
 * It is done once for all: a root complex that asks later, and whose neighbour has a link, gets E_OK and nothing is touched. That it is
 * done is written into the node's memory, which outlives this process: the registers are behind one root complex' bridge, which
 * anybody who was told so may have in reset by now.
 */
#include <cambium/reset_server.h>
#include <cambium/thread.h>
#include "brcm_rescal_regs.h"

struct brcm_rescal {
    struct mmio regs;
    uint32_t *done; /* in memory that outlives this process: 1 */
};

DEV_MATCH_TABLE struct dev_match brcm_rescal_match[] = {
    DEV_MATCH("brcm,bcm7216-pcie-sata-rescal", "reset", "reg", 0),
};

/* All ones are no answer: the bridge before the registers is in reset. */
static bool brcm_rescal_has(const struct brcm_rescal *r, uint32_t offset, uint32_t bit)
{
    uint32_t value = mmio_read32(&r->regs, offset);

    return value != ~0u && (value & bit) != 0;
}

/* Whoever has the bridge in reset takes it out for his own link, unless he is not there. */
static status_t brcm_rescal_begin(const struct brcm_rescal *r)
{
    for (unsigned tries = 0; tries < BRCM_RESCAL_TRIES; tries++) {
        mmio_write32(&r->regs, BRCM_RESCAL_START, BRCM_RESCAL_START_BIT);
        if (brcm_rescal_has(r, BRCM_RESCAL_START, BRCM_RESCAL_START_BIT)) {
            return E_OK;
        }
        sleep_ns(BRCM_RESCAL_TRY_NS);
    }
    log_error("no start within 50 ms: root complex 1 in reset?");
    return E_IO;
}

static status_t brcm_rescal_pulse(void *controller, const uint32_t *cells)
{
    struct brcm_rescal *r = controller;
    unsigned polls = 0;

    (void)cells; /* there is one */
    if (*r->done != 0) {
        return E_OK;
    }
    status_t err = brcm_rescal_begin(r);
    if (err) {
        return err;
    }
    while (!brcm_rescal_has(r, BRCM_RESCAL_STATUS, BRCM_RESCAL_STATUS_BIT) &&
           polls++ < BRCM_RESCAL_POLLS) {
        sleep_ns(BRCM_RESCAL_POLL_NS);
    }
    mmio_write32(&r->regs, BRCM_RESCAL_START, 0);
    if (polls > BRCM_RESCAL_POLLS) {
        log_error("calibration does not end within 1 ms");
        return E_TIMEOUT;
    }
    *r->done = 1;
    log_info("PHYs of PCIe: set (calibrated in %u us)", polls * (BRCM_RESCAL_POLL_NS / 1000));
    return E_OK;
}

static const struct reset_server_ops brcm_rescal_ops = { .pulse = brcm_rescal_pulse };

int main(void)
{
    static struct brcm_rescal rescal;
    struct node node = driver_node();
    struct dma memory;
    status_t err = node_mmio(node, 0, BRCM_RESCAL_REGS_LEN, &rescal.regs);

    err = err ? err : node_dma(node, 0, sizeof(*rescal.done), 0, 0, &memory);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    rescal.done = memory.at;
    if (*rescal.done != 0) {
        log_info("PHYs of PCIe: found calibrated");
    }
    reset_server_run(node, &brcm_rescal_ops, &rescal);
}

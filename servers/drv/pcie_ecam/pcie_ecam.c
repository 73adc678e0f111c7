/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_ecam - server of a PCI Express host bridge whose configuration space lies open in memory (ECAM).
 *
 * Device:   PCI Express Base 3.0, 7.2.2: one page for each function, a MiB for each bus.
 * Binding:  README.md beside this file (one reg; ranges, bus-range, interrupt-map, msi-map).
 * Protocol: <cambium/proto/pci.h>, and for functions <cambium/proto/irq.h>.
 * Not here: all that host bridges have in common, <cambium/pci_host.h>; root complexes that abort what nobody answers.
 *
 * Configuration space is never mapped: 256 MiB of which little is used, and once. The checked access is nGnRnE, so a write has
 * arrived when the next instruction runs.
 */
#include <cambium/driver.h>
#include <cambium/pci_host.h>

struct ecam {
    struct mmio config;
    struct pci_host host;
};

DEV_MATCH_TABLE struct dev_match ecam_match[] = {
    DEV_MATCH("pci-host-ecam-generic", "pci", "reg", 0),
};

static bool ecam_offset(const struct pci_host *h, unsigned id, unsigned offset, uint32_t *out)
{
    const struct ecam *e = h->bridge;
    uint64_t at = ((uint64_t)(id - (h->bus_first << 8)) << 12) + offset;

    *out = (uint32_t)at;
    return at < e->config.len; /* the window may be shorter than bus-range says */
}

static uint32_t ecam_read(struct pci_host *h, unsigned id, unsigned offset)
{
    const struct ecam *e = h->bridge;
    uint32_t at;

    return ecam_offset(h, id, offset, &at) ? mmio_read32(&e->config, at) : ~0u;
}

static void ecam_write(struct pci_host *h, unsigned id, unsigned offset, uint32_t value)
{
    const struct ecam *e = h->bridge;
    uint32_t at;

    if (ecam_offset(h, id, offset, &at)) {
        mmio_write32(&e->config, at, value);
    }
}

static const struct pci_host_ops ecam_ops = { .read = ecam_read, .write = ecam_write };

int main(void)
{
    static struct ecam ecam;
    struct node node = driver_node();
    status_t err = node_mmio_checked(node, 0, PCI_BUS_CONFIG_LEN, &ecam.config);

    err = err ? err : pci_host_open(&ecam.host, node, &ecam_ops, &ecam);
    err = err ? err : pci_host_start(&ecam.host);
    while (!err) {
        struct event ev = event_wait();
        err = pci_host_event(&ecam.host, &ev);
    }
    return err; /* init reports it against the node's path */
}

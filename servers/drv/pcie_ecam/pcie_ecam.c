/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_ecam - server of a PCI Express host bridge whose configuration space lies open in memory (ECAM).
 *
 * Device:   PCI Express Base 3.0, 7.2.2: one page for each function, a MiB for each bus.
 * Binding:  README.md beside this file (one reg; ranges, bus-range, interrupt-map, msi-map).
 * Protocol: <cambium/proto/pci.h>, and for functions <cambium/proto/irq.h>.
 * Not here: all that host bridges have in common, <cambium/pci_host.h>; root complexes that abort what nobody answers.
 *
 * Configuration space is never mapped: 256 MiB of which little is used, and once. The checked access is nGnRnE, so a write has
 * arrived when the next instruction runs. The kernel is four times as quick about a window that lies in one page, so a function
 * that is asked twice in a row gets one: most places of a bus are asked once, and nobody is there.
 */
#include <cambium/driver.h>
#include <cambium/marker.h>
#include <cambium/pci_host.h>
#include <tree.h>

enum { PAGES = 32, FUNCTION_LEN = 0x1000 };

/* The window of one function. */
struct ecam_page {
    unsigned id;
    struct mmio config; /* device 0: none */
};

struct ecam {
    struct mmio config;
    uint64_t config_pa;
    unsigned last_id; /* who was asked last by the long window */
    struct ecam_page pages[PAGES];
    struct pci_host host;
};

DEV_MATCH_TABLE struct dev_match ecam_match[] = {
    DEV_MATCH("pci-host-ecam-generic", "pci", "reg", 0),
};

/* A window for the function at `at` in configuration space, in place of another's. */
static bool page_open(const struct ecam *e, struct ecam_page *p, unsigned id, uint64_t at)
{
    struct device_window window = { .pa = e->config_pa + at, .len = FUNCTION_LEN };
    handle_t device;

    if (p->config.device != 0) {
        (void)sys_handle_close(p->config.device); /* ours, from here */
        p->config.device = 0;
    }
    if (sys_device_derive(e->config.device, 0, 1, &window, &device) != E_OK) {
        return false; /* no memory: the long window will do */
    }
    *p = (struct ecam_page){ id, { .len = FUNCTION_LEN, .device = device } };
    return true;
}

/* Where a register is: in the function's own window, or the long one. NULL: nowhere, that may be shorter than bus-range says. */
static const struct mmio *ecam_find(struct ecam *e, unsigned id, unsigned offset, uint32_t *out)
{
    uint64_t at = (uint64_t)(id - (e->host.bus_first << 8)) * FUNCTION_LEN;
    struct ecam_page *p = &e->pages[((id >> 3) + (id >> 8) * 5) % PAGES];

    *out = offset;
    if (p->config.device != 0 && p->id == id) {
        return &p->config;
    }
    if (at >= e->config.len || e->config.len - at < FUNCTION_LEN) {
        return NULL;
    }
    if (e->last_id == id && page_open(e, p, id, at)) {
        return &p->config;
    }
    e->last_id = id;
    *out = (uint32_t)at + offset;
    return &e->config;
}

static uint32_t ecam_read(struct pci_host *h, unsigned id, unsigned offset)
{
    uint32_t at;
    const struct mmio *m = ecam_find(h->bridge, id, offset, &at);

    return m != NULL ? mmio_read32(m, at) : ~0u;
}

static void ecam_write(struct pci_host *h, unsigned id, unsigned offset, uint32_t value)
{
    uint32_t at;
    const struct mmio *m = ecam_find(h->bridge, id, offset, &at);

    if (m != NULL) {
        mmio_write32(m, at, value);
    }
}

static const struct pci_host_ops ecam_ops = { .read = ecam_read, .write = ecam_write };

int main(void)
{
    static struct ecam ecam;
    struct node node = driver_node();
    struct tree_range reg = { 0 };
    status_t err = node_mmio_checked(node, 0, PCI_BUS_CONFIG_LEN, &ecam.config);

    err = err ? err : tree_reg(node.tree, node.offset, 0, &reg);
    ecam.config_pa = reg.base;
    ecam.last_id = PCI_NONE;
    err = err ? err : pci_host_open(&ecam.host, node, &ecam_ops, &ecam);
    marker_pci_from();
    err = err ? err : pci_host_start(&ecam.host);
    marker_pci_to();
    while (!err) {
        struct event ev = event_wait();
        err = pci_host_event(&ecam.host, &ev);
    }
    return err; /* init reports it against the node's path */
}

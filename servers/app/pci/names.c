/* SPDX-License-Identifier: BSD-2-Clause
 * Names of class codes and capabilities: PCI Code and ID Assignment Specification 1.11, sections 1 to 3; not all that there are.
 */
#include <stddef.h>
#include <cambium/proto/init.h>
#include "pci_parts.h"

enum { ANY = 0x100 }; /* of interfaces */

static const struct {
    uint8_t base, sub;
    uint16_t interface;
    const char *name;
} classes[] = {
    { 0x01, 0x00, ANY, "SCSI controller" },
    { 0x01, 0x01, ANY, "IDE controller" },
    { 0x01, 0x04, ANY, "RAID controller" },
    { 0x01, 0x05, ANY, "ATA controller" },
    { 0x01, 0x06, 0x01, "AHCI controller" },
    { 0x01, 0x06, ANY, "SATA controller" },
    { 0x01, 0x07, ANY, "SAS controller" },
    { 0x01, 0x08, 0x02, "NVMe controller" },
    { 0x02, 0x00, ANY, "Ethernet controller" },
    { 0x03, 0x00, ANY, "VGA controller" },
    { 0x03, 0x02, ANY, "3D controller" },
    { 0x04, 0x01, ANY, "audio device" },
    { 0x04, 0x03, ANY, "HD audio device" },
    { 0x05, 0x00, ANY, "RAM" },
    { 0x05, 0x01, ANY, "flash memory" },
    { 0x05, 0x02, ANY, "CXL memory" },
    { 0x06, 0x00, ANY, "host bridge" },
    { 0x06, 0x01, ANY, "ISA bridge" },
    { 0x06, 0x04, ANY, "PCI bridge" },
    { 0x06, 0x09, ANY, "semi-transparent bridge" },
    { 0x07, 0x00, ANY, "serial controller" },
    { 0x07, 0x01, ANY, "parallel port" },
    { 0x07, 0x02, ANY, "serial controller" },
    { 0x07, 0x03, ANY, "modem" },
    { 0x08, 0x00, ANY, "interrupt controller" },
    { 0x08, 0x01, ANY, "DMA controller" },
    { 0x08, 0x02, ANY, "timer" },
    { 0x08, 0x03, ANY, "clock" },
    { 0x08, 0x05, ANY, "SD host controller" },
    { 0x08, 0x06, ANY, "IOMMU" },
    { 0x09, 0x00, ANY, "keyboard" },
    { 0x09, 0x02, ANY, "mouse" },
    { 0x0c, 0x00, ANY, "FireWire controller" },
    { 0x0c, 0x03, 0x00, "USB 1 UHCI controller" },
    { 0x0c, 0x03, 0x10, "USB 1 OHCI controller" },
    { 0x0c, 0x03, 0x20, "USB 2 EHCI controller" },
    { 0x0c, 0x03, 0x30, "USB 3 xHCI controller" },
    { 0x0c, 0x03, ANY, "USB controller" },
    { 0x0c, 0x05, ANY, "SMBus controller" },
};

/* What is in no row above. */
static const char *const bases[] = { "unclassified device",
                                     "storage controller",
                                     "network controller",
                                     "display controller",
                                     "multimedia device",
                                     "memory",
                                     "bridge",
                                     "communication device",
                                     "system peripheral",
                                     "input device",
                                     "docking station",
                                     "processor",
                                     "serial bus controller",
                                     "wireless controller",
                                     "I2O controller",
                                     "satellite controller",
                                     "encryption controller",
                                     "signal processor",
                                     "accelerator",
                                     "instrumentation" };

static const char *const plain[] = {
    [0x01] = "power management",
    [0x02] = "AGP",
    [0x03] = "vital product data",
    [0x04] = "slot number",
    [0x05] = "MSI",
    [0x06] = "CompactPCI hot swap",
    [0x07] = "PCI-X",
    [0x08] = "HyperTransport",
    [0x09] = "vendor-specific",
    [0x0a] = "debug port",
    [0x0b] = "CompactPCI",
    [0x0c] = "hot-plug",
    [0x0d] = "subsystem IDs",
    [0x0e] = "AGP 8x",
    [0x0f] = "secure device",
    [0x10] = "PCI Express",
    [0x11] = "MSI-X",
    [0x12] = "SATA",
    [0x13] = "advanced features",
    [0x14] = "enhanced allocation",
    [0x15] = "flattening portal bridge",
};

static const char *const extended[] = {
    [0x01] = "advanced error reporting",
    [0x02] = "virtual channel",
    [0x03] = "serial number",
    [0x04] = "power budgeting",
    [0x05] = "root complex links",
    [0x06] = "root complex internal link",
    [0x07] = "root complex event collector",
    [0x08] = "multi-function virtual channel",
    [0x09] = "virtual channel",
    [0x0a] = "root complex registers",
    [0x0b] = "vendor-specific",
    [0x0d] = "access control services",
    [0x0e] = "alternative routing",
    [0x0f] = "address translation",
    [0x10] = "SR-IOV",
    [0x11] = "MR-IOV",
    [0x12] = "multicast",
    [0x13] = "page requests",
    [0x15] = "resizable BARs",
    [0x16] = "dynamic power allocation",
    [0x17] = "TPH requester",
    [0x18] = "latency tolerance",
    [0x19] = "secondary PCI Express",
    [0x1b] = "PASID",
    [0x1d] = "downstream port containment",
    [0x1e] = "L1 substates",
    [0x1f] = "precision time",
    [0x23] = "designated vendor-specific",
    [0x24] = "resizable VF BARs",
    [0x25] = "data link features",
    [0x26] = "16 GT/s",
    [0x27] = "lane margining",
};

const char *pci_class_name(unsigned class_code)
{
    unsigned base = class_code >> 16, sub = class_code >> 8 & 0xff, interface = class_code & 0xff;

    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].base == base && classes[i].sub == sub &&
            (classes[i].interface == ANY || classes[i].interface == interface)) {
            return classes[i].name;
        }
    }
    return base < sizeof(bases) / sizeof(bases[0]) ? bases[base] : "unknown device";
}

const char *pci_capability_name(unsigned id, bool is_extended)
{
    unsigned count =
        is_extended ? sizeof(extended) / sizeof(extended[0]) : sizeof(plain) / sizeof(plain[0]);

    return id >= count ? NULL : is_extended ? extended[id] : plain[id];
}

const char *pci_interrupt_name(unsigned irq)
{
    static const char *const names[] = { [PCI_IRQ_NONE] = "-",
                                         [PCI_IRQ_INTX] = "INTx",
                                         [PCI_IRQ_MSI] = "MSI",
                                         [PCI_IRQ_MSIX] = "MSI-X" };

    return irq < sizeof(names) / sizeof(names[0]) ? names[irq] : "?";
}

const char *pci_driver_state(const struct driver *d)
{
    static const char *const servers[] = {
        [SERVICE_WAITING] = "waiting", [SERVICE_STARTING] = "starting",
        [SERVICE_RUNNING] = "running", [SERVICE_RESTARTING] = "restarting",
        [SERVICE_FAILED] = "FAILED",   [SERVICE_BROKEN] = "BROKEN: died too often",
    };
    static const char *const nodes[] = {
        [NODE_NONE] = "none",       [NODE_DISABLED] = "disabled", [NODE_UNCLAIMED] = "none",
        [NODE_WAITING] = "waiting", [NODE_SERVED] = "served",     [NODE_KERNEL] = "kernel",
        [NODE_COVERED] = "covered", [NODE_REFUSED] = "REFUSED",   [NODE_EMPTY] = "none",
    };

    if (d->name[0] != '\0') {
        return d->server_state < sizeof(servers) / sizeof(servers[0]) ? servers[d->server_state]
                                                                      : "?";
    }
    return d->state < sizeof(nodes) / sizeof(nodes[0]) ? nodes[d->state] : "?";
}

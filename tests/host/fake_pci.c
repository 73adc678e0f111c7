/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_pci.h. Offsets of configuration space: PCI Express Base Specification 5.0, 7.5.1.
 */
#include "fake_pci.h"
#include <cambium/proto/init.h>
#include <cambium/proto/irq.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum {
    CONFIG_STATUS = 0x06,
    STATUS_CAPABILITIES = 0x10,
    CONFIG_POINTER = 0x34,
    CAPABILITIES_MAX = (FAKE_PCI_CONFIG - 0x40) / 4
};

struct fake_pci fake_pci;

void fake_pci_config(unsigned offset, unsigned len, uint32_t value)
{
    memcpy(&fake_pci.config[offset], &value, len);
}

void fake_pci_reset(uint16_t vendor, uint16_t device)
{
    memset(&fake_pci, 0, sizeof(fake_pci));
    fake_pci_config(0, 4, vendor | (uint32_t)device << 16);
    fake_pci.vectors_max = PCI_VECTORS_MAX;
    fake_pci.mode = PCI_IRQ_MSIX;
    fake.cell = (struct fake_cell){ "vendor-id", vendor };
}

void fake_pci_capability(unsigned at, uint8_t id, const void *rest, unsigned len)
{
    fake_pci.config[at] = id;
    fake_pci.config[at + 1] = fake_pci.config[CONFIG_POINTER];
    memcpy(&fake_pci.config[at + 2], rest, len - 2);
    fake_pci.config[CONFIG_POINTER] = (uint8_t)at;
    fake_pci.config[CONFIG_STATUS] |= STATUS_CAPABILITIES;
}

status_t pci_bar_part(struct node node, unsigned bar, uint64_t offset, uint64_t len,
                      struct mmio *out)
{
    (void)node;
    if (fake_pci.bar_error) {
        return fake_pci.bar_error;
    }
    if (bar >= FAKE_PCI_BARS || fake_pci.bar_len[bar] == 0) {
        return E_NOTFOUND;
    }
    if (len > fake_pci.bar_len[bar] || offset > fake_pci.bar_len[bar] - len) {
        return E_RANGE;
    }
    if ((fake_pci.bars_mapped & 1u << bar) != 0) {
        fail_msg("BAR %u was mapped twice", bar);
    }
    if (fake.shared_page && (offset != 0 || len != fake_pci.bar_len[bar])) {
        return E_NOSYS;
    }
    fake_pci.bars_mapped |= 1u << bar;
    *out = fake_mmio_window(bar, len);
    out->base = fake.shared_page ? 0 : out->base + offset;
    return E_OK;
}

status_t pci_bar(struct node node, unsigned bar, uint64_t len, struct mmio *out)
{
    if (bar < FAKE_PCI_BARS && fake_pci.bar_len[bar] != 0 && len > fake_pci.bar_len[bar]) {
        return E_RANGE;
    }
    return pci_bar_part(node, bar, 0, bar < FAKE_PCI_BARS ? fake_pci.bar_len[bar] : 0, out);
}

status_t pci_enable(struct node node, uint32_t what)
{
    (void)node;
    fake_trace_add(FAKE_PCI, PCI_OP_ENABLE, what, 0);
    if (fake_pci.enable_error == E_OK) {
        fake_pci.enabled = what;
    }
    return fake_pci.enable_error;
}

status_t pci_vectors(struct node node, unsigned wanted, unsigned *out_count, unsigned *out_mode)
{
    (void)node;
    fake_trace_add(FAKE_PCI, PCI_OP_VECTORS, wanted, 0);
    if (fake_pci.vectors_error) {
        return fake_pci.vectors_error;
    }
    fake_pci.vectors = wanted < fake_pci.vectors_max ? wanted : fake_pci.vectors_max;
    *out_count = fake_pci.vectors;
    if (out_mode != NULL) {
        *out_mode = fake_pci.mode;
    }
    return E_OK;
}

status_t pci_attach(struct node node, unsigned vector, uint64_t bits)
{
    bool is_line = fake_pci.mode == PCI_IRQ_INTX || fake_pci.vectors == 0;

    (void)node;
    fake_trace_add(FAKE_PCI, IRQ_OP_ATTACH, vector, bits);
    if (is_line && fake_pci.line_error) {
        return fake_pci.line_error;
    }
    if (fake_pci.attach_error == E_OK) {
        if (vector >= (is_line ? 1 : fake_pci.vectors)) {
            fail_msg("vector %u is not one that it has", vector);
        }
        fake_pci.attached |= 1ull << vector;
        fake_pci.bits[vector] = bits;
    }
    return fake_pci.attach_error;
}

status_t pci_ack(struct node node, unsigned vector)
{
    (void)node;
    fake_trace_add(FAKE_PCI, IRQ_OP_ACK, vector, 0);
    return E_OK;
}

status_t pci_children(struct node node, int of, unsigned *out_served)
{
    (void)node;
    fake_trace_add(FAKE_PCI, INIT_OP_CHILDREN, (uint64_t)of, 0);
    fake_pci.children_of = of;
    *out_served = 0;
    return fake_pci.children_error;
}

status_t pci_read(struct node node, unsigned offset, unsigned len, uint32_t *out)
{
    uint32_t value = 0;

    (void)node;
    if (fake_pci.read_error) {
        return fake_pci.read_error;
    }
    if ((len != 1 && len != 2 && len != 4) || offset % len != 0 || offset > FAKE_PCI_CONFIG - len) {
        return E_RANGE;
    }
    memcpy(&value, &fake_pci.config[offset], len);
    *out = value;
    return E_OK;
}

status_t pci_capability(struct node node, unsigned id, unsigned after, unsigned *out)
{
    bool is_behind = after == 0;
    unsigned at = fake_pci.config[CONFIG_POINTER];

    (void)node;
    if (fake_pci.read_error) {
        return fake_pci.read_error;
    }
    if ((fake_pci.config[CONFIG_STATUS] & STATUS_CAPABILITIES) == 0) {
        return E_NOTFOUND;
    }
    for (unsigned n = 0; at != 0; n++) {
        if (n == CAPABILITIES_MAX || at < 0x40 || at % 4 != 0) {
            return E_FORMAT;
        }
        if (is_behind && fake_pci.config[at] == id) {
            *out = at;
            return E_OK;
        }
        is_behind = is_behind || at == after;
        at = fake_pci.config[at + 1];
    }
    return E_NOTFOUND;
}

status_t pci_reset(struct node node)
{
    (void)node;
    fake_trace_add(FAKE_PCI, PCI_OP_RESET, 0, 0);
    if (fake_pci.reset_error == E_OK) {
        fake_pci.vectors = 0;
        fake_pci.enabled &= ~(uint32_t)PCI_ENABLE_MASTER;
    }
    return fake_pci.reset_error;
}

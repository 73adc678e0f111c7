/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: lists of capabilities. A list is a chain of offsets in the device's hands, so each place is visited once:
 * a chain that comes back, leads into the header or out of configuration space, or reads as all ones, makes no sense.
 */
#include <string.h>
#include "pci_host_parts.h"

enum {
    LIST_BEGIN = 0x40,
    CAPABILITIES_MAX = (PCI_CONFIG_LEN - LIST_BEGIN) / 4,
    WORDS = PCI_CONFIG_EXTENDED_LEN / 4
};

/* A walk: the next offset, 0: none, and which words were visited. */
struct walk {
    unsigned next;
    uint64_t seen[WORDS / 64];
};

/* Marks the word as visited. E_FORMAT: it was, or it is outside of [begin, end). */
static status_t walk_visit(struct walk *w, unsigned begin, unsigned end)
{
    unsigned word = w->next / 4;
    uint64_t bit = (uint64_t)1 << word % 64;

    if (w->next < begin || w->next >= end || (w->seen[word / 64] & bit) != 0) {
        return E_FORMAT;
    }
    w->seen[word / 64] |= bit;
    return E_OK;
}

/* The next one of the list in the first 256 bytes. Bits 1:0 of an offset are reserved, and to be ignored (6.7). */
static status_t walk_next(struct pci_host *h, const struct pci_function *f, struct walk *w,
                          unsigned *out_offset, uint32_t *out_first)
{
    if (w->next == 0) {
        return E_NOTFOUND;
    }
    status_t err = walk_visit(w, LIST_BEGIN, PCI_CONFIG_LEN);
    if (err) {
        return err;
    }
    uint32_t first = pci_config_read(h, f, w->next);
    if (first == ~0u) {
        return E_FORMAT;
    }
    *out_offset = w->next;
    *out_first = first;
    w->next = field_get(CAPABILITY_NEXT, first) & ~3u;
    return E_OK;
}

static void walk_begin(struct pci_host *h, const struct pci_function *f, struct walk *w)
{
    memset(w, 0, sizeof(*w));
    w->next = field_get(CAPABILITY_ID, pci_config_read(h, f, PCI_CAPABILITIES)) & ~3u;
}

void pci_capabilities_find(struct pci_host *h, struct pci_function *f)
{
    struct walk w;
    unsigned offset = 0;
    uint32_t first = 0;
    status_t err;

    walk_begin(h, f, &w);
    while ((err = walk_next(h, f, &w, &offset, &first)) == E_OK) { /* each word once */
        switch (field_get(CAPABILITY_ID, first)) {
        case CAPABILITY_PM:
            f->pm = (uint8_t)offset;
            break;
        case CAPABILITY_MSI:
            f->msi = (uint8_t)offset;
            break;
        case CAPABILITY_MSIX:
            f->msix = (uint8_t)offset;
            break;
        case CAPABILITY_AF:
            f->af = (uint8_t)offset;
            break;
        case CAPABILITY_EXPRESS:
            f->express = (uint8_t)offset;
            f->port = (uint8_t)field_get(EXPRESS_PORT, first);
            f->has_slot = f->is_bridge && (first & EXPRESS_HAS_SLOT) != 0;
            break;
        }
    }
    if (err != E_NOTFOUND) {
        log_warn("%s: capabilities make no sense from %02x on: that part is ignored",
                 pci_function_name(h, f), w.next);
    }
}

/* The next one of the list from 256 on. */
static status_t walk_next_extended(struct pci_host *h, const struct pci_function *f, struct walk *w,
                                   unsigned *out_offset, uint32_t *out_first)
{
    if (w->next == 0) {
        return E_NOTFOUND;
    }
    status_t err = walk_visit(w, PCI_CONFIG_LEN, PCI_CONFIG_EXTENDED_LEN);
    if (err) {
        return err;
    }
    uint32_t first = pci_config_read(h, f, w->next);
    if (first == 0 || first == ~0u) { /* an empty list, as a function without any reads */
        return w->next == PCI_CONFIG_LEN ? E_NOTFOUND : E_FORMAT;
    }
    *out_offset = w->next;
    *out_first = first;
    w->next = field_get(EXTENDED_NEXT, first) & ~3u;
    return E_OK;
}

status_t pci_capability_at(struct pci_host *h, const struct pci_function *f, unsigned k,
                           unsigned *out_offset, uint32_t *out_first)
{
    struct walk w;
    status_t err = E_NOTFOUND;

    if ((pci_config_read(h, f, PCI_COMMAND) & STATUS_CAPABILITIES) != 0) {
        walk_begin(h, f, &w);
        do {
            err = walk_next(h, f, &w, out_offset, out_first);
        } while (err == E_OK && k-- != 0); /* each word once */
    }
    if (err != E_NOTFOUND || f->express == 0) {
        return err;
    }
    memset(&w, 0, sizeof(w));
    w.next = PCI_CONFIG_LEN;
    do {
        err = walk_next_extended(h, f, &w, out_offset, out_first);
    } while (err == E_OK && k-- != 0);
    return err;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: what the log has of a function that is put to use: who it is, where its BARs lie, how it can send messages. Of the
 * first functions only: of all others the command pci tells as much, and more. Not at the start of the bridge's server, which all
 * functions wait for.
 */
#include <stdio.h>
#include "pci_host_parts.h"

enum { SAID_MAX = 8, TEXT_LEN = 128 };

/* The capabilities as they were found when the lists were walked. */
static void messages_text(struct pci_host *h, const struct pci_function *f, char *out, size_t len)
{
    if (f->msix != 0) {
        uint32_t control = pci_config_read(h, f, f->msix);
        uint32_t table = pci_config_read(h, f, f->msix + MSIX_TABLE);
        (void)snprintf(out, len, "MSI-X at 0x%02x, %u entries, BAR %u + 0x%x", f->msix, /* fits */
                       (unsigned)field_get(MSIX_SIZE, control) + 1,
                       (unsigned)field_get(MSIX_BAR, table), (unsigned)(table & MSIX_OFFSET));
    } else if (f->msi != 0) {
        (void)snprintf(out, len, "MSI at 0x%02x, %u vectors", f->msi, /* fits */
                       1u << field_get(MSI_CAPABLE, pci_config_read(h, f, f->msi)));
    } else {
        (void)snprintf(out, len, "no messages"); /* fits */
    }
}

/* ", 0 set 0x410000" for each BAR; what is not placed was said before, with its reason. */
static void bars_text(const struct pci_function *f, char *out, size_t len)
{
    size_t at = 0;

    for (unsigned n = 0; n < PCI_BARS; n++) {
        const struct pci_range *r = &f->ranges[n];
        if (pci_range_is_placed(r) && at < len) {
            at += (size_t)snprintf(out + at, len - at, ", %u %s 0x%lx", n,
                                   r->is_kept ? "found" : "set", r->address);
        }
    }
}

void pci_function_say(struct pci_host *h, struct pci_function *f)
{
    char text[TEXT_LEN] = "";

    if (f->is_said || h->said == SAID_MAX) {
        return;
    }
    f->is_said = true;
    h->said++;
    messages_text(h, f, text, sizeof(text));
    log_info("%s: found %04x:%04x; %s", pci_function_name(h, f), f->vendor, f->device, text);
    text[0] = '\0';
    bars_text(f, text, sizeof(text));
    if (text[0] != '\0') {
        log_info("%s: BAR%s", pci_function_name(h, f), text + 1);
    }
    if (h->said == SAID_MAX) {
        log_info("of further functions the command pci -v tells as much");
    }
}

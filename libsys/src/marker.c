/* SPDX-License-Identifier: BSD-2-Clause
 * Markers for tools/bench. The number behind 0x70 is the plugin's name for it.
 */
#include <cambium/marker.h>

void marker_pci_from(void)
{
    __asm__ volatile("hint #(0x70 + 9)" : : : "memory");
}

void marker_pci_to(void)
{
    __asm__ volatile("hint #(0x70 + 10)" : : : "memory");
}

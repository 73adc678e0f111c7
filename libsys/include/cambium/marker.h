/* SPDX-License-Identifier: BSD-2-Clause
 * Where something begins and ends that happens once, while the system starts: for tools/bench, which counts what is executed in
 * between. A marker is one instruction, which the CPU takes as a NOP (tools/bench-plugin.c has the list of them).
 */
#pragma once

/* pci_enumerate: before the first look at configuration space, and when init knows the functions. */
void marker_pci_from(void);
void marker_pci_to(void);

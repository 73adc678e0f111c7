/* SPDX-License-Identifier: BSD-2-Clause
 * Class msi: a controller to which a device sends its interrupt as a message, a write of `data` to `address`.
 *
 * The caller is the server of a bus (PCIe), on behalf of the functions that it found; its badge is its own node. A function is
 * named by its requester ID (bus, device, function: 16 bits). What that means to this controller - a DeviceID - is read from the
 * caller's `msi-map` or `msi-parent` in the tree: nobody can name what the tree gives to another bus.
 *
 * A vector is an edge: who attached it is told, directly from the root of interrupts, and it is released at once; there is nothing
 * to acknowledge. A restarted controller has forgotten everything; after COMMAND_REBIND its callers ask anew, and write what they
 * get into the functions. An attach sets the bits once (a spurious event), as everywhere.
 */
#pragma once

enum msi_op {
    MSI_OP_ALLOC = 1, /* w0 = requester ID, w1 = vectors (1..MSI_VECTORS_MAX), w2 = the ID that its writes arrive with if a bridge
                       * above puts in its own (PCIe to PCI), 0: the same -> w0 = address, w1 = data of vector 0; vector n
                       * has data + n, and data is a multiple of the number of vectors rounded up to a power of two (so that
                       * they suit MSI; for who shares an ID too); w2 = what the first is called at the root of interrupts. What this requester had is
                       * given back before. E_INVAL: no vectors, or more; E_RANGE: the tree gives this bus no such requester
                       * here; E_FULL: so many are not free in one piece; E_BUSY: another function's writes arrive with
                       * that ID, and neither said so; E_NOMEM, E_BUDGET: no memory for tables; E_IO: the
                       * controller does not react */
    MSI_OP_FREE,      /* w0 = requester ID: detached, and given back. E_NOTFOUND: it has none */
    MSI_OP_ATTACH,    /* w0 = requester ID, w1 = vector, w2 = bits; handle: NOTIFY of the driver's port (with TRANSFER). The
                       * caller keeps its own. Attaching again replaces. E_NOTFOUND: no such vector was allocated; E_INVAL: no
                       * bits, no handle; E_FULL, E_BUSY: the root of interrupts has no room, or the line is another's; E_IO */
    MSI_OP_DETACH     /* w0 = requester ID, w1 = vector. E_NOTFOUND */
};
enum { MSI_VECTORS_MAX = 64 };

/* SPDX-License-Identifier: BSD-2-Clause
 * Class irq: an interrupt controller's server and its children.
 *
 * The caller's badge is its node's offset in the tree; a request names an index into that node's interrupts (or
 * interrupts-extended), and the server reads the specifier from the tree: nobody can name another node's line.
 * Life of a line: ATTACH masks, deactivates, programs the trigger from the tree's flags, clears nothing pending,
 * unmasks, and sets the bits once (a spurious event that every driver must bear). When it fires, the server sets the
 * bits and holds the line (active or masked) until ACK. A storm (many refires without progress) masks it: `irq`
 * shows it, the next ATTACH opens it again.
 * Nodes may share a line, if all have the same trigger. When it fires, each gets its bits, for another's device too. A
 * level line is held until all have sent ACK; who does not within a second is detached, and the log says so; its ACK then
 * gets E_NOTFOUND. Joining a line that others have leaves it as it is, open or held.
 *
 * A message is a line that no node of the tree names: a device writes to a register of a frame (GICv2m, ITS) below the controller,
 * and the frame's server has the controller tell whoever shall hear it. It is an edge, released at once; there is no ACK. More of
 * them than the machine can bear are masked, as a storm of a line is.
 */
#pragma once

#define IRQ_NO_ACK (1ull << 32)

enum irq_op {
    IRQ_OP_ACK = 1,    /* w0 = index. The line may fire again. E_NOTFOUND: not attached */
    IRQ_OP_ATTACH,     /* w0 = index, w1 = bits; handle: NOTIFY of the driver's port -> w0 = IRQ_NO_ACK: it is a message, for
                        * which nobody waits for ACK; anything else: a line. E_NOTFOUND: no such index in the
                        * node; E_RANGE: the controller has no such line; E_BUSY: it is the kernel's, or another
                        * node has it with another trigger; E_FULL: too many nodes share lines; E_IO: the controller
                        * does not react; E_INVAL: no bits, no handle. Attaching again replaces. */
    IRQ_OP_DETACH,     /* w0 = index */
    IRQ_OP_STAT,       /* w0 = n: the first attached line >= n; w1 = k: if it is n, the k-th who shares it, from 0 -> w0 line,
                        * w1 node offset, w2 events delivered, w3 flags (IRQ_STAT_*), w4 index, w5 acknowledged, w6 how
                        * many share it (0: one has it alone). E_NOTFOUND: no more. For `irq`. */
    IRQ_OP_SET_PENDING, /* w0 = index: makes the own line pending, as its device would (test and bench) */
    IRQ_OP_GATE,       /* w0 = index, attached; takes a handle -> handle of a device whose one word releases the line as ACK
                        * does, when w0 is written there. It is revoked with the controller's server. For controllers below
                        * others, whose every interrupt needs it. E_NOSYS: this line has none. E_NOTFOUND: not attached, or shared */
    IRQ_OP_MESSAGE,    /* w0 = the line, as the controller's manual counts (INTID), w1 = bits; handle: NOTIFY of the port of
                        * whoever is to be told. Only for servers of `msi-controller` nodes that are children of the
                        * controller's node, or whose messages raise its lines (tree.h:tree_msi_lines). Again: replaces; opens it after a storm. Tells once. w1 = 0, without a handle:
                        * nobody any more. E_RIGHTS: no such server; E_NOSYS: this controller knows no messages; E_RANGE: no
                        * message can raise that line; E_BUSY: a node of the tree names it, or another frame has it; E_FULL:
                        * too many; E_NOTFOUND: nobody was to be told; E_INVAL: bits without a handle; E_IO */
    IRQ_OP_FRAME       /* For the same servers, of frames that bring no lines of their own (ITS) -> w0 = the first line that is
                        * free for messages, w1 = how many; w2 = physical address, w3 = number of the redistributor that
                        * takes them (GICR_TYPER.Processor_Number). E_RIGHTS; E_NOSYS: there are none */
};
/* MESSAGE, MSI, MSIX: what raises it. A PCI bus's server answers STAT for its functions, with the line's number at the root; there
 * MESSAGE is one to the bridge itself, all of which share one line, and of which the root knows nothing. */
enum { IRQ_STAT_EDGE = 1, IRQ_STAT_ACTIVE = 2, IRQ_STAT_STORM = 4, IRQ_STAT_MESSAGE = 8, IRQ_STAT_MSI = 16, IRQ_STAT_MSIX = 32 };

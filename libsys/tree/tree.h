/* SPDX-License-Identifier: BSD-2-Clause
 * The device tree's meaning on top of libfdt: addresses, interrupts, references, memory. One copy for kernel, init,
 * tools/plan and host tests: no allocation, no I/O, no writing into the tree, no recursion; every loop is bounded by
 * the blob's size or a TREE_MAX_*. The blob must have passed tree_check once; it is trusted to be well-formed then,
 * but not to make sense: every function returns an error instead of trusting values.
 *
 * Specification: Devicetree Specification 0.4, chapters 2 (properties, addresses, interrupts), 3 (nodes), 5 (blob).
 * A node is its offset in the structure block (>= 0), as in libfdt.
 */
#pragma once
#include <abi/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TREE_MAX_LEN = 2 * 1024 * 1024, /* booting.rst: at most 2 MiB */
    TREE_MAX_DEPTH = 32,
    TREE_MAX_CELLS = 16,            /* of one specifier */
    TREE_MAX_HOPS = 8,              /* interrupt-map and parent chains */
    TREE_PATH_LEN = 256
};

struct tree_range {
    uint64_t base;
    uint64_t len;
};

/* A node behind all its ancestors. */
struct tree_chain {
    unsigned count;
    int node[TREE_MAX_DEPTH]; /* [0]: root; [count - 1]: the node itself */
};

/* Checks the blob (header, blocks, tokens, depth) before anything else reads it. `len`: bytes readable at `fdt`.
 * E_FORMAT; E_RANGE when totalsize exceeds len or TREE_MAX_LEN; E_LIMIT: nested deeper than TREE_MAX_DEPTH.
 * fdt must be 8-byte aligned (E_INVAL). Guards libfdt 1.7.2's two flaws: a version-2 header shorter than struct
 * fdt_header, an off_mem_rsvmap that is not a multiple of 8. */
status_t tree_check(const void *fdt, size_t len) WARN_UNUSED;
/* Makes of a blob that tree_check refused one that it accepts, in place: too long, it is cut to `len` or TREE_MAX_LEN;
 * damaged, the structure block ends before the first damage. So that a message about the tree finds the console that the
 * tree names; for nothing else, since nobody knows what is missing. E_INVAL as above; E_FORMAT, E_RANGE: nothing of it
 * can be read. The header may have been changed then, too. */
status_t tree_mend(void *fdt, size_t len) WARN_UNUSED;
/* Bytes of the blob (totalsize). */
size_t tree_len(const void *fdt);

/* Walks all nodes in order: first call with -1; -1 after the last. *depth (or NULL) counts as fdt_next_node's does:
 * started at -1 the root has 0; started at a node with 0, its children have 1 and the walk ends behind its subtree. */
int tree_next(const void *fdt, int node, int *depth);
/* "okay", "ok" or absent, for this node alone: for who walks down and knows the ancestors' states. */
bool tree_status_okay(const void *fdt, int node);
/* The same for the node and all its ancestors. */
bool tree_enabled(const void *fdt, int node);
/* True for nodes that describe no device: names that start with "__", and everything below them. */
bool tree_is_meta(const void *fdt, int node);
/* Writes the node's path; cuts it at len. Never fails for a node of the tree. */
void tree_path(const void *fdt, int node, char *out, size_t len);
/* The node of a path, alias, or either with ":options" behind it (stdout-path's form). E_NOTFOUND. */
status_t tree_find(const void *fdt, const char *path, int *out) WARN_UNUSED;
/* A property's value and length; NULL if absent. Several times cheaper than fdt_getprop. */
const void *tree_prop(const void *fdt, int node, const char *name, int *out_len);
/* A property that is a NUL-terminated string (list); NULL if absent or not terminated. */
const char *tree_string(const void *fdt, int node, const char *name);
/* The n-th string of a string list, NULL after the last or when malformed. */
const char *tree_string_at(const void *fdt, int node, const char *name, unsigned index);
/* Index of `compatible` in the node's list; -1: not there. 0 is the most specific. */
int tree_compatible(const void *fdt, int node, const char *compatible);
/* A one-cell (u32), or one- or two-cell (u64), property. E_NOTFOUND, E_FORMAT: wrong length. */
status_t tree_u32(const void *fdt, int node, const char *name, uint32_t *out) WARN_UNUSED;
status_t tree_u64(const void *fdt, int node, const char *name, uint64_t *out) WARN_UNUSED;

/* ---- memory ---- */

/* The n-th range of RAM: reg entries of enabled /memory nodes, zero lengths skipped. E_NOTFOUND after the last;
 * E_RANGE: base + len wraps; E_FORMAT: the node's reg is no list of pairs. Such an entry keeps its index: report it and
 * ask for the next. */
status_t tree_memory(const void *fdt, unsigned index, struct tree_range *out) WARN_UNUSED;
/* The n-th reservation: /memreserve/ entries, then static regions of enabled /reserved-memory children.
 * *out_no_map tells whether it must not be mapped. Errors as tree_memory's. */
status_t tree_reservation(const void *fdt, unsigned index, struct tree_range *out, bool *out_no_map) WARN_UNUSED;
/* /chosen linux,initrd-start and -end (end exclusive; one or two cells each). E_NOTFOUND (empty, too), E_FORMAT. */
status_t tree_initrd(const void *fdt, struct tree_range *out) WARN_UNUSED;

/* ---- what the boot does to the blob ---- */

enum { TREE_SEEDS = 5 };
/* /chosen's kaslr-seed in out[0], its rng-seed in the other four, as far as they go, as bytes; 0 where there is none. If
 * only the first came, out[1] is made of its upper half, which is then not to be used for anything else that matters. */
void tree_seeds(void *fdt, uint64_t out[TREE_SEEDS]);
/* Overwrites both with zeroes. */
void tree_seeds_erase(void *fdt);
/* Bytes from the blob's start that are in use; loaders pad what they change. <= tree_len after tree_check. */
size_t tree_used(const void *fdt);

/* ---- addresses ---- */

/* The n-th reg entry of a node as CPU addresses, translated through every ancestor's ranges; of a function of a PCI bus the
 * n-th of its `assigned-addresses`, if it has any (IEEE Std 1275 PCI Bus Binding, rev. 2.1, 4.1.2). E_NOTFOUND: no such entry;
 * E_FORMAT: bad length or cells; E_RANGE: wraps or does not lie in one ranges entry; E_NOSYS: below a node without
 * ranges (not addressable by the CPU); E_LIMIT: too deep. */
status_t tree_reg(const void *fdt, int node, unsigned index, struct tree_range *out) WARN_UNUSED;
/* The n-th reg entry as the node's own bus has it: for what is no window of the CPU's, like the address to which messages are
 * written. E_NOTFOUND: no such entry; E_FORMAT: bad length or cells; E_RANGE: it needs more than 64 bits, or wraps. */
status_t tree_reg_on_bus(const void *fdt, int node, unsigned index, struct tree_range *out) WARN_UNUSED;
/* Translates [address, address + len) of `bus` (its children's address space) to CPU addresses; on a PCI bus memory is
 * meant. Errors as tree_reg's. */
status_t tree_translate(const void *fdt, int bus, uint64_t address, uint64_t len, uint64_t *out) WARN_UNUSED;

/* Whether the node is a PCI bus: host bridge, or PCI-PCI bridge. */
bool tree_is_pci(const void *fdt, int node);
/* The PCI host bridge that a node is below of. E_NOTFOUND: none; E_LIMIT: it is too deep. */
status_t tree_pci_host(const void *fdt, int node, int *out) WARN_UNUSED;
/* Which entry of tree_reg is the function's base address register `bar` (0..5). E_NOTFOUND: it has none, or no address. */
status_t tree_pci_bar(const void *fdt, int node, unsigned bar, unsigned *out) WARN_UNUSED;
/* The n-th entry of a bus's `ranges`: a window of the CPU's addresses behind which its children are. */
struct tree_aperture {
    uint32_t space;    /* PCI: phys.hi as the tree has it; else 0 */
    uint64_t bus, cpu; /* the same address for the children and for the CPU */
    uint64_t len;
};
/* E_NOTFOUND after the last, and where ranges are absent or empty; E_FORMAT; E_RANGE: this one wraps, or does not reach the
 * CPU's addresses - ask for the next; E_LIMIT. */
status_t tree_aperture(const void *fdt, int node, unsigned index, struct tree_aperture *out) WARN_UNUSED;

/* A window through which a device reaches memory: what it calls `bus` is `cpu` for the CPU, `len` bytes of it. */
struct tree_dma {
    uint64_t bus, cpu, len;
};
/* The n-th such window of a device: the dma-ranges of the nearest bus above it that has any, its other side translated up
 * through those above. No bus has: one window, in which both sides are equal. E_NOTFOUND after the last; E_FORMAT;
 * E_RANGE: that one wraps or does not reach the CPU's addresses - ask for the next; E_LIMIT. */
status_t tree_dma(const void *fdt, int node, unsigned index, struct tree_dma *out) WARN_UNUSED;
/* The same as a bus itself has to provide it for what is on it: its own dma-ranges alone. Errors: likewise. */
status_t tree_inbound(const void *fdt, int bus, unsigned index, struct tree_dma *out) WARN_UNUSED;

/* ---- the console ---- */

/* The one order in which kernel and init look for the console's UART. Each takes the first that it can use: the kernel for
 * early output what tree_console accepts, init what a server of class "serial" claims. Starts as { 0 }. */
struct tree_console_walk {
    unsigned next;    /* of the places that name one; behind them all nodes */
    int node;         /* the last one given, while they are gone through */
    const char *from; /* "stdout-path", "linux,stdout-path" (of /chosen), "serial0" (alias), or NULL: it is one of all */
};

/* The next node to try: those that the three names lead to, then every node from the root on. A node may come again.
 * Negative: there are no more. */
int tree_console_next(const void *fdt, struct tree_console_walk *walk);

/* How a UART takes a character. */
enum tree_console_kind {
    TREE_CONSOLE_PL011, /* arm,pl011, arm,pl011-axi, arm,sbsa-uart */
    TREE_CONSOLE_AUX,   /* brcm,bcm2835-aux-uart */
    TREE_CONSOLE_8250   /* ns16550a, snps,dw-apb-uart: offsets are numbers of registers */
};

struct tree_console {
    int node;
    enum tree_console_kind kind;
    struct tree_range reg;
    unsigned shift; /* of register numbers: reg-shift of an 8250, else 0 */
    unsigned width; /* of an access in bytes: reg-io-width where it is 1 or 4, else 1 for an 8250 and 4 for others */
};

/* The UART for early output: the first node of that walk that is enabled, of a kind above, and whose first reg entry has 8
 * bytes at least, lies below `end` and not over RAM. E_NOTFOUND: there is none. */
status_t tree_console(const void *fdt, uint64_t end, struct tree_console *out) WARN_UNUSED;

/* ---- references ---- */

struct tree_ref {
    int node;                       /* the provider */
    unsigned cell_count;
    uint32_t cells[TREE_MAX_CELLS]; /* its specifier, host byte order */
};

/* The node with this phandle. E_NOTFOUND: dangling. */
status_t tree_phandle(const void *fdt, uint32_t phandle, int *out) WARN_UNUSED;
/* Entry `index` of a list of phandle + specifier (clocks, resets, mboxes, gpios ...), whose length in cells the
 * provider's `cells_name` ("#clock-cells"; NULL: plain phandles) tells. E_NOTFOUND: no such entry (or a hole: phandle
 * 0); E_FORMAT: this entry or one before it is cut short, dangles, or its provider lacks cells_name. */
status_t tree_reference(const void *fdt, int node, const char *property, const char *cells_name, unsigned index,
                        struct tree_ref *out) WARN_UNUSED;
/* How many such entries the list has; one that tree_reference finds damaged is the last. */
unsigned tree_reference_count(const void *fdt, int node, const char *property, const char *cells_name);
/* Index of `name` in the node's NAMES property ("clock-names"). E_NOTFOUND. */
status_t tree_name_index(const void *fdt, int node, const char *names, const char *name, unsigned *out) WARN_UNUSED;

/* GPIO `index` of a node: the entries of its `gpios`, then those of its enabled children that have no compatible of their
 * own (keys, LEDs), in the tree's order: such a child is a part of the node. *out_holder (or NULL) is whose `gpios` it is.
 * E_NOTFOUND: there are no more; E_FORMAT: the entry is a hole or damaged (that
 * property has no others behind it, the next child may). */
status_t tree_gpio(const void *fdt, int node, unsigned index, struct tree_ref *out, int *out_holder) WARN_UNUSED;
/* Whether a child is such a part of its parent. */
bool tree_is_part(const void *fdt, int child);

/* State `index` of the pins that a node asks for (its `pinctrl-0`), and the controller that it belongs to: the nearest node above
 * the state that has a compatible. E_NOTFOUND: no such entry, or a hole; E_FORMAT: it leads nowhere, or the list is damaged. */
status_t tree_pins(const void *fdt, int node, unsigned index, int *out_state, int *out_controller) WARN_UNUSED;

/* ---- interrupts ---- */

/* Interrupt `index` of the node: its controller and specifier, through interrupts-extended or interrupts with the
 * inherited interrupt-parent, and through interrupt-map of any nexus on the way. E_NOTFOUND: no such index, or no
 * parent; E_FORMAT; E_LIMIT: more than TREE_MAX_HOPS nexus. A controller's own node as parent of itself ends the walk:
 * it is a root (E_NOTFOUND for tree_interrupt of the root itself when it has no interrupts).
 *
 * A PCI bus (device_type "pci") with an interrupt-map has the map's rows as further interrupts, behind its own: index =
 * its own + row. So the bridge's server can name the lines of its INTx as it names its own, though no node of the tree may
 * stand for the functions. E_NOTFOUND: that row's parent is disabled; E_FORMAT: the row, or one before it, makes no sense.
 * An own list that makes no sense counts as none then. */
status_t tree_interrupt(const void *fdt, int node, unsigned index, struct tree_ref *out) WARN_UNUSED;
/* All interrupts of the tree that lead somewhere, node by node, zeroed before the first: as tree_interrupt, but each way up and each
 * phandle is looked for once, which for all of them together costs a hundredth. False: there are no more. */
enum { TREE_MEMO_LEN = 8 };
struct tree_memo {
    struct tree_chain chain; /* of the node that the walk is at */
    uint32_t phandle[TREE_MEMO_LEN];
    int node[TREE_MEMO_LEN];
    unsigned next; /* of these, the one that is replaced */
};
struct tree_interrupt_walk {
    bool is_begun;
    int node; /* whose interrupt it is, */
    unsigned index; /* and which */
    int depth;
    unsigned next, count; /* of its interrupts */
    struct tree_memo memo;
};
bool tree_interrupt_next(const void *fdt, struct tree_interrupt_walk *w, struct tree_ref *out);
/* The interrupt parent of a node (controller or nexus), as inherited. E_NOTFOUND. */
status_t tree_interrupt_parent(const void *fdt, int node, int *out) WARN_UNUSED;
/* Number of entries of interrupts(-extended); 0 if none. Of a PCI bus also the rows of its interrupt-map, up to one that
 * makes no sense: */
unsigned tree_interrupt_count(const void *fdt, int node);
/* how many of them are such rows. The last ones. */
unsigned tree_interrupt_rows(const void *fdt, int node);
/* Which interrupt of a PCI bus is the line of a function on it: its address (phys.hi: bus << 16 | device << 11 | function <<
 * 8) and pin (1..4). What is behind further bridges is asked for as what it is on this bus: the bridge, and the swizzled
 * pin. E_NOTFOUND: no row is for it; E_FORMAT: neither the map's cells nor a row before fit. */
status_t tree_interrupt_row(const void *fdt, int bridge, uint32_t phys_hi, uint32_t pin, unsigned *out) WARN_UNUSED;

/* Where the messages of a function of a PCI bus go (Linux' bindings pci-msi.txt): the controller, and what the function is
 * called there (its DeviceID), if the controller's #msi-cells is 1; none if it is 0 or absent. `requester` is bus << 8 |
 * device << 3 | function. If the bus has a msi-map, its rows decide, under msi-map-mask, else msi-parent, which hands on
 * the requester ID as it is. Disabled controllers are skipped. E_NOTFOUND: nowhere; E_FORMAT: the property, its mask or the row
 * makes no sense; E_RANGE: the DeviceID needs more than 32 bits. */
status_t tree_msi(const void *fdt, int bus, uint32_t requester, struct tree_ref *out) WARN_UNUSED;
/* The n-th run of interrupts that writes to a message controller raise: whose they are, the first one's specifier, and how many there
 * are, one behind the other. From its `msi-ranges` (Linux' bindings interrupt-controller/msi-controller.yaml); of a
 * brcm,bcm2712-mip-intc, which has none, lines of its interrupt parent: an SPI (arm,gic.yaml), by brcm,msi-base-spi and
 * brcm,msi-num-spis. E_NOTFOUND: no more; E_FORMAT: the list is damaged from here on, or dangles. */
status_t tree_msi_lines(const void *fdt, int node, unsigned index, struct tree_ref *out, uint32_t *out_count) WARN_UNUSED;
/* The n-th controller that a bus names so, each once; disabled ones, and rows that lead nowhere, are left out. E_NOTFOUND
 * after the last; E_FORMAT: the list is damaged from here on. */
status_t tree_msi_parent(const void *fdt, int bus, unsigned index, int *out) WARN_UNUSED;

/* SPDX-License-Identifier: BSD-2-Clause
 * The plan: which node of the tree gets which server, with which windows and references, in which order. Pure: tree and
 * match tables in, tables out; init acts on it, tools/plan prints it, host tests compare it.
 *
 * Indexes: nodes by their place in the tree (index 0 is the root), services by rank (index + 1). -1 is none. What the server of a
 * bus found later (plan_found.c) stands behind all that, in the order in which it came, and says its rank itself.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/init.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tree.h>

enum {
    PLAN_SERVICES_MAX = 128, /* started from the tree */
    PLAN_REFS_MAX = 512,     /* of all services together */
    PLAN_NODE_WINDOWS = 16,  /* of one node: four devices of DEVICE_WINDOWS */
    PLAN_NODE_REFS = 16,     /* indexes of one property that get a handle */
    PLAN_FOUND_MAX = 64,     /* nodes that servers of buses find, bridges included */
    PLAN_FOUND_WINDOWS = 6   /* of one of them: the BARs of a PCI function */
};

/* Physical addresses have 48 bits at most (with 4 KiB pages), and the kernel derives nothing in the last page. */
#define PLAN_PHYSICAL_END ((1ull << 48) - PAGE_SIZE)

/* An image and what it claims. */
struct plan_image {
    const char *name; /* in the archive: "drv/pl011" */
    const struct dev_match *match;
    unsigned match_count;
};

struct plan_window {
    uint64_t base; /* CPU address */
    uint64_t len;
    int node;
    bool whole_pages; /* may be rounded to its pages: nobody else has a window there */
    bool is_aperture; /* of a bus: its children's windows lie in it */
};

struct plan_node {
    int offset;                     /* in the tree */
    int parent;                     /* index */
    bool is_enabled;                /* with all ancestors */
    bool is_meta;                   /* __symbols__ and the like */
    bool is_always_met;             /* a reference to it needs no server */
    bool is_found;                  /* by the server of the bus above it */
    bool is_fresh;                  /* planned since plan_fresh was asked last */
    bool depends;                   /* UNCLAIMED, but by registers that nobody could look at */
    uint8_t state;                  /* enum node_state */
    int16_t service;                /* index of its server, once ranked */
    int16_t keeper;                 /* index of a service that speaks for it, though it is another node's; -1 */
    int other;                      /* WAITING: the node it waits for, or -1; COVERED: the owner */
    status_t error;                 /* REFUSED: why */
    const struct plan_image *image; /* claims it; NULL */
    const struct dev_match *match;
    unsigned window; /* first in plan.windows */
    unsigned window_count;
};

/* How registers are looked at, for entries that depend on some (<cambium/match.h>): `read` gets the node's first window, which
 * is not over RAM, and the offset of a word in it; an error says that nothing answers. The rest is plan_look.c's. */
enum { PLAN_LOOK_KNOWN = 4 };
struct plan_look {
    status_t (*read)(void *context, uint64_t base, uint64_t len, uint32_t offset, uint32_t *out);
    void *context;
    uint64_t base; /* the window whose registers these are */
    unsigned known;
    uint32_t offset[PLAN_LOOK_KNOWN], value[PLAN_LOOK_KNOWN];
};

/* The `property` of a reference by class, and of that to the server of the bus or controller that a node is below of. */
extern const char plan_service_property[];
extern const char plan_parent_property[];
/* The name of a node, below a bus, with room for what the bus's server finds, and of the property that is the room; a function that
 * the firmware's tree has bears that property too, and it is empty once the bus's server has found it (grow.c). */
#define PLAN_ROOM "__room"
#define PLAN_ROOM_PROPERTY "room"

struct plan_ref {
    const char *property; /* "interrupts"; never the tree's own string; or plan_service_property */
    uint8_t index;
    bool is_required;
    int16_t provider; /* index of a service */
};

enum plan_class { PLAN_IRQ_ROOT = 0, PLAN_IRQ, PLAN_BUS, PLAN_DRIVER, PLAN_MUX };

struct plan_service {
    const struct plan_image *image;
    const struct dev_match *match;
    const struct plan_image *rival; /* another image that claims the same; NULL */
    int node;        /* index; -1: a service without a node ("console") */
    uint8_t class;   /* enum plan_class */
    uint16_t rank;   /* from 1 on; calls go to lower ones */
    bool is_waiting; /* cannot be started; has no rank, stands behind all that have */
    bool is_cyclic;  /* waiting for itself, through others */
    unsigned ref;    /* first in plan.refs */
    unsigned ref_count;
    const char *
        need; /* waiting: the unmet reference, e.g. "clocks 0" (need_len bytes of the match table) */
    unsigned need_len;
    int need_node; /* the node it leads to, or -1: it leads nowhere */
    bool is_other_class; /* that has a server, and it does not speak this property's protocol */
};

struct plan {
    const void *fdt;
    const struct plan_image *images;
    unsigned image_count;
    struct plan_node *nodes;
    unsigned node_count;
    unsigned found_count, found_max; /* nodes found later, behind those; found_max 0: no bus has room for any */
    uint16_t found_rank;             /* of the next server of such a node */
    struct plan_window *windows;
    unsigned window_count, window_max;
    struct plan_ref *refs;
    unsigned ref_count;
    struct plan_service *services;
    unsigned service_count;
    struct tree_range *memory; /* RAM and reservations: no window may lie there */
    unsigned memory_count;
    struct plan_look *look; /* while the plan is made; NULL: nobody can look */
    unsigned dropped; /* services or references beyond the limits above */
};

/* Bytes of memory that plan_make needs for this tree (which passed tree_check). */
size_t plan_arena_len(const void *fdt);
/* Makes the plan in `arena` (16-byte aligned), which, like fdt and images, must live as long as the plan. `look` may be NULL:
 * then nodes whose server depends on registers are unclaimed, and marked.
 * E_NOMEM: the arena is too small. Everything else that is wrong stands in the plan, at its node. */
status_t plan_make(const void *fdt, const struct plan_image *images, unsigned image_count,
                   struct plan_look *look, void *arena, size_t arena_len, struct plan *out) WARN_UNUSED;
/* Plans for the nodes below `bus` (an index) that its server found: those that are in the tree and not in the plan yet, and those of
 * the firmware's tree that it completed. Their services get the indexes from `next` on, up to `end`; returns how many services
 * these are. What no more room was for is counted in p->dropped. What is new, or waited and waits no more, is marked fresh. */
unsigned plan_found(struct plan *p, int bus, unsigned next, unsigned end);
/* The service number `service`, of a function that was found, speaks for `node` (an index): its own, or one that the firmware's tree
 * has below the same host bridge. Plans for what is below that, as plan_found does; *out_count: services. Again: nothing
 * is new. E_RIGHTS: it is no such service or node; E_BUSY: another speaks for it. */
status_t plan_keep(struct plan *p, unsigned service, int node, unsigned next, unsigned end,
                   unsigned *out_count) WARN_UNUSED;
/* Whether a node is another, lies below it, or below one for which that one's server speaks (indexes). */
bool plan_is_below(const struct plan *p, int node, int above);
/* The next node that is marked fresh, from `from` on, and no more; -1. */
int plan_fresh(struct plan *p, int from);
/* Whether a server may open those of `class` (proto/init.h: INIT_OP_OPEN), found later or not: "opens CLASS" in its table. */
bool plan_opens(const struct dev_match *m, const char *class);
/* Whether a file of the archive with this name is an image that init looks into: a server or a program. */
bool plan_is_image(const char *name);
/* Whether it is one that claims nothing, kept for plan_replace. */
bool plan_is_spare(const char *name);
/* Whether `image` can take the place of the image of service number `service`, whose rank, windows and handles stay as they
 * are. If so, what it cannot do without is marked as required. E_INVAL: it cannot; `why` is the reason, cut at len. */
status_t plan_replace(struct plan *p, unsigned service, const struct plan_image *image, char *why,
                      size_t len) WARN_UNUSED;
/* The service that serves a node or speaks for it; -1. */
int plan_server_of(const struct plan *p, int node);
/* Index of the node with this offset; -1. */
int plan_node_index(const struct plan *p, int offset);
/* One line that says why a service waits, cut at len: "interrupts of /intc@8000000, which no server claims". */
void plan_why_waiting(const struct plan *p, const struct plan_service *s, char *out, size_t len);
/* The servers that one refers to, cut at len: "interrupts 0 -> /intc@8000000, clocks 1 -> /apb-pclk"; empty: none. */
void plan_references(const struct plan *p, const struct plan_service *s, char *out, size_t len);
/* One line that says why a node is refused ("reg 0 lies over RAM or a reservation: ...") or "covered by PATH"; empty for
 * any other. */
void plan_why_refused(const struct plan *p, const struct plan_node *n, char *out, size_t len);
/* The controller that the kernel's timer is wired to, and with it the CPU's root of interrupts where several servers could
 * be that; -1: the tree does not say. */
int plan_timer_parent(const struct plan *p);
/* The n-th window of a node as it goes into its device: rounded to pages where that is allowed. */
void plan_window_device(const struct plan *p, const struct plan_node *n, unsigned index,
                        uint64_t *out_base, uint64_t *out_len);

/* ---- between the plan's own files ---- */

/* Whether an entry claims a node for one of its compatible strings (plan_look.c). */
enum plan_claim {
    PLAN_CLAIMS_NOT = 0,
    PLAN_CLAIMS,
    PLAN_CLAIMS_PERHAPS, /* by registers that nobody can look at */
    PLAN_CLAIMS_SILENT   /* by registers that do not answer */
};
enum plan_claim plan_entry_claims(const struct plan *p, int node, const struct dev_match *m,
                                  const char *compatible);
/* What is wrong with a window, whoever wants it; NULL: nothing. */
const char *plan_window_flaw(const struct plan *p, uint64_t base, uint64_t len);
/* Finds a node's image; those of some nodes in a row, but for what is below a bus; and a node's windows: false: no room for those. */
void plan_match_nodes(struct plan *p, unsigned first, unsigned end);
void plan_match_node(struct plan *p, struct plan_node *n);
bool plan_read_windows_of(struct plan *p, int index);
/* Gives it its windows, or says why it gets none. */
void plan_take_windows_of(struct plan *p, struct plan_node *n);
/* A service for a node that gets one, at `index`. */
void plan_put_service(struct plan *p, unsigned index, int node);
/* Whether a server cannot do without registers. */
bool plan_requires_reg(const struct dev_match *m);
/* The n-th reg entry of a node, like tree_reg, but without a walk. */
status_t plan_reg(const struct plan *p, int node, unsigned index, struct tree_range *out) WARN_UNUSED;
/* Resolves all references of all services (plan_reference.c). */
void plan_resolve(struct plan *p);
/* Those of one, behind the references that there are. It waits for what is missing, not for what waits itself. */
void plan_resolve_service(struct plan *p, struct plan_service *s);
/* A service that requires one that waits would be started only to fail: it waits, too. True: it does from now on (plan_order.c). */
bool plan_wait_for_waiting(const struct plan *p, struct plan_service *s);
/* Ranks the services (plan_order.c). */
void plan_order(struct plan *p);

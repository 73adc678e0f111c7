/* SPDX-License-Identifier: BSD-2-Clause
 * rp1 - server for RP1, the Raspberry Pi 5's I/O chip: its interrupt controller, and the bus that its peripherals are on.
 *
 * Device:   RP1, a PCI function; rp1_regs.h says after which sources.
 * Binding:  README.md beside this file (BAR 1, one vector per source; which node it speaks for).
 * Protocol: <cambium/proto/irq.h>, towards the peripherals' servers.
 * Not here: what is on that bus, each has its own server; DMA; the clock and reset of anything.
 *
 * Who has which source, requests and the watch are <cambium/irq_server.h>'s. A source is a vector of MSI-X with the same number. A
 * level is sent once, and again, if it is still up, when it is acknowledged (IACK): the hardware holds the line, until its driver's ACK.
 * Where the bridge has no messages all sources share INTA, which tells none of them: then a line is held by switching it off.
 */
#include <cambium/client.h>
#include <cambium/command.h>
#include <cambium/irq_server.h>
#include <cambium/pci.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <tree.h>
#include <tree_chain.h>
#include "rp1_regs.h"

enum { RP1_BAR = 1 };
/* Event bits: a source's is that of its number. */
#define EVENT_SOURCES (~0ull >> (64 - SOURCES))
#define EVENT_INTA    (1ull << SOURCES)

struct rp1 {
    struct irq_server
        server; /* first; a line is a source. `at`: where release writes `bit`, if that is not 0 */
    struct mmio apbs;
    struct node function;
    bool has_messages; /* else INTA */
    unsigned vectors;  /* sources that have one */
    uint64_t vectored; /* sources whose vector is attached */
    uint64_t enabled;  /* open */
    uint64_t held;     /* fired, and not released yet */
    uint32_t idle;     /* INTA in a row for which nothing was up */
    struct irq_line lines[SOURCES + 1];
    struct irq_watch watch[SOURCES];
};

DEV_MATCH_TABLE struct dev_match rp1_match[] = {
    DEV_MATCH("pci1de4,1", "irq", "parent", 0),
};

static struct rp1 *rp1_of(struct irq_server *s)
{
    return (struct rp1 *)(void *)s;
}

static uint32_t cfg_of(uint32_t source)
{
    return MSIX_CFG + 4 * source;
}

static void cfg_set(const struct rp1 *r, uint32_t source, uint32_t bits)
{
    mmio_write32(&r->apbs, APBS_SET + cfg_of(source), bits);
}

static void cfg_clear(const struct rp1 *r, uint32_t source, uint32_t bits)
{
    mmio_write32(&r->apbs, APBS_CLEAR + cfg_of(source), bits);
}

/* ---- what the kit asks of a line ---- */

/* Specifier: source, IRQ_TYPE (1: rising edge, 4: level high; dt-bindings/interrupt-controller/irq.h). All are active high. */
static status_t rp1_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                           bool *out_edge)
{
    enum { EDGE_RISING = 1, LEVEL_HIGH = 4 };

    (void)s;
    if (ref->cell_count != 2 || (ref->cells[1] != EDGE_RISING && ref->cells[1] != LEVEL_HIGH)) {
        return E_FORMAT;
    }
    if (ref->cells[0] >= SOURCES) {
        return E_RANGE;
    }
    *out_line = ref->cells[0];
    *out_edge = ref->cells[1] == EDGE_RISING;
    return E_OK;
}

static void rp1_close(struct irq_server *s, uint32_t line)
{
    struct rp1 *r = rp1_of(s);

    cfg_clear(r, line, CFG_ENABLE);
    r->enabled &= ~(1ull << line);
    r->held &= ~(1ull << line);
}

/* The source's vector, told to us: from its first driver on. */
static status_t rp1_vector(struct rp1 *r, uint32_t line, bool edge)
{
    if (!r->has_messages || (r->vectored >> line & 1) != 0) {
        return E_OK;
    }
    if (line >= r->vectors) {
        log_error("source %u has no vector: only %u were to be had", (unsigned)line, r->vectors);
        return E_IO;
    }
    log_info("source %u: set vector %u, %s", (unsigned)line, (unsigned)line,
             edge ? "edge" : "level, IACK");
    status_t err = pci_attach(r->function, line, 1ull << line);
    if (err) {
        log_error("vector %u cannot be attached (%s)", (unsigned)line, err_name(err));
        return E_IO;
    }
    r->vectored |= 1ull << line;
    return E_OK;
}

static status_t rp1_program(struct irq_server *s, uint32_t line, bool edge)
{
    struct rp1 *r = rp1_of(s);

    cfg_clear(r, line, CFG_TEST | CFG_IACK_EN);
    if (!edge) {
        cfg_set(r, line, CFG_IACK_EN);
    }
    if (edge && !r->has_messages) {
        log_warn("source %u is an edge: by INTA one that is over when it is looked for is lost",
                 (unsigned)line);
    }
    s->lines[line].bit = (edge ? 0 : CFG_IACK) | (r->has_messages ? 0 : CFG_ENABLE);
    return rp1_vector(r, line, edge);
}

static inline void rp1_release(struct rp1 *r, const struct irq_line *line)
{
    r->held &= ~(1ull << (line - r->lines));
    if (line->bit != 0) {
        mmio_write32(&r->apbs, line->at, line->bit);
    }
}

static void rp1_ack(struct irq_server *s, uint32_t line)
{
    rp1_release(rp1_of(s), &s->lines[line]);
}

/* A level may have been sent to nobody before: it is acknowledged once. */
static void rp1_open(struct irq_server *s, uint32_t line)
{
    struct rp1 *r = rp1_of(s);

    r->enabled |= 1ull << line;
    cfg_set(r, line, CFG_ENABLE);
    rp1_release(r, &s->lines[line]);
}

static uint64_t rp1_up(const struct rp1 *r)
{
    return (uint64_t)mmio_read32(&r->apbs, INTSTATH) << 32 | mmio_read32(&r->apbs, INTSTATL);
}

static bool rp1_asserted(struct irq_server *s, uint32_t line)
{
    return (rp1_up(rp1_of(s)) >> line & 1) != 0;
}

static bool rp1_held(struct irq_server *s, uint32_t line)
{
    return (rp1_of(s)->held >> line & 1) != 0;
}

static void rp1_pend(struct irq_server *s, uint32_t line)
{
    cfg_set(rp1_of(s), line, CFG_TEST);
    cfg_clear(rp1_of(s), line, CFG_TEST);
}

static const struct irq_server_ops rp1_ops = {
    .decode = rp1_decode,
    .close = rp1_close,
    .program = rp1_program,
    .open = rp1_open,
    .release = rp1_ack,
    .asserted = rp1_asserted,
    .is_edge_seen = true,
    .held = rp1_held,
    .pend = rp1_pend,
};

/* ---- the way of an interrupt ---- */

/* INTA says nothing: what is up, open and not held, which now is off until it is released. */
static uint64_t rp1_search(struct rp1 *r)
{
    uint64_t up = rp1_up(r) & r->enabled & ~r->held;

    for (uint64_t left = up; left != 0; left &= left - 1) {
        cfg_clear(r, (uint32_t)__builtin_ctzll(left), CFG_ENABLE);
    }
    r->idle = up != 0 ? 0 : r->idle + 1;
    if (r->idle == IRQ_IDLE_MAX) {
        log_warn("INTA stays asserted, and nothing is up: shut until this server is started anew");
    }
    if (r->idle < IRQ_IDLE_MAX) {
        (void)pci_ack(
            r->function,
            0); /* an error: the bridge's server is a new one, which is attached to soon */
    }
    return up;
}

/* Not the sources': commands, and the kit's timer. */
static void rp1_event(struct rp1 *r)
{
    struct event ev;

    irq_server_silent(&r->server);
    if (!driver_command(&ev)) {
        return;
    }
    status_t err = irq_server_command(&r->server, &ev.msg);
    if (info_op(ev.msg.info) == COMMAND_REBIND && ev.error == E_OK) {
        uint64_t vectored = r->vectored;

        err =
            E_OK; /* the frame asked for the vectors anew; whoever this is about, attaching again does no harm */
        for (; vectored != 0 && !err; vectored &= vectored - 1) {
            unsigned line = (unsigned)__builtin_ctzll(vectored);
            err = pci_attach(r->function, line, 1ull << line);
        }
        err = err || r->has_messages ? err : pci_attach(r->function, 0, EVENT_INTA);
        r->idle = 0;
    }
    event_done(&ev, err);
}

/* Tells whoever has the sources that are up; of the last one, whom the next receive is to tell. */
static inline const struct irq_line *rp1_fire(struct rp1 *r, uint64_t up)
{
    const struct irq_line *line = &r->lines[SOURCES];

    r->held |= up;
    for (; up != 0; up &= up - 1) { /* at most 61 times */
        if (line->port != 0) {
            (void)sys_notify(line->port, line->bits); /* a driver that is gone is *closed* soon */
        }
        line = irq_server_fire(&r->server, (uint32_t)__builtin_ctzll(up));
    }
    return line;
}

static status_t rp1_run(struct rp1 *r)
{
    struct irq_server *s = &r->server;
    struct irq_line *const *recent = s->recent;
    struct msg m = { .info = IRQ_TAKE_ONE };
    int64_t from = ipc_notify_receive(0, 0, s->port, &m);

    for (;;) {
        const struct irq_line *line = recent[irq_recent_slot((uint64_t)from)];

        if (line->key == irq_line_key((uint64_t)from, m.w[0]) && m.info == IRQ_OP_ACK) {
            rp1_release(r, line);
            m.info = IRQ_TAKE_ONE; /* and status E_OK */
            from = ipc_reply_receive(s->port, &m);
        } else if (from >> 32 == RECV_EVENTS) {
            uint64_t bits = m.w[0];
            line = rp1_fire(r, (bits & EVENT_INTA) != 0 ? rp1_search(r) : bits & EVENT_SOURCES);
            if ((bits & ~(EVENT_SOURCES | EVENT_INTA)) != 0) {
                (void)sys_notify(line->port, line->bits); /* likewise, or it is nobody */
                line = &r->lines[SOURCES];
                rp1_event(r);
            }
            m = (struct msg){ .info = IRQ_TAKE_ONE };
            from = ipc_notify_receive(line->port, line->bits, s->port, &m);
        } else if (from >> 32 == RECV_CALL) {
            struct irq_request request = { m, s };
            irq_server_serve(from, &request);
            m = request.msg;
            m.info |= IRQ_TAKE_ONE;
            from = ipc_reply_receive(s->port, &m);
        } else {
            struct msg next;
            from = irq_server_event(s, from, &next);
            m = next;
            if (from < 0) {
                return (status_t)from;
            }
        }
    }
}

/* ---- the tree ---- */

/* The node whose children are RP1's: the function's own (Linux' binding pci1de4,1), or the child of the host bridge that is an
 * interrupt controller and no function (Raspberry Pi's trees). -1: none. */
static int bus_find(struct node own)
{
    int len, depth = 0, host, found = -1;
    char path[TREE_PATH_LEN];

    if (tree_prop(own.tree, own.offset, "interrupt-controller", &len) != NULL) {
        return own.offset;
    }
    if (tree_pci_host(own.tree, own.offset, &host)) {
        return -1;
    }
    for (int node = tree_next(own.tree, host, &depth); node >= 0 && depth > 0;
         node = tree_next(own.tree, node, &depth)) {
        if (depth != 1 || tree_prop(own.tree, node, "interrupt-controller", &len) == NULL ||
            tree_prop(own.tree, node, "reg", &len) != NULL || !tree_enabled(own.tree, node)) {
            continue;
        }
        if (found < 0) {
            found = node;
        } else {
            tree_path(own.tree, node, path, sizeof(path));
            log_error("%s is one interrupt controller too many below its bridge: nothing on it is "
                      "started",
                      path);
        }
    }
    return found;
}

/* Whether an address is in one of the function's windows, its BARs. */
static bool is_in_bar(struct node own, const struct tree_chain *function, uint64_t address)
{
    struct tree_range bar;

    for (unsigned i = 0; tree_chain_reg(own.tree, function, i, &bar) == E_OK; i++) {
        if (address >= bar.base && address - bar.base < bar.len) {
            return true;
        }
    }
    return false;
}

/* Whether all that the tree has below `bus` is in a BAR. The tree says where it is before anybody knows where those will be. */
static status_t bus_check(struct node own, int bus, const struct tree_range *bar)
{
    char path[TREE_PATH_LEN];
    struct tree_chain function, chain = { 0 };
    struct tree_range r;
    int depth = 0;
    status_t err = tree_chain_of(own.tree, own.offset, &function);

    err = err ? err : tree_chain_of(own.tree, bus, &chain);
    unsigned above = chain.count;
    for (int node = tree_next(own.tree, bus, &depth); !err && node >= 0 && depth > 0;
         node = tree_next(own.tree, node, &depth)) {
        chain.count = above + (unsigned)depth;
        chain.node[chain.count - 1] = node;
        if (tree_chain_reg(own.tree, &chain, 0, &r) == E_OK && !is_in_bar(own, &function, r.base)) {
            tree_path(own.tree, node, path, sizeof(path));
            log_error("%s is at 0x%llx by the tree, in none of its BARs (BAR 1 is at 0x%llx): "
                      "nothing on its bus is started",
                      path, (unsigned long long)r.base, (unsigned long long)bar->base);
            return E_RANGE;
        }
    }
    return err;
}

/* ---- start ---- */

static status_t rp1_identify(const struct rp1 *r, unsigned window)
{
    struct mmio sysinfo;
    status_t err = node_mmio_checked(r->function, window, SYSINFO_LEN, &sysinfo);

    if (err) {
        return err;
    }
    uint32_t id = mmio_read32(&sysinfo, SYSINFO_CHIP_ID);
    if (field_get(CHIP_ID_RP1, id) != 0x1927) {
        log_error("its chip ID reads 0x%08x, not 0x....1927: it does not answer", (unsigned)id);
        return E_IO;
    }
    log_info("found chip ID 0x%08x, platform 0x%08x", (unsigned)id,
             (unsigned)mmio_read32(&sysinfo, SYSINFO_PLATFORM));
    return E_OK;
}

/* Nothing is sent, whatever firmware or a dead predecessor left. */
static void rp1_quiet(const struct rp1 *r)
{
    for (uint32_t source = 0; source < SOURCES; source++) {
        cfg_clear(r, source, CFG_ENABLE | CFG_TEST | CFG_IACK_EN);
    }
}

/* INTA for all sources, whether there were vectors before or not. */
static status_t rp1_share_inta(struct rp1 *r)
{
    status_t err = pci_vectors(r->function, 0, &r->vectors, NULL);

    err = err ? err : pci_attach(r->function, 0, EVENT_INTA);
    r->has_messages = err != E_OK;
    return err;
}

/* With a vector for each source, else with INTA, which serves all of them, else with what vectors there are. */
static status_t rp1_open_vectors(struct rp1 *r)
{
    unsigned mode = PCI_IRQ_NONE;
    status_t err = pci_vectors(r->function, SOURCES, &r->vectors, &mode);

    if (!err && mode == PCI_IRQ_MSIX && r->vectors == SOURCES) {
        r->has_messages = true;
        log_info("set a vector of MSI-X for each source");
        return E_OK;
    }
    if (!err && mode == PCI_IRQ_MSIX) {
        log_warn("%u vectors for %u sources: not used", r->vectors, (unsigned)SOURCES);
    }
    err = err ? err : rp1_share_inta(r);
    if (!err) {
        log_info("set INTA for all sources");
        return E_OK;
    }
    if (mode != PCI_IRQ_MSIX) {
        log_error("no interrupts from its bridge (%s)", err_name(err));
        return err;
    }
    log_error("no INTA (%s): sources without a vector have no interrupts", err_name(err));
    return pci_vectors(r->function, SOURCES, &r->vectors, &mode);
}

static void rp1_set_up(struct rp1 *r)
{
    struct irq_server *s = &r->server;

    s->ops = &rp1_ops;
    s->lines = r->lines;
    s->watch = r->watch;
    s->line_max = s->line_count = SOURCES;
    for (uint32_t source = 0; source < SOURCES; source++) {
        r->lines[source].at = APBS_SET + cfg_of(source);
    }
    r->vectored = r->enabled = r->held = 0;
    r->idle = 0;
    irq_server_reset(s);
    irq_server_read_tree(s);
}

static status_t rp1_start(struct rp1 *r, struct tree_range *out_bar)
{
    unsigned window = 0;
    status_t err = tree_pci_bar(r->function.tree, r->function.offset, RP1_BAR, &window);

    err = err ? err : tree_reg(r->function.tree, r->function.offset, window, out_bar);
    err = err ? err : pci_bar_part(r->function, RP1_BAR, APBS, APBS_LEN, &r->apbs);
    if (err == E_RANGE) {
        log_error("BAR 1 has %llu KiB only: RP1's own firmware does not run",
                  (unsigned long long)out_bar->len / 1024);
    } else if (err) {
        log_error("BAR 1 is not to be had (%s)", err_name(err));
    }
    err = err ? err : pci_enable(r->function, PCI_ENABLE_MEMORY);
    err = err ? err : rp1_identify(r, window);
    if (err) {
        return err;
    }
    rp1_quiet(r);
    err = rp1_open_vectors(r);
    return err ? err : pci_enable(r->function, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);
}

int main(void)
{
    static struct rp1 rp1;
    struct rp1 *r = &rp1;
    struct tree_range bar = { 0 };

    r->function = driver_node();
    r->server.port = start_handle("port");
    status_t err = rp1_start(r, &bar);
    if (err) {
        return err;
    }
    int bus = bus_find(r->function);
    r->server.node = (struct node){ r->function.tree, bus >= 0 ? bus : r->function.offset };
    rp1_set_up(r);
    driver_ready();
    if (bus < 0) {
        log_warn("the tree has nothing on its bus: no interrupt-controller node here or beside");
    } else if (bus_check(r->function, bus, &bar) == E_OK) {
        unsigned served = 0;
        err = pci_children(r->function, bus, &served);
        if (err) {
            log_error("init does not take what is on its bus (%s)", err_name(err));
        }
    }
    return rp1_run(r);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * libFuzzer's target for the library of PCI host bridges. The input is a list of steps: functions, bridges, BARs and capabilities are
 * made, registers and what of them can be written are set to anything, reads are answered with anything; the server starts, is
 * asked, is told that drivers ended, and starts anew.
 *
 * What must hold, whatever the bus says: nothing is touched outside (the sanitizers see it), no loop goes on, and what the library
 * says it placed lies in a window of each bridge above and on nothing else.
 */
#include "pci_world.h"
#include <cambium/command.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x) ((x) ? (void)0 : (fprintf(stderr, "does not hold: %s\n", #x), abort()))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FUNCTIONS = 160, READS_MAX = 60000, PORT = 40 };

static uint32_t lie_from, lie_every, lie_value;
static bool has_started;

/* Every so many reads, from some on, something else. */
static uint32_t lie(int n, unsigned offset, uint32_t value)
{
    (void)n, (void)offset;
    MUST(fake_config.reads < READS_MAX); /* else a loop goes on */
    return lie_every != 0 && fake_config.reads >= lie_from &&
                   (fake_config.reads - lie_from) % lie_every == 0
               ? lie_value
               : value;
}

static uint32_t pattern(uint8_t a, uint8_t b)
{
    return a % 4 == 0   ? ~0u
           : a % 4 == 1 ? (uint32_t)b << a / 4 % 25
           : a % 4 == 2 ? ~(~0u >> a / 4 % 32)
                        : b | (uint32_t)a << 8 | (uint32_t)b << 20;
}

/* ---- what must hold ---- */

static bool is_in(const struct pci_range *r, uint64_t base, uint64_t size)
{
    return r->address >= base && r->len <= size && r->address - base <= size - r->len;
}

static bool is_reached(const struct pci_host *h, const struct pci_function *f,
                       const struct pci_range *r)
{
    if (f->parent != PCI_NONE) {
        const struct pci_range *w = &h->functions[f->parent].ranges[PCI_WINDOW + r->space];
        return is_in(r, w->address, w->len);
    }
    for (unsigned i = 0; i < h->aperture_count; i++) {
        if (is_in(r, h->apertures[i].bus, h->apertures[i].len)) {
            return true;
        }
    }
    return false;
}

static void check(const struct pci_host *h)
{
    MUST(h->function_count <= PCI_FUNCTIONS_MAX);
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        MUST(f->parent == PCI_NONE || f->parent < i);
        MUST(i == 0 || h->functions[h->order[i - 1]].id <= h->functions[h->order[i]].id);
        for (unsigned n = 0; f->state == PCI_STATE_OK && n < PCI_RANGES; n++) {
            const struct pci_range *r = &f->ranges[n];
            if (n == PCI_ROM || r->len == 0 ||
                (r->flags & (PCI_BAR_UNPLACED | PCI_BAR_BROKEN)) != 0) {
                continue;
            }
            MUST(is_reached(h, f, r));
            for (unsigned k = 0; k < i; k++) {
                const struct pci_function *g = &h->functions[k];
                for (unsigned m = 0;
                     g->parent == f->parent && g->state == PCI_STATE_OK && m < PCI_RANGES; m++) {
                    const struct pci_range *s = &g->ranges[m];
                    bool is_placed = m != PCI_ROM && s->len != 0 &&
                                     (s->flags & (PCI_BAR_UNPLACED | PCI_BAR_BROKEN)) == 0;
                    MUST(!is_placed || (s->space == PCI_SPACE_IO) != (r->space == PCI_SPACE_IO) ||
                         s->address + s->len - 1 < r->address ||
                         r->address + r->len - 1 < s->address);
                }
            }
        }
    }
}

/* ---- steps ---- */

static int nothing(void)
{
    return 0;
}

static void event(struct event ev)
{
    fake_event(ev);
    ev = event_wait();
    MUST(pci_host_event(&world.host, &ev) == E_OK);
    (void)fake_run(nothing); /* empties the queue */
    fake_trace_clear();
    fake_config.reads = 0;
}

/* The node of some function, or of none. */
static uint32_t some_node(uint8_t a)
{
    unsigned count = world.host.function_count;

    return count != 0 && a != 255 ? (uint32_t)world.host.functions[a % count].node : a;
}

static void start(void)
{
    fake_config.reads = 0;
    has_started = pci_world_start() == E_OK;
    if (has_started) {
        check(&world.host);
    }
    fake_trace_clear();
    fake_config.reads = 0;
}

static void ask(const uint8_t *a)
{
    static const uint32_t ops[] = { PCI_OP_ENABLE,
                                    PCI_OP_VECTORS,
                                    PCI_OP_READ,
                                    PCI_OP_RESET,
                                    PCI_OP_BRIDGE,
                                    PCI_OP_FUNCTION,
                                    PCI_OP_BAR,
                                    PCI_OP_CAPABILITY,
                                    IRQ_OP_ATTACH,
                                    IRQ_OP_ACK,
                                    IRQ_OP_DETACH,
                                    IRQ_OP_STAT,
                                    IRQ_OP_SET_PENDING,
                                    IRQ_OP_GATE,
                                    99,
                                    0 };
    uint32_t op = ops[a[0] % 16];
    struct event ev = { .kind = EV_CALL, .badge = some_node(a[1]) };

    ev.msg.info = msg_info(op, op == IRQ_OP_ATTACH || a[0] >= 240, 0);
    ev.msg.w[0] = a[2];
    ev.msg.w[1] = op == PCI_OP_READ ? 1u << a[0] / 16 % 3 : a[0] / 16;
    ev.msg.w[MSG_WORDS - 1] = info_handles(ev.msg.info) != 0 ? PORT : 0;
    event(ev);
}

static void happen(const uint8_t *a)
{
    static const uint32_t commands[] = { COMMAND_DMA_OFF, COMMAND_IRQ_QUIESCE, COMMAND_REBIND,
                                         COMMAND_OWN };

    switch (a[0] % 5) {
    case 0:
        event((struct event){ .kind = EV_COMMAND,
                              .msg = { .info = commands[a[2] % 4], .w = { some_node(a[1]) } } });
        break;
    case 1:
        event((struct event){ .kind = EV_CLOSED, .badge = some_node(a[1]) });
        break;
    case 2:
        event((struct event){ .kind = EV_IRQ, .irq = a[1] % 16u });
        break;
    case 3:
        fake.now_ns += a[1] * 100000000ull;
        event((struct event){ .kind = EV_NOTIFY,
                              .bits = a[2] % 2 ? PCI_EVENT_SLOT : IRQ_EVENT_SILENT });
        break;
    default:
        world.msi_max = a[1] % 40;
        world.msi_attach_error = a[2] % 4 == 0 ? E_FULL : E_OK;
        world.gone_error = a[2] % 3 == 0 ? E_NOTFOUND : E_OK;
        break;
    }
}

static void make(uint8_t op, const uint8_t *a)
{
    int count = (int)fake_config.count, n = count != 0 ? a[0] % count : 0;
    int parent = count != 0 && fake_config.functions[n].is_bridge ? n : FAKE_CONFIG_ROOT;

    if (op == 0 && count < FUNCTIONS) {
        n = fake_config_add(parent, a[1] % 32u, a[1] / 32u, 0x10000000u + a[2],
                            (uint32_t)a[2] << 16);
        fake_config.functions[n].regs[0x3c / 4] = (uint32_t)(a[2] % 6) << 8;
    } else if (op == 1 && count < FUNCTIONS) {
        (void)fake_config_add_bridge(parent, a[1] % 32u, a[2] % 16 < 9 ? a[2] % 16u : 0xff);
    } else if (op == 2 && count != 0) {
        fake_config_bar(n, a[1] % 6u, a[1] / 8 % 8u & (a[1] % 6u == 5 ? ~2u : ~0u),
                        4ull << a[2] % 62);
    } else if (op == 3 && count != 0 && fake_config.functions[n].last_capability < 0x150) {
        static const uint8_t ids[] = { 1, 5, 0x10, 0x11, 0x13, 9 };
        uint32_t words[7] = { pattern(a[2], a[1]) << 16, a[1], a[2], 0, 0, 1u << 6, 1u << 22 };
        uint32_t writable[7] = { 0xc0ff0000, ~0u, ~0u, ~0u, ~0u, ~0u, 0x1fff };
        (void)fake_config_capability(n, ids[a[1] % 6], words, writable, 7);
    } else if (op == 4 && count != 0) {
        fake_config.functions[n].regs[a[1] % 32u] = pattern(a[2], a[1]);
    } else if (op == 5 && count != 0) {
        fake_config.functions[n].writable[a[1] % 32u] = pattern(a[2], a[1]);
    } else if (op == 6 && count != 0) {
        fake_config.functions[n].is_gone = a[1] % 2;
        fake_config.functions[n].regs[1] |= a[2] % 8u;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t how = len != 0 ? data[0] : 0;

    pci_world_reset(pci_world_usual, 1 + how % 3, how % 16, how / 16 % 2 ? 255 : how % 16 + 3u,
                    how / 64 == 3 ? "linux,pci-probe-only" : NULL);
    world.grow_max = how / 32 % 2 ? 6000 : 0;
    fake_config.lie = lie;
    lie_every = 0;
    has_started = false;
    for (size_t at = 1; at + 4 <= len && at < 1200; at += 4) {
        const uint8_t *a = &data[at + 1];
        uint8_t op = data[at] % 12;
        if (op < 7) {
            make(op, a);
        } else if (op == 7) {
            lie_from = fake_config.reads + a[0];
            lie_every = a[1];
            lie_value = pattern(a[2], a[0]);
        } else if (op == 8 || !has_started) {
            start();
        } else if (op < 11) {
            ask(a);
        } else {
            happen(a);
        }
    }
    start();
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_config.h.
 */
#include "fake_config.h"
#include "fake_frame.h"
#include <string.h>

struct fake_config fake_config;

void fake_config_reset(void)
{
    memset(&fake_config, 0, sizeof(fake_config));
}

int fake_config_add(int parent, unsigned device, unsigned function, uint32_t names, uint32_t class)
{
    struct fake_config_function *f = &fake_config.functions[fake_config.count];

    memset(f, 0, sizeof(*f));
    f->parent = parent;
    f->device = device;
    f->function = function;
    f->regs[0x00 / 4] = names;
    f->regs[0x08 / 4] = class << 8 | 1;
    f->writable[0x04 / 4] = 0x0507;
    f->cleared[0x04 / 4] = 0xf9000000;
    f->writable[0x3c / 4] = 0xff;
    for (unsigned i = 0; i < fake_config.count && function != 0;
         i++) { /* then the device has several */
        struct fake_config_function *first = &fake_config.functions[i];
        if (first->parent == parent && first->device == device && first->function == 0) {
            first->regs[0x0c / 4] |= 1u << 23;
        }
    }
    return (int)fake_config.count++;
}

int fake_config_add_bridge(int parent, unsigned device, unsigned port)
{
    int n = fake_config_add(parent, device, 0, 0x000c1b36, 0x060400);
    struct fake_config_function *f = &fake_config.functions[n];
    uint32_t express = port << 20 | 2u << 16;

    f->is_bridge = true;
    f->regs[0x0c / 4] |= 1u << 16;
    f->writable[0x18 / 4] = 0x00ffffff;
    f->regs[0x1c / 4] = 0x0101;
    f->writable[0x1c / 4] = 0xf0f0;
    f->cleared[0x1c / 4] = 0xf9000000;
    f->writable[0x20 / 4] = 0xfff0fff0;
    f->regs[0x24 / 4] = 0x00010001;
    f->writable[0x24 / 4] = 0xfff0fff0;
    f->writable[0x28 / 4] = f->writable[0x2c / 4] = f->writable[0x30 / 4] = ~0u;
    if (port != 0xff) {
        (void)fake_config_capability(n, 0x10, &express, NULL, 1);
    }
    return n;
}

void fake_config_bar(int n, unsigned bar, unsigned flags, uint64_t len)
{
    struct fake_config_function *f = &fake_config.functions[n];
    uint32_t *low = &f->regs[0x10 / 4 + bar], *mask = &f->writable[0x10 / 4 + bar];

    f->bar_len[bar] = len;
    if ((flags & PCI_BAR_IO) != 0) {
        *low = 1;
        mask[0] = (uint32_t)-len & ~3u;
        return;
    }
    *low = (flags & PCI_BAR_64 ? 4u : 0) | (flags & PCI_BAR_PREFETCH ? 8u : 0);
    mask[0] = (uint32_t)-len & ~15u;
    if ((flags & PCI_BAR_64) != 0) {
        mask[1] = (uint32_t)(-len >> 32);
    }
}

unsigned fake_config_capability(int n, unsigned id, const uint32_t *words, const uint32_t *writable,
                                unsigned count)
{
    struct fake_config_function *f = &fake_config.functions[n];
    unsigned at = 0x40;

    if (f->last_capability == 0) {
        f->regs[0x04 / 4] |= 1u << 20;
        f->regs[0x34 / 4] = at;
    } else {
        while (f->regs[at / 4] != 0 || f->regs[at / 4 + 1] != 0 || at <= f->last_capability) {
            at += 4;
        }
        f->regs[f->last_capability / 4] |= at << 8;
    }
    f->last_capability = at;
    for (unsigned i = 0; i < count; i++) {
        f->regs[at / 4 + i] = words[i];
        f->writable[at / 4 + i] = writable != NULL ? writable[i] : 0;
    }
    f->regs[at / 4] |= id;
    return at;
}

/* ---- who answers ---- */

static unsigned secondary(const struct fake_config_function *f)
{
    return f->regs[0x18 / 4] >> 8 & 0xff;
}

static unsigned subordinate(const struct fake_config_function *f)
{
    return f->regs[0x18 / 4] >> 16 & 0xff;
}

/* The number of the function that answers to an ID; -1: none. */
static int answers(unsigned id)
{
    unsigned bus = id >> 8, at = fake_config.bus_first;
    int parent = FAKE_CONFIG_ROOT;

    for (unsigned depth = 0; at != bus && depth < FAKE_CONFIG_MAX; depth++) {
        int next = -1;
        for (unsigned i = 0; i < fake_config.count; i++) {
            const struct fake_config_function *f = &fake_config.functions[i];
            if (f->parent == parent && f->is_bridge && !f->is_gone && secondary(f) != 0 &&
                secondary(f) <= bus && subordinate(f) >= bus) {
                next = (int)i;
                break;
            }
        }
        if (next < 0) {
            return -1;
        }
        parent = next;
        at = secondary(&fake_config.functions[next]);
    }
    for (unsigned i = 0; at == bus && i < fake_config.count; i++) {
        const struct fake_config_function *f = &fake_config.functions[i];
        if (f->parent == parent && f->device == (id >> 3 & 31) && f->function == (id & 7) &&
            !f->is_gone) {
            return (int)i;
        }
    }
    return -1;
}

static uint32_t fake_read(struct pci_host *h, unsigned id, unsigned offset)
{
    int n = answers(id);
    uint32_t value = ~0u;

    (void)h;
    fake_config.reads++;
    fake.now_ns += 1000;
    if (n >= 0) {
        fake_config.functions[n].reads++;
        value = offset / 4 < FAKE_CONFIG_WORDS ? fake_config.functions[n].regs[offset / 4] : 0;
    }
    return fake_config.lie != NULL ? fake_config.lie(n, offset, value) : value;
}

static void fake_write(struct pci_host *h, unsigned id, unsigned offset, uint32_t value)
{
    int n = answers(id);

    (void)h;
    fake_config.writes++;
    if (n >= 0 && offset / 4 < FAKE_CONFIG_WORDS) {
        struct fake_config_function *f = &fake_config.functions[n];
        uint32_t *reg = &f->regs[offset / 4], mask = f->writable[offset / 4];
        f->writes++;
        *reg = ((*reg & ~mask) | (value & mask)) & ~(value & f->cleared[offset / 4]);
    }
}

const struct pci_host_ops fake_config_ops = { .read = fake_read, .write = fake_write };

int fake_config_id(int n)
{
    const struct fake_config_function *f = &fake_config.functions[n];
    unsigned bus = f->parent == FAKE_CONFIG_ROOT ? fake_config.bus_first
                                                 : secondary(&fake_config.functions[f->parent]);
    unsigned id = bus << 8 | f->device << 3 | f->function;

    return answers(id) == n ? (int)id : -1;
}

/* ---- who decodes ---- */

uint64_t fake_config_bar_address(int n, unsigned bar)
{
    const struct fake_config_function *f = &fake_config.functions[n];
    uint32_t low = f->regs[0x10 / 4 + bar];

    if ((low & 1) != 0) {
        return low & ~3u;
    }
    return (low & ~15u) | ((low & 4) != 0 ? (uint64_t)f->regs[0x14 / 4 + bar] << 32 : 0);
}

/* Whether a bridge hands [address, address + len) on to the bus behind it. */
static bool forwards(const struct fake_config_function *f, bool is_io, uint64_t address,
                     uint64_t len)
{
    uint32_t io = f->regs[0x1c / 4], io_high = f->regs[0x30 / 4];
    uint32_t memory = f->regs[0x20 / 4], prefetch = f->regs[0x24 / 4];
    uint64_t last = address + len - 1;

    if (is_io) {
        uint64_t base = (io & 0xf0) << 8 | (uint64_t)(io_high & 0xffff) << 16;
        uint64_t limit = (io & 0xf000) | 0xfff | (uint64_t)(io_high >> 16) << 16;
        return (f->regs[1] & 1) != 0 && address >= base && last <= limit;
    }
    uint64_t base = (uint64_t)(memory & 0xfff0) << 16, limit = (memory & 0xfff00000) | 0xfffff;
    bool is_in = address >= base && last <= limit;
    base = (uint64_t)(prefetch & 0xfff0) << 16 | (uint64_t)f->regs[0x28 / 4] << 32;
    limit = (prefetch & 0xfff00000) | 0xfffff | (uint64_t)f->regs[0x2c / 4] << 32;
    return (f->regs[1] & 2) != 0 && (is_in || (address >= base && last <= limit));
}

bool fake_config_decodes(int n, unsigned bar)
{
    const struct fake_config_function *f = &fake_config.functions[n];
    bool is_io = (f->regs[0x10 / 4 + bar] & 1) != 0;
    uint64_t address = fake_config_bar_address(n, bar);

    for (int above = f->parent; above != FAKE_CONFIG_ROOT;
         above = fake_config.functions[above].parent) {
        if (!forwards(&fake_config.functions[above], is_io, address, f->bar_len[bar])) {
            return false;
        }
    }
    return f->bar_len[bar] != 0;
}

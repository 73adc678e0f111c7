/* SPDX-License-Identifier: BSD-2-Clause
 * plan_damage FILE.dtb STRIDE ROUNDS - init's plan of a tree that is cut off at every STRIDE-th token, and of ROUNDS copies
 * with properties dropped, resized and overwritten (the same in every run). Built with the sanitizers. Every compatible
 * string of the whole tree is claimed by somebody, so that there are as many windows as there can be. What must hold:
 *
 *  - a tree cut off is refused; mended (as the kernel does for its last words) it is a smaller tree with a plan
 *  - what a server gets is a reg entry of its own enabled node, translated as plan_oracle.c does it; or the pages around it, if no other node has anything there
 *  - no window lies over RAM or a reservation, no two servers have one together
 *
 * Prints how many plans were made, and how many windows were looked at. plan_test.py runs it.
 */
#include "plan_oracle.h"
#include <libfdt.h>
#include <plan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>

enum { IMAGES_MAX = 256, ROOM = 4096, GIVEN_MAX = 4096 };

static const char *file_name;
static uint32_t round_number; /* for the message: which copy */

#define MUST(x)                                                                                    \
    ((x) ? (void)0                                                                                 \
         : (fprintf(stderr, "%s, copy %u: does not hold: %s\n", file_name, round_number, #x),      \
            abort()))

/* ---- images that claim all ---- */

static struct dev_match matches[IMAGES_MAX];
static struct plan_image images[IMAGES_MAX];
static unsigned image_count;

static void add_image(const char *compatible, const char *provides, const char *requires,
                      uint32_t flags)
{
    struct dev_match *m = &matches[image_count];

    for (unsigned i = 0; i < image_count; i++) {
        if (strcmp(matches[i].compatible, compatible) == 0) {
            return;
        }
    }
    if (image_count == IMAGES_MAX || strlen(compatible) >= sizeof(m->compatible)) {
        return;
    }
    (void)snprintf(m->compatible, sizeof(m->compatible), "%s", compatible); /* each fits */
    (void)snprintf(m->provides, sizeof(m->provides), "%s", provides);
    (void)snprintf(m->requires, sizeof(m->requires), "%s", requires);
    m->flags = flags;
    m->abi = ABI_VERSION;
    images[image_count++] = (struct plan_image){ "drv/any", m, 1 };
}

static void make_images(const void *fdt)
{
    static const char *const requirements[] = { "reg", "reg interrupts", "", "reg clocks 0",
                                                "interrupts 0 resets" };

    add_image("console", "serial", "stdout-path", MATCH_SERVICE);
    for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL)) {
        const char *compatible = fdt_getprop(fdt, node, "compatible", NULL);
        bool is_irq = fdt_getprop(fdt, node, "interrupt-controller", NULL) != NULL;

        if (node != 0 && compatible != NULL && strcmp(compatible, "simple-bus") != 0) {
            add_image(compatible, is_irq ? "irq" : "any",
                      is_irq ? "reg interrupts" : requirements[image_count % 5],
                      is_irq ? MATCH_IRQ_ROOT : 0);
        }
    }
}

/* ---- a plan, and what must hold of it ---- */

static unsigned plans, windows;

static void check_window(const struct plan *p, const struct plan_node *n, unsigned index)
{
    const struct plan_window *w = &p->windows[n->window + index];
    int node = (int)(n - p->nodes);
    uint64_t base, len;

    plan_window_device(p, n, index, &base, &len);
    windows++;
    MUST(oracle_is_enabled(node));
    MUST(w->is_aperture ? oracle_hands_on(node, w->base, w->len)
                        : oracle_grants(node, w->base, w->len));
    MUST(base <= w->base && (wide)base + len >= (wide)w->base + w->len && len != 0);
    MUST(oracle_is_free(base, len));
    if ((base == w->base && len == w->len) || w->is_aperture) {
        return; /* an aperture is full of others' windows */
    }
    MUST(base == (w->base & ~4095ull) && len % 4096 == 0 &&
         (wide)base + len < (wide)w->base + w->len + 4096);
    const struct window *other;
    for (unsigned i = 0; (other = oracle_window(i)) != NULL; i++) {
        const struct plan_node *owner = &p->nodes[other->node];
        MUST(other->node == node || owner->is_meta || owner->state == NODE_KERNEL ||
             !windows_meet(base, len, other));
    }
}

/* No two of them have an address in common. */
static void check_apart(const struct plan *p)
{
    static struct window given[GIVEN_MAX];
    unsigned count = 0;

    for (unsigned s = 0; s < p->service_count; s++) {
        const struct plan_node *n = p->services[s].node < 0 ? NULL : &p->nodes[p->services[s].node];
        for (unsigned i = 0; n != NULL && i < n->window_count; i++) {
            uint64_t base, len;
            plan_window_device(p, n, i, &base, &len);
            for (unsigned k = 0; k < count; k++) {
                MUST(given[k].node == p->services[s].node || !windows_meet(base, len, &given[k]));
            }
            MUST(count < GIVEN_MAX);
            given[count++] = (struct window){ p->services[s].node, base, len };
        }
    }
}

/* How many nodes the tree has. */
static unsigned plan_check(const void *fdt)
{
    size_t len = plan_arena_len(fdt);
    void *arena = malloc(len);
    struct plan p;
    char why[300];

    MUST(plan_make(fdt, images, image_count, NULL, arena, len, &p) == E_OK);
    plans++;
    MUST(p.node_count == oracle_read(fdt));
    for (unsigned s = 0; s < p.service_count; s++) {
        plan_why_waiting(&p, &p.services[s], why, sizeof(why));
        if (p.services[s].node >= 0) {
            const struct plan_node *n = &p.nodes[p.services[s].node];
            MUST(n->state == NODE_SERVED || n->state == NODE_WAITING);
            for (unsigned i = 0; i < n->window_count; i++) {
                check_window(&p, n, i);
            }
        }
    }
    for (unsigned i = 0; i < p.node_count; i++) {
        plan_why_refused(&p, &p.nodes[i], why, sizeof(why));
    }
    check_apart(&p);
    free(arena);
    return p.node_count;
}

/* ---- damage ---- */

/* Writes RAM of 16 MiB at `base` into the memory node. */
static void write_memory(char *tree, uint64_t base)
{
    int node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", sizeof("memory"));
    int address_cells = fdt_address_cells(tree, 0);
    int size_cells = fdt_size_cells(tree, 0);
    fdt32_t cells[8] = { 0 };

    MUST(node >= 0 && address_cells > 0 && address_cells <= 2 && size_cells > 0 && size_cells <= 2);
    for (int i = address_cells; i > 0; base >>= 32) {
        cells[--i] = cpu_to_fdt32((uint32_t)base);
    }
    cells[address_cells + size_cells - 1] = cpu_to_fdt32(16 << 20);
    MUST(fdt_setprop(tree, node, "reg", cells, 4 * (address_cells + size_cells)) == 0);
}

static void cut_everywhere(const char *tree, size_t len, unsigned stride)
{
    unsigned whole = plan_check(tree);
    uint32_t structure = fdt_off_dt_struct(tree);
    int next = 0;

    round_number = 0;
    for (int at = 0; next >= 0 && fdt_next_tag(tree, at, &next) != FDT_END; at = next) {
        if (round_number++ % stride != 0) {
            continue;
        }
        size_t cut = structure + (unsigned)at;
        char *copy = malloc(cut); /* of just that length, for the sanitizer to watch its end */
        memcpy(copy, tree, cut);
        MUST(tree_check(copy, cut) != E_OK);
        free(copy);
        copy = malloc(len); /* the strings stand behind: only the structure is cut off */
        memcpy(copy, tree, len);
        fdt_set_size_dt_struct(copy, (uint32_t)at);
        MUST(tree_check(copy, len) != E_OK);
        if (tree_mend(copy, len) == E_OK) {
            MUST(plan_check(copy) <= whole);
        } else {
            MUST(at < 16); /* no room for the root's end, and the block's */
        }
        free(copy);
    }
}

static uint32_t next_random(uint32_t *seed) /* xorshift32: Marsaglia, "Xorshift RNGs", 2003 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* The n-th property of the tree (counted round): its node, name and value. */
static bool property_at(const char *tree, uint32_t n, int *out_node, int *out_property)
{
    static int nodes[65536], properties[65536];
    static const char *of;
    static uint32_t count;

    if (of != tree) { /* made once: a copy has them at the same places until it is changed */
        of = tree;
        count = 0;
        for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL)) {
            for (int at = fdt_first_property_offset(tree, node); at >= 0 && count < 65536;
                 at = fdt_next_property_offset(tree, at)) {
                nodes[count] = node;
                properties[count++] = at;
            }
        }
    }
    *out_node = nodes[n % count];
    *out_property = properties[n % count];
    return count > 0;
}

/* Properties that say where things are and who belongs to whom: every other copy is hurt there. */
static bool matters(const char *name)
{
    static const char *const names[] = { "reg",
                                         "ranges",
                                         "#address-cells",
                                         "#size-cells",
                                         "interrupts",
                                         "interrupt-parent",
                                         "interrupt-map",
                                         "interrupt-map-mask",
                                         "#interrupt-cells",
                                         "interrupts-extended",
                                         "status",
                                         "phandle",
                                         "compatible",
                                         "device_type",
                                         "stdout-path",
                                         "linux,stdout-path",
                                         "serial0",
                                         "clocks",
                                         "#clock-cells" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static fdt32_t bad_cell(uint32_t *seed)
{
    static const uint32_t cells[] = { 0,          1,          2,          3,         4,
                                      5,          16,         17,         0x1000,    0x7e000000,
                                      0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff };

    return cpu_to_fdt32(next_random(seed) % 3 == 0
                            ? next_random(seed)
                            : cells[next_random(seed) % (sizeof(cells) / sizeof(cells[0]))]);
}

/* Drops, resizes or overwrites one property. `tree` is what `copy` was made of; only the first change of a copy finds
 * the property where the tree has it, so later ones look it up by its node's path. */
static void hurt(const char *tree, char *copy, uint32_t *seed)
{
    char path[512], name[64], value[ROOM / 2] = { 0 };
    int node = 0, property = 0, len = 0;
    const char *its_name = "";

    for (unsigned tries = 0; tries < 40; tries++) {
        MUST(property_at(tree, next_random(seed), &node, &property));
        (void)fdt_getprop_by_offset(tree, property, &its_name, &len);
        if (len < ROOM / 4 && (matters(its_name) || next_random(seed) % 8 == 0)) {
            break;
        }
    }
    (void)snprintf(name, sizeof(name), "%s", its_name); /* no longer than 31 in sound trees */
    node = fdt_get_path(tree, node, path, sizeof(path)) == 0 ? fdt_path_offset(copy, path) : -1;
    const char *old = node >= 0 ? fdt_getprop(copy, node, name, &len) : NULL;
    if (old == NULL || len > ROOM / 4) {
        return; /* dropped before, or grown too much */
    }
    memcpy(value, old, (size_t)len);
    switch (next_random(seed) % 6) {
    case 0:
        (void)fdt_delprop(copy, node, name); /* it is there */
        return;
    case 1: /* shorter, also by odd bytes */
        (void)fdt_setprop(copy, node, name, value, (int)(next_random(seed) % (unsigned)(len + 1)));
        return;
    case 2: { /* longer: by itself once more, or by anything */
        int more = (int)(1 + next_random(seed) % 40);
        for (int i = 0; i < more; i++) {
            value[len + i] =
                len > 0 && next_random(seed) % 4 != 0 ? value[i % len] : (char)next_random(seed);
        }
        (void)fdt_setprop(copy, node, name, value, len + more); /* as far as there is room */
        return;
    }
    default:
        for (uint32_t n = 1 + next_random(seed) % 2; n > 0 && len >= 4; n--) {
            fdt32_t cell = bad_cell(seed);
            memcpy(value + next_random(seed) % (unsigned)(len / 4) * 4, &cell, 4);
        }
        if (len > 0 && next_random(seed) % 4 == 0) {
            value[next_random(seed) % (unsigned)len] ^= (char)(1 << next_random(seed) % 8);
        }
        (void)fdt_setprop_inplace(copy, node, name, value, len); /* of the same length */
    }
}

static void mutate(const char *tree, unsigned rounds)
{
    size_t room = fdt_totalsize(tree) + ROOM;
    uint32_t seed = 2463534242u;

    for (round_number = 0; round_number < rounds; round_number++) {
        char *copy = malloc(room);

        MUST(fdt_open_into(tree, copy, (int)room) == 0);
        const struct window *w = oracle_window(next_random(&seed) % 16);
        if (w != NULL && next_random(&seed) % 4 == 0) {
            /* over what somebody had in the last copy, or close behind it, in the same page */
            write_memory(copy, (uint64_t)(w->base + (next_random(&seed) % 2 ? w->len : 0)));
        }
        for (uint32_t n = 1 + next_random(&seed) % 4; n > 0; n--) {
            hurt(tree, copy, &seed);
        }
        MUST(fdt_pack(copy) == 0);
        copy = realloc(copy, fdt_totalsize(copy));
        if (tree_check(copy, fdt_totalsize(copy)) == E_OK) {
            (void)plan_check(copy); /* how many nodes there are stays the same */
        }
        free(copy);
    }
}

int main(int argc, char **argv)
{
    FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
    char *tree = malloc(TREE_MAX_LEN);

    if (file == NULL || tree == NULL) {
        fprintf(stderr, "usage: plan_damage FILE.dtb STRIDE ROUNDS\n");
        return 2;
    }
    file_name = argv[1];
    size_t len = fread(tree, 1, TREE_MAX_LEN, file);
    (void)fclose(file); /* only read from */
    MUST(tree_check(tree, len) == E_OK);
    write_memory(tree, 0); /* some templates say 1 GiB, which would lie over all registers */
    make_images(tree);
    unsigned intact = (plan_check(tree), windows);
    cut_everywhere(tree, len, (unsigned)strtoul(argv[2], NULL, 10));
    mutate(tree, (unsigned)strtoul(argv[3], NULL, 10));
    printf("intact %u plans %u windows %u\n", intact, plans, windows);
    free(tree);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * What the boot does with the blob besides reading it: the loader's seeds, which nobody else may see, and how much of
 * the blob is in use. Seeds as Linux documents them (Documentation/devicetree/bindings/chosen.txt, dt-schema chosen.yaml).
 */
#include "tree.h"

#include <libfdt.h>
#include <string.h>

/* In /chosen, kaslr-seed (0) or rng-seed (1); NULL: none. Not by fdt_path_offset, which checks every token again. */
static void *seed_at(void *fdt, int chosen, unsigned which, size_t *out_len)
{
    int len = 0;
    void *value = fdt_getprop_w(fdt, chosen, which == 0 ? "kaslr-seed" : "rng-seed", &len);

    *out_len = value ? (size_t)len : 0;
    return value;
}

void tree_seeds(void *fdt, uint64_t out[TREE_SEEDS])
{
    int chosen;

    memset(out, 0, TREE_SEEDS * sizeof(*out));
    if (tree_find(fdt, "/chosen", &chosen) != E_OK) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t len, room = i == 0 ? sizeof(*out) : (TREE_SEEDS - 1) * sizeof(*out);
        const void *seed = seed_at(fdt, chosen, i, &len);

        if (seed) {
            memcpy(out + i, seed, len < room ? len : room);
        }
    }
    if (out[1] == 0) {
        out[1] = (out[0] >> 32) * 0x100000001ull;
    }
}

void tree_seeds_erase(void *fdt)
{
    int chosen;

    if (tree_find(fdt, "/chosen", &chosen) != E_OK) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t len;
        void *seed = seed_at(fdt, chosen, i, &len);

        if (seed) {
            memset(seed, 0, len);
        }
    }
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t tree_used(const void *fdt)
{
    size_t reservations = fdt_off_mem_rsvmap(fdt) + 16u * ((size_t)fdt_num_mem_rsv(fdt) + 1);

    return max(max((size_t)fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt),
                   (size_t)fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt)),
               reservations);
}

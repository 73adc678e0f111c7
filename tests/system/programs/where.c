/* SPDX-License-Identifier: BSD-2-Clause
 * Says where in its address space it lies, and what it sees of the tree's seeds. As init its output is the kernel's log.
 */
#include <cambium/start.h>
#include <libfdt.h>
#include <stdio.h>

/* How many bytes of a property of /chosen are there, and how many of them are not 0. */
static void seed_look(const char *name, unsigned *out_len, unsigned *out_set)
{
    const void *fdt = (const void *)start_info->tree_va;
    int len, chosen = fdt_path_offset(fdt, "/chosen");
    const char *value = fdt_getprop(fdt, chosen, name, &len);

    *out_len = value != NULL ? (unsigned)len : 0;
    *out_set = 0;
    for (unsigned i = 0; i < *out_len; i++) {
        *out_set += value[i] != 0;
    }
}

int main(void)
{
    unsigned len[2], set[2];

    seed_look("kaslr-seed", &len[0], &set[0]);
    seed_look("rng-seed", &len[1], &set[1]);
    printf("image %#llx stack %#llx free %#llx tree %#llx seeds %u of %u, %u of %u set\n",
           (unsigned long long)start_info->image_va, (unsigned long long)&len,
           (unsigned long long)start_info->free_va, (unsigned long long)start_info->tree_va, set[0],
           len[0], set[1], len[1]);
    return 0;
}

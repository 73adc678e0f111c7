/* SPDX-License-Identifier: BSD-2-Clause
 * The states of pins that a node asks for. dt-schema, schemas/pinctrl/pinctrl-consumer.yaml; a state is a node below its
 * controller's, in between may be nodes that only group states.
 */
#include "tree_chain.h"

status_t tree_pins(const void *fdt, int node, unsigned index, int *out_state, int *out_controller)
{
    struct tree_ref ref;
    struct tree_chain chain;
    int len;
    status_t err = tree_reference(fdt, node, "pinctrl-0", NULL, index, &ref);

    if (err) {
        return err;
    }
    if (tree_chain_of(fdt, ref.node, &chain) != E_OK) {
        return E_FORMAT;
    }
    for (unsigned above = chain.count - 1; above-- > 1;) { /* the root, [0], controls no pins */
        if (tree_prop(fdt, chain.node[above], "compatible", &len) != NULL) {
            *out_state = ref.node;
            *out_controller = chain.node[above];
            return E_OK;
        }
    }
    return E_FORMAT;
}

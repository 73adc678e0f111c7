/* SPDX-License-Identifier: BSD-2-Clause
 * The GPIOs of a node. dt-schema, schemas/gpio/gpio-consumer.yaml; keys and LEDs are children of the node that a server
 * claims (Linux' bindings input/gpio-keys.yaml, leds/leds-gpio.yaml), and are counted with it.
 */
#include "tree_chain.h"

bool tree_is_part(const void *fdt, int child)
{
    int len;

    return tree_status_okay(fdt, child) && tree_prop(fdt, child, "compatible", &len) == NULL &&
           tree_prop(fdt, child, "gpio-hog", &len) == NULL; /* whose gpios has no phandle */
}

status_t tree_gpio(const void *fdt, int node, unsigned index, struct tree_ref *out, int *out_holder)
{
    int child = -1;

    for (int holder = node; holder >= 0; holder = child = tree_next_child(fdt, node, child)) {
        if (holder != node && !tree_is_part(fdt, holder)) {
            continue;
        }
        unsigned count = tree_reference_count(fdt, holder, "gpios", "#gpio-cells");
        if (index < count) {
            status_t err = tree_reference(fdt, holder, "gpios", "#gpio-cells", index, out);
            if (err == E_OK && out_holder != NULL) {
                *out_holder = holder;
            }
            return err == E_OK ? E_OK : E_FORMAT;
        }
        index -= count;
    }
    return E_NOTFOUND;
}

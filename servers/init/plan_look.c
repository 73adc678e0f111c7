/* SPDX-License-Identifier: BSD-2-Clause
 * plan_look - entries of match tables that depend on registers (<cambium/match.h>): "virtio,mmio 0=74726976 8=4" claims nodes
 * that are compatible with virtio,mmio and whose first window has these words at these offsets.
 *
 * What stands in a socket is no fact of the tree. Only registers that an entry names are read, of enabled nodes whose
 * compatible it names; by whom is the caller's affair (plan.h:plan_look), and on the host nobody can.
 */
#include "plan.h"
#include <string.h>

/* The hexadecimal number at *at; false: there is none, or it has more than 32 bits. */
static bool take_number(const char **at, uint32_t *out)
{
    uint64_t value = 0;
    unsigned digits = 0;

    for (;; digits++, (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9') {
            value = value * 16 + (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (uint64_t)(c - 'a') + 10;
        } else {
            break;
        }
        if (value > UINT32_MAX) {
            return false;
        }
    }
    *out = (uint32_t)value;
    return digits != 0;
}

/* Takes " OFFSET=VALUE"; false: that is not what stands there. */
static bool take_condition(const char **at, uint32_t *out_offset, uint32_t *out_value)
{
    if (**at != ' ') {
        return false;
    }
    (*at)++;
    if (!take_number(at, out_offset) || **at != '=') {
        return false;
    }
    (*at)++;
    return take_number(at, out_value) && (**at == ' ' || **at == '\0');
}

/* A register that was read already has the same value. */
static status_t look_at(struct plan_look *look, const struct plan_window *window, uint32_t offset,
                        uint32_t *out)
{
    if (look->base != window->base) {
        look->base = window->base;
        look->known = 0;
    }
    for (unsigned i = 0; i < look->known; i++) {
        if (look->offset[i] == offset) {
            *out = look->value[i];
            return E_OK;
        }
    }
    status_t err = look->read(look->context, window->base, window->len, offset, out);
    if (err == E_OK && look->known < PLAN_LOOK_KNOWN) {
        look->offset[look->known] = offset;
        look->value[look->known++] = *out;
    }
    return err;
}

enum plan_claim plan_entry_claims(const struct plan *p, int node, const struct dev_match *m,
                                  const char *compatible)
{
    size_t len = strlen(compatible);
    const char *at = m->compatible + len;
    const struct plan_node *n = &p->nodes[node];
    const struct plan_window *window = &p->windows[n->window];
    uint32_t offset, value, have;

    if (strncmp(m->compatible, compatible, len) != 0 || (*at != '\0' && *at != ' ')) {
        return PLAN_CLAIMS_NOT;
    }
    if (*at == '\0') {
        return PLAN_CLAIMS;
    }
    if (p->look == NULL) {
        return PLAN_CLAIMS_PERHAPS;
    }
    if (n->window_count == 0 || n->error != E_OK ||
        plan_window_flaw(p, window->base, window->len) != NULL) {
        return PLAN_CLAIMS; /* and is refused for its reg, with the reason (plan_take) */
    }
    while (*at != '\0') {
        if (!take_condition(&at, &offset, &value)) {
            return PLAN_CLAIMS_NOT; /* nonsense is never met */
        }
        if (offset % sizeof(have) != 0 || window->len < sizeof(have) ||
            offset > window->len - sizeof(have)) {
            return PLAN_CLAIMS_NOT;
        }
        if (look_at(p->look, window, offset, &have) != E_OK) {
            return PLAN_CLAIMS_SILENT;
        }
        if (have != value) {
            return PLAN_CLAIMS_NOT;
        }
    }
    return PLAN_CLAIMS;
}

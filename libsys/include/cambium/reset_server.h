/* SPDX-License-Identifier: BSD-2-Clause
 * What servers of class reset (<cambium/proto/reset.h>) share.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/reset.h>

/* What a controller does with the reset that a specifier's `cells` name. Each of them finishes within a millisecond. */
struct reset_server_ops {
    unsigned cell_count; /* #reset-cells: any other specifier is refused (E_RANGE) */
    /* Errors: those of proto/reset.h. NULL: E_NOSYS. */
    status_t (*set)(void *controller, const uint32_t *cells, bool is_asserted);
    status_t (*get)(void *controller, const uint32_t *cells, bool *out);
    status_t (*pulse)(void *controller, const uint32_t *cells);
};

/* The loop of such a server: never returns. `node` is the controller's. */
_Noreturn void reset_server_run(struct node node, const struct reset_server_ops *ops, void *controller);

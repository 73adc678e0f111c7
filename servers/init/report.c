/* SPDX-License-Identifier: BSD-2-Clause
 * report - init's lines in the log: "[init] path: text". Errors say what, why and, where there is one, what to do.
 */
#include <cambium/client.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <libfdt.h>
#include <tree.h>
#include "init.h"

enum { REPORT_LINE = 240, REPORT_NODES_MAX = 32 };

void report(struct init *init, enum log_level level, const char *format, ...)
{
    char line[REPORT_LINE] = "[init] ";
    size_t at = strlen(line);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line + at, sizeof(line) - at, format, args); /* what is too long is cut */
    va_end(args);
    log_fold(init->chosen, level, line);
}

void report_server_name(struct init *init, const struct server *s, char *out, size_t len)
{
    if (s->plan != NULL && s->plan->node >= 0) {
        tree_path(init->fdt, init->plan.nodes[s->plan->node].offset, out, len);
    } else {
        (void)snprintf(out, len, "%s",
                       s->plan != NULL ? s->plan->match->compatible : s->image->name);
    }
}

/* The early console falls silent when the mux has taken over. Said before that, so that it is said there. */
static void report_moved_console(struct init *init, const struct plan_service *s)
{
    const struct plan *p = &init->plan;
    char early_path[TREE_PATH_LEN], path[TREE_PATH_LEN];
    struct tree_console early;

    if (s->node >= 0 || s->is_waiting || s->ref_count == 0 ||
        tree_console(p->fdt, PLAN_PHYSICAL_END, &early) != E_OK) {
        return;
    }
    const struct plan_ref *ref = &p->refs[s->ref];
    int node = p->services[ref->provider].node;
    if (node >= 0 && p->nodes[node].offset != early.node) {
        tree_path(p->fdt, early.node, early_path, sizeof(early_path));
        tree_path(p->fdt, p->nodes[node].offset, path, sizeof(path));
        report(init, LOG_WARN, "the early console is on %s, the prompt will be on %s (%s)",
               early_path, path, ref->property);
    }
}

/* Two images that claim the same: somebody put one there who expects it to run. */
static void report_rival(struct init *init, const struct server *s)
{
    char name[TREE_PATH_LEN];

    if (s->plan->rival == NULL) {
        return;
    }
    report_server_name(init, s, name, sizeof(name));
    report(init, LOG_ERROR,
           "%s: %s and %s both claim \"%s\": %s serves it; take one out of the archive", name,
           s->plan->image->name, s->plan->rival->name, s->plan->match->compatible,
           s->plan->image->name);
}

void report_plan(struct init *init)
{
    const struct plan *p = &init->plan;
    unsigned unclaimed = 0, wrong = 0, rooms = 0;
    char path[TREE_PATH_LEN];
    char why[REPORT_LINE];

    for (unsigned i = 0; i < p->node_count; i++) {
        const struct plan_node *n = &p->nodes[i];
        unclaimed += n->state == NODE_UNCLAIMED;
        rooms += n->is_meta && strcmp(fdt_get_name(p->fdt, n->offset, NULL), PLAN_ROOM) == 0;
        if ((n->state == NODE_REFUSED || n->state == NODE_COVERED) && wrong++ < REPORT_NODES_MAX) {
            tree_path(p->fdt, n->offset, path, sizeof(path));
            plan_why_refused(p, n, why, sizeof(why));
            /* a board may have an older controller beside the one that it uses: nothing is wrong */
            bool is_spare = n->state == NODE_REFUSED && n->error == E_BUSY;
            report(init, is_spare ? LOG_INFO : LOG_WARN, "%s: %s%s", path,
                   is_spare                   ? "unused: "
                   : n->state == NODE_REFUSED ? "refused: "
                                              : "",
                   why);
        }
    }
    if (wrong > REPORT_NODES_MAX) {
        report(init, LOG_WARN, "%u more nodes are refused or covered: the command tree tells why",
               wrong - REPORT_NODES_MAX);
    }
    if (p->dropped != 0) {
        report(init, LOG_ERROR,
               "%u servers or references left out: more than this init's tables hold", p->dropped);
    }
    for (unsigned i = 0; i < init->server_count; i++) {
        const struct server *s = &init->servers[i];
        if (s->plan != NULL && s->plan->is_waiting) {
            report_server_name(init, s, path, sizeof(path));
            plan_why_waiting(p, s->plan, why, sizeof(why));
            report(init, LOG_WARN, "%s: %s waits for %s", path, s->image->name, why);
        }
        if (s->plan != NULL) {
            report_rival(init, s);
            report_moved_console(init, s->plan);
        }
    }
    report(init, LOG_INFO, "%u nodes, %u servers, %u device%s without one", p->node_count - rooms,
           p->service_count, unclaimed, unclaimed == 1 ? "" : "s");
}

/* One line of a terminal; what a node's server refers to, `tree PATH` shows. Of a server without a node it says which device
 * it was given, and why that one. */
void report_started(struct init *init, const struct server *s)
{
    char path[TREE_PATH_LEN];
    char refs[REPORT_LINE] = "";

    report_server_name(init, s, path, sizeof(path));
    if (s->plan == NULL) {
        report(init, LOG_INFO, "%s: started", path);
        return;
    }
    if (s->plan->node < 0) {
        plan_references(&init->plan, s->plan, refs, sizeof(refs));
    }
    report(init, LOG_INFO, "%s: %s (rank %u%s%s)", path, s->image->name, s->plan->rank,
           refs[0] != '\0' ? ", " : "", refs);
}

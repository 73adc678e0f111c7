/* SPDX-License-Identifier: BSD-2-Clause
 * tree - the device tree as init sees it: which server drives a node, what waits for what.
 */
#include "shell.h"
#include <stdio.h>
#include <string.h>
#include <tree.h>

enum { NAME_COLUMNS = 40 };

struct tree_view {
    struct shell *sh;
    bool all;
    int above[TREE_MAX_DEPTH]; /* the nodes above the current one */
    bool printed[TREE_MAX_DEPTH];
    unsigned hidden, disabled;
};

struct node_view {
    enum node_state state;
    int server; /* -1: none */
    int other;
    status_t error;
};

static const char *const service_names[] = {
    [SERVICE_WAITING] = "waiting", [SERVICE_STARTING] = "starting",
    [SERVICE_RUNNING] = "running", [SERVICE_RESTARTING] = "restarting",
    [SERVICE_FAILED] = "FAILED",   [SERVICE_BROKEN] = "BROKEN: died too often",
};

static const char *service_name(uint32_t state)
{
    return state < sizeof(service_names) / sizeof(service_names[0]) ? service_names[state] : "?";
}

static bool node_view(const struct tree_view *v, int node, struct node_view *out)
{
    struct msg m = { .info = INIT_OP_NODE, .w = { (uint64_t)node } };

    if (msg_call(v->sh->init, &m) != E_OK) {
        return false;
    }
    *out = (struct node_view){ .state = (enum node_state)m.w[0],
                               .server = (int)(int64_t)m.w[1],
                               .other = (int)(int64_t)m.w[2],
                               .error = (status_t)m.w[3] };
    return true;
}

/* "pl011      running, restarted 2 times" */
static void print_server(const struct shell *sh, int server)
{
    struct msg m = { .info = INIT_OP_SERVER, .w = { (uint64_t)server } };
    char name[33] = "";

    if (msg_call(sh->init, &m) != E_OK) {
        printf("?");
        return;
    }
    memcpy(name, m.w, 32);
    uint32_t restarts = (uint32_t)(m.w[5] >> 32);
    printf("%-10s %s", server_name_short(name), service_name((uint32_t)m.w[5]));
    if (restarts > 0) {
        printf(", restarted %u time%s", (unsigned)restarts, restarts > 1 ? "s" : "");
    }
}

static void print_other(const struct tree_view *v, const char *text, int other)
{
    char path[TREE_PATH_LEN] = "?";

    if (other >= 0) {
        tree_path(v->sh->tree, other, path, sizeof(path));
    }
    printf("%s %s", text, path);
}

static void print_state(const struct tree_view *v, const struct node_view *n)
{
    switch (n->state) {
    case NODE_SERVED:
        print_server(v->sh, n->server);
        break;
    case NODE_WAITING:
        print_other(v, "waits for", n->other);
        break;
    case NODE_COVERED:
        print_other(v, "covered by", n->other);
        break;
    case NODE_REFUSED:
        printf("REFUSED: %s", err_text(n->error));
        break;
    case NODE_DISABLED:
        printf("disabled");
        break;
    case NODE_UNCLAIMED:
        printf("no server");
        break;
    case NODE_KERNEL:
        printf("kernel");
        break;
    default:
        break;
    }
}

static void print_node(const struct tree_view *v, int node, int depth, const struct node_view *n)
{
    char path[TREE_PATH_LEN];

    tree_path(v->sh->tree, node, path, sizeof(path));
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    if (n == NULL || n->state == NODE_NONE) {
        printf("%*s%s\n", 2 * depth, "", name);
        return;
    }
    printf("%*s%-*s ", 2 * depth, "", NAME_COLUMNS - 2 * depth, name);
    print_state(v, n);
    printf("\n");
}

/* Those with a server, or with something that a person should know. */
static bool is_worth_a_line(const struct tree_view *v, const struct node_view *n)
{
    return v->all || n->state == NODE_SERVED || n->state == NODE_WAITING ||
           n->state == NODE_REFUSED || n->state == NODE_COVERED;
}

static void view_node(struct tree_view *v, int node, int depth)
{
    struct node_view n;

    v->above[depth] = node;
    v->printed[depth] = false;
    if (!node_view(v, node, &n)) {
        return;
    }
    if (!is_worth_a_line(v, &n)) {
        v->hidden += n.state == NODE_UNCLAIMED;
        v->disabled += n.state == NODE_DISABLED;
        return;
    }
    for (int d = 0; d < depth; d++) {
        if (!v->printed[d]) {
            print_node(v, v->above[d], d, NULL);
            v->printed[d] = true;
        }
    }
    print_node(v, node, depth, &n);
    v->printed[depth] = true;
}

/* Servers that have no node: muxes. */
static void view_services(const struct tree_view *v)
{
    bool any = false;

    for (uint64_t n = 0;; n++) {
        struct msg m = { .info = INIT_OP_SERVER, .w = { n } };
        if (msg_call(v->sh->init, &m) != E_OK) {
            break;
        }
        if ((int32_t)m.w[4] >= 0) {
            continue;
        }
        if (!any) {
            printf("services without a node\n");
            any = true;
        }
        printf("  ");
        print_server(v->sh, (int)n);
        printf("\n");
    }
}

int tree_command(struct shell *sh, int argc, char *argv[])
{
    struct tree_view v = { .sh = sh, .all = argc == 2 && strcmp(argv[1], "-a") == 0 };
    int depth = 0;

    if (argc > 2 || (argc == 2 && !v.all)) {
        return shell_usage(builtin_find("tree"));
    }
    if (sh->tree == NULL) {
        printf("tree: this process was given no tree\n");
        return STATUS_FAILED;
    }
    for (int node = tree_next(sh->tree, -1, &depth); node >= 0;
         node = tree_next(sh->tree, node, &depth)) {
        if (depth >= 0 && depth < TREE_MAX_DEPTH && !tree_is_meta(sh->tree, node)) {
            view_node(&v, node, depth);
        }
    }
    view_services(&v);
    if (!v.all && (v.hidden != 0 || v.disabled != 0)) {
        printf("%u more nodes without a server, %u disabled: tree -a shows them\n", v.hidden,
               v.disabled);
    }
    return STATUS_OK;
}

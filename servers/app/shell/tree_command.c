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
    unsigned hidden, empty, disabled;
};

struct node_view {
    enum node_state state;
    int server; /* -1: none */
};

static const char *const service_names[] = {
    [SERVICE_WAITING] = "waiting", [SERVICE_STARTING] = "starting",
    [SERVICE_RUNNING] = "running", [SERVICE_RESTARTING] = "restarting",
    [SERVICE_FAILED] = "FAILED",   [SERVICE_BROKEN] = "BROKEN: died too often",
};

static const char *const state_names[] = {
    [NODE_NONE] = "nothing to drive",
    [NODE_DISABLED] = "disabled",
    [NODE_UNCLAIMED] = "no server",
    [NODE_WAITING] = "waits for ",
    [NODE_SERVED] = "served",
    [NODE_KERNEL] = "kernel",
    [NODE_COVERED] = "",
    [NODE_REFUSED] = "REFUSED: ",
    [NODE_EMPTY] = "empty",
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
    *out = (struct node_view){ .state = (enum node_state)m.w[0], .server = (int)(int64_t)m.w[1] };
    return true;
}

struct server_view {
    char name[33];
    bool has_node;
    uint32_t state, restarts;
};

static bool server_view(const struct shell *sh, uint64_t number, struct server_view *out)
{
    struct msg m = { .info = INIT_OP_SERVER, .w = { number } };

    if (msg_call(sh->init, &m) != E_OK) {
        return false;
    }
    memcpy(out->name, m.w, 32);
    out->name[32] = '\0';
    out->has_node = (int32_t)m.w[4] >= 0;
    out->state = (uint32_t)m.w[5];
    out->restarts = (uint32_t)(m.w[5] >> 32);
    return true;
}

/* "pl011              running, restarted 2 times" */
static void print_server(const struct server_view *s)
{
    printf("%-18s %s", server_name_short(s->name), service_name(s->state));
    if (s->restarts > 0) {
        printf(", restarted %u time%s", (unsigned)s->restarts, s->restarts > 1 ? "s" : "");
    }
}

static void print_state(const struct tree_view *v, int node, const struct node_view *n)
{
    struct server_view s;

    switch (n->state) {
    case NODE_SERVED:
        if (n->server >= 0 && server_view(v->sh, (uint64_t)n->server, &s)) {
            print_server(&s);
        }
        break;
    case NODE_WAITING:
    case NODE_COVERED:
    case NODE_REFUSED:
        printf("%s", state_names[n->state]);
        (void)shell_print_why(v->sh, (uint64_t)node, false); /* none: the state says all */
        break;
    default:
        if (n->state < sizeof(state_names) / sizeof(state_names[0])) {
            printf("%s", state_names[n->state]);
        }
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
    print_state(v, node, n);
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
    if (!is_worth_a_line(v, &n) ||
        tree_is_meta(v->sh->tree, node)) { /* the latter walks: asked last */
        v->hidden += n.state == NODE_UNCLAIMED;
        v->empty += n.state == NODE_EMPTY;
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

/* Servers that have no node: muxes, the shell. */
static void view_services(const struct tree_view *v)
{
    struct server_view s;
    bool any = false;

    for (uint64_t n = 0; server_view(v->sh, n, &s); n++) {
        if (!s.has_node) {
            printf("%s  %-*s ", any ? "" : "without a node\n", NAME_COLUMNS - 2, s.name);
            print_server(&s);
            printf("\n");
            any = true;
        }
    }
}

/* The node of a path, which may end with the '/' that completion puts there. */
static status_t find_node(const struct shell *sh, const char *path, int *out)
{
    char text[TREE_PATH_LEN];
    size_t len = strlen(path);

    len -= len > 1 && path[len - 1] == '/';
    if (len >= sizeof(text)) {
        return E_NOTFOUND;
    }
    memcpy(text, path, len);
    text[len] = '\0';
    return tree_find(sh->tree, text, out);
}

/* What the tree says of a node, and what its server, if it has one, refers to. */
static void print_details(const struct tree_view *v, int node)
{
    const void *tree = v->sh->tree;
    const char *compatible;
    struct tree_range r;
    struct node_view n;

    for (unsigned i = 0; (compatible = tree_string_at(tree, node, "compatible", i)) != NULL; i++) {
        printf("%s %s", i == 0 ? "  compatible" : ",", compatible);
    }
    if (tree_string_at(tree, node, "compatible", 0) != NULL) {
        printf("\n");
    }
    for (unsigned i = 0; tree_reg(tree, node, i, &r) == E_OK; i++) {
        printf("  reg %u: %#llx, %#llx bytes\n", i, (unsigned long long)r.base,
               (unsigned long long)r.len);
    }
    if (node_view(v, node, &n) && n.state == NODE_SERVED) {
        (void)shell_print_why(v->sh, (uint64_t)node, true); /* none: it refers to nobody */
    }
}

/* `top`, if `is_asked` with what the tree says of it, and what is below it. */
static void view_nodes(struct tree_view *v, int top, bool is_asked)
{
    int depth = -1; /* the root is 0 */
    int top_depth = -1;
    const void *tree = v->sh->tree;

    for (int node = tree_next(tree, -1, &depth); node >= 0; node = tree_next(tree, node, &depth)) {
        if (node == top) {
            top_depth = depth;
        } else if (top_depth >= 0 && depth <= top_depth) {
            break; /* behind its last child */
        }
        if (top_depth >= 0 && depth - top_depth < TREE_MAX_DEPTH) {
            view_node(v, node, depth - top_depth);
        }
        if (node == top && is_asked) {
            print_details(v, top);
        }
    }
}

int tree_command(struct shell *sh, int argc, char *argv[])
{
    bool all = argc >= 2 && strcmp(argv[1], "-a") == 0;
    const char *path = argc == 2 + all ? argv[argc - 1] : NULL;
    struct tree_view v = { .sh = sh, .all = all || path != NULL };
    int top = 0;

    if (argc > 2 + all) {
        return shell_usage(builtin_find("tree"));
    }
    if (sh->tree == NULL) {
        printf("tree: this process was given no tree\n");
        return STATUS_FAILED;
    }
    if (path != NULL && find_node(sh, path, &top) != E_OK) {
        printf("tree: %s: no such node\n", path);
        return STATUS_FAILED;
    }
    view_nodes(&v, top, path != NULL);
    if (path != NULL) {
        return STATUS_OK;
    }
    view_services(&v);
    if (!v.all && (v.hidden != 0 || v.empty != 0 || v.disabled != 0)) {
        printf("%u more node%s without a server, ", v.hidden, v.hidden == 1 ? "" : "s");
        if (v.empty != 0) {
            printf("%u empty, ", v.empty);
        }
        printf("%u disabled: tree -a shows them\n", v.disabled);
    }
    return STATUS_OK;
}

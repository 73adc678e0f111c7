/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of GPIO controllers (gpio_server.h). Nothing here blocks or touches a device.
 */
#include <cambium/gpio_server.h>
#include <libfdt.h>
#include <string.h>
#include <tree.h>
#include <tree_chain.h>

#define LINE(n) ((uint64_t)1 << (n))

/* ---- who claims which line ---- */

static void line_claim(struct gpio_server *s, int owner, uint32_t line)
{
    char path[TREE_PATH_LEN], first[TREE_PATH_LEN];

    tree_path(s->node.tree, owner, path, sizeof(path));
    if (line >= s->line_count) {
        log_warn("%s names line %u: there are %u, from 0", path, (unsigned)line, s->line_count);
    } else if (s->lines[line].owner < 0) {
        s->lines[line].owner = owner;
    } else if (s->lines[line].owner != owner) {
        tree_path(s->node.tree, s->lines[line].owner, first, sizeof(first));
        log_warn("line %u is claimed by %s and by %s: the first has it", (unsigned)line, first,
                 path);
    }
}

/* Whether a property is a list of GPIOs; "nr-gpios" and its like are numbers of them. */
static bool is_gpio_list(const char *name)
{
    const char *dash = strrchr(name, '-');
    const char *word = dash != NULL ? dash + 1 : name;

    return (strcmp(word, "gpios") == 0 || strcmp(word, "gpio") == 0) &&
           strstr(name, "nr-gpio") == NULL;
}

/* A child that is part of its parent claims for it. */
static int owner_of(const void *tree, int node)
{
    struct tree_chain chain;

    return tree_is_part(tree, node) && tree_chain_of(tree, node, &chain) == E_OK && chain.count > 1
               ? chain.node[chain.count - 2]
               : node;
}

/* Both walk: asked of few. */
static bool is_real(const void *tree, int node)
{
    return tree_enabled(tree, node) && !tree_is_meta(tree, node);
}

/* Claims by the lists of GPIOs of a node. */
static void claims_by_lists(struct gpio_server *s, int node)
{
    const void *tree = s->node.tree;
    int property;

    fdt_for_each_property_offset(property, tree, node)
    {
        struct tree_ref ref;
        const char *name = NULL;

        if (fdt_getprop_by_offset(tree, property, &name, NULL) == NULL || !is_gpio_list(name)) {
            continue;
        }
        unsigned count = tree_reference_count(tree, node, name, "#gpio-cells");
        for (unsigned i = 0; i < count; i++) {
            if (tree_reference(tree, node, name, "#gpio-cells", i, &ref) == E_OK &&
                ref.node == s->node.offset && ref.cell_count > 0 && is_real(tree, node)) {
                line_claim(s, owner_of(tree, node), ref.cells[0]);
            }
        }
    }
}

/* Claims by nodes whose interrupts come from the controller, which may be one of interrupts, too. */
static void claims_by_interrupts(struct gpio_server *s, int node)
{
    struct tree_ref ref;

    for (unsigned i = 0; i < tree_interrupt_count(s->node.tree, node); i++) {
        if (tree_interrupt(s->node.tree, node, i, &ref) == E_OK && ref.node == s->node.offset &&
            ref.cell_count > 0 && is_real(s->node.tree, node)) {
            line_claim(s, node, ref.cells[0]);
        }
    }
}

/* A hog: a child of the controller whose `gpios` has no phandle. */
static void claims_by_hog(struct gpio_server *s, int hog)
{
    int len;
    const fdt32_t *cells = tree_prop(s->node.tree, hog, "gpios", &len);

    for (int at = 0; cells != NULL && at < len / 4; at += GPIO_CELLS) {
        line_claim(s, hog, fdt32_ld(cells + at));
    }
}

/* The pins of the states that a node asks for. */
static void claims_by_pins(struct gpio_server *s, int node)
{
    int state, controller;

    for (unsigned i = 0; tree_pins(s->node.tree, node, i, &state, &controller) == E_OK; i++) {
        if (controller != s->node.offset || !is_real(s->node.tree, node)) {
            continue;
        }
        for (uint64_t pins = s->pins_of(s, state); pins != 0; pins &= pins - 1) {
            line_claim(s, node, (uint32_t)__builtin_ctzll(pins));
        }
    }
}

void gpio_server_open(struct gpio_server *s)
{
    const void *tree = s->node.tree;
    int len, depth = -1;
    bool has_interrupts = tree_prop(tree, s->node.offset, "interrupt-controller", &len) != NULL;

    for (unsigned line = 0; line < GPIO_LINES_MAX; line++) {
        s->lines[line].owner = -1;
    }
    for (int node = tree_next(tree, -1, &depth); node >= 0; node = tree_next(tree, node, &depth)) {
        if (tree_prop(tree, node, "gpio-hog", &len) == NULL) {
            claims_by_lists(s, node);
            if (s->pins_of != NULL) {
                claims_by_pins(s, node);
            }
            if (has_interrupts) {
                claims_by_interrupts(s, node);
            }
        }
    }
    for (int hog = tree_next_child(tree, s->node.offset, -1); hog >= 0;
         hog = tree_next_child(tree, s->node.offset, hog)) {
        if (tree_prop(tree, hog, "gpio-hog", &len) != NULL && tree_status_okay(tree, hog)) {
            claims_by_hog(s, hog);
        }
    }
    event_accept(1);
}

/* ---- events ---- */

void gpio_server_fired(struct gpio_server *s, uint64_t lines)
{
    for (lines &= s->armed; lines != 0; lines &= lines - 1) {
        struct gpio_line *line = &s->lines[__builtin_ctzll(lines)];

        line->events++;
        line->told++;
        (void)sys_notify(line->port, line->bits); /* its port may be gone: *closed* will follow */
        s->armed &= ~(s->by_level & lines & -lines);
    }
}

static void line_release(struct gpio_server *s, unsigned number)
{
    struct gpio_line *line = &s->lines[number];

    if (line->port != 0) {
        (void)sys_handle_close(line->port); /* the server's since SUBSCRIBE */
        line->port = 0;
        s->armed &= ~LINE(number);
    }
}

/* ---- requests ---- */

/* A line as a request named it. */
struct gpio_asked {
    unsigned number;
    uint32_t flags; /* of the node's specifier */
    bool is_own;    /* the caller may drive and watch it */
    bool is_node;   /* the caller is a node's server */
};

/* The line that w0 means to this caller. */
static status_t line_find(const struct gpio_server *s, uint32_t badge, uint64_t w0,
                          struct gpio_asked *out)
{
    struct gpio_asked asked = { .flags = 0 };
    struct tree_ref ref;

    if (badge < tree_len(s->node.tree)) { /* only init's badges for nodes are that small */
        status_t err = w0 <= UINT32_MAX
                           ? tree_gpio(s->node.tree, (int)badge, (unsigned)w0, &ref, NULL)
                           : E_NOTFOUND;
        if (err || ref.node != s->node.offset) {
            return E_NOTFOUND;
        }
        if (ref.cell_count != GPIO_CELLS) {
            return E_FORMAT;
        }
        w0 = ref.cells[0];
        asked.flags = ref.cells[1];
    }
    if (w0 >= s->line_count) {
        return E_RANGE;
    }
    asked.number = (unsigned)w0;
    int owner = s->lines[w0].owner;
    asked.is_own = badge < tree_len(s->node.tree) ? owner == (int)badge : owner < 0;
    asked.is_node = badge < tree_len(s->node.tree);
    *out = asked;
    return E_OK;
}

static void set_put(uint64_t *set, uint64_t lines, bool value)
{
    *set = value ? *set | lines : *set & ~lines;
}

static status_t line_watch(struct gpio_server *s, uint32_t badge, const struct gpio_asked *asked,
                           const struct msg *m)
{
    struct gpio_line *line = &s->lines[asked->number];
    uint64_t trigger = m->w[2], bit = LINE(asked->number);
    bool is_level = trigger == GPIO_LEVEL_1 || trigger == GPIO_LEVEL_0;
    bool is_high = trigger == GPIO_LEVEL_1 || trigger == GPIO_RISING;

    if (m->w[1] == 0 || (!is_level && (trigger == 0 || trigger > GPIO_BOTH))) {
        return E_INVAL;
    }
    if (line->port != 0 && line->client != badge) {
        return E_BUSY;
    }
    line_release(s, asked->number);
    uint64_t by_level = s->by_level, by_both = s->by_both, by_high = s->by_high;
    set_put(&s->by_level, bit, is_level);
    set_put(&s->by_both, bit, trigger == GPIO_BOTH);
    set_put(&s->by_high, bit,
            trigger != GPIO_BOTH && is_high != ((asked->flags & GPIO_ACTIVE_LOW) != 0));
    if (by_level != s->by_level || by_both != s->by_both || by_high != s->by_high || is_level) {
        s->stale |= bit;
    }
    s->driven &= ~bit;
    s->armed |= bit;
    *line = (struct gpio_line){ .owner = line->owner,
                                .port = (handle_t)m->w[7],
                                .client = badge,
                                .bits = m->w[1],
                                .told = line->told };
    return E_OK;
}

/* What watching needs of who watches. */
static status_t line_take(struct gpio_server *s, uint32_t badge, unsigned number, struct msg *m)
{
    struct gpio_line *line = &s->lines[number];

    if (line->port == 0 || line->client != badge) {
        return E_NOTFOUND;
    }
    if (info_op(m->info) == GPIO_OP_UNSUBSCRIBE) {
        line_release(s, number);
        return E_OK;
    }
    m->w[1] = line->events;
    line->events = 0;
    s->stale |= LINE(number) & s->by_level;
    s->armed |= LINE(number);
    return E_OK;
}

static status_t line_drive(struct gpio_server *s, const struct gpio_asked *asked, struct msg *m)
{
    uint64_t bit = LINE(asked->number);

    if (info_op(m->info) == GPIO_OP_INPUT) {
        s->driven &= ~bit;
        return E_OK;
    }
    if (m->w[1] > 1) {
        return E_INVAL;
    }
    if (asked->flags & GPIO_SINGLE_ENDED) {
        return E_NOSYS;
    }
    s->driven |= bit;
    set_put(&s->driven_high, bit, m->w[1] != (asked->flags & GPIO_ACTIVE_LOW));
    return E_OK;
}

static status_t line_stat(const struct gpio_server *s, struct msg *m)
{
    uint64_t number = m->w[0];

    if (number >= s->line_count) {
        return E_RANGE;
    }
    const struct gpio_line *line = &s->lines[number];
    m->w[0] = (s->levels >> number & 1 ? GPIO_STAT_HIGH : 0) |
              (s->driven >> number & 1 ? GPIO_STAT_DRIVEN : 0) |
              (line->port != 0 ? GPIO_STAT_WATCHED : 0);
    m->w[1] = (uint64_t)(int64_t)line->owner;
    m->w[2] = line->told;
    m->w[3] = s->line_count;
    return E_OK;
}

/* ---- pins ---- */

/* Whether all pins of a state are the node's; they are, if they were nobody's. What another has is named. */
static bool pins_take(struct gpio_server *s, uint64_t all, int node, int state)
{
    char path[TREE_PATH_LEN], owner[TREE_PATH_LEN];

    for (uint64_t pins = all; pins != 0; pins &= pins - 1) {
        unsigned pin = (unsigned)__builtin_ctzll(pins);
        if (s->lines[pin].owner >= 0 && s->lines[pin].owner != node) {
            tree_path(s->node.tree, state, path, sizeof(path));
            tree_path(s->node.tree, s->lines[pin].owner, owner, sizeof(owner));
            log_error("%s: pin %u is claimed by %s: nothing of it is set", path, pin, owner);
            return false;
        }
    }
    for (uint64_t pins = all; pins != 0; pins &= pins - 1) {
        s->lines[__builtin_ctzll(pins)].owner = node;
    }
    return true;
}

static status_t pins_of_node(struct gpio_server *s, int node, unsigned index)
{
    int state, controller;

    if (tree_pins(s->node.tree, node, index, &state, &controller) != E_OK ||
        controller != s->node.offset) {
        return E_NOTFOUND;
    }
    if (s->pins_set == NULL) {
        return E_NOSYS;
    }
    return pins_take(s, s->pins_of(s, state), node, state) ? s->pins_set(s, state) : E_BUSY;
}

void gpio_server_own_pins(struct gpio_server *s)
{
    for (unsigned i = 0; pins_of_node(s, s->node.offset, i) != E_NOTFOUND; i++) {
    }
}

static status_t pins_request(struct gpio_server *s, uint32_t badge, uint64_t index)
{
    if (badge == 0 || badge >= tree_len(s->node.tree)) {
        return E_RIGHTS; /* a program's session: only init's badges for nodes are that small */
    }
    return index > UINT32_MAX ? E_NOTFOUND : pins_of_node(s, (int)badge, (unsigned)index);
}

static status_t gpio_request(struct gpio_server *s, uint32_t badge, struct msg *m)
{
    uint32_t op = info_op(m->info);
    struct gpio_asked asked;

    if (info_handles(m->info) != (op == GPIO_OP_SUBSCRIBE ? 1 : 0)) {
        return E_INVAL; /* the frame closes what came */
    }
    if (op == GPIO_OP_STAT) {
        return line_stat(s, m);
    }
    if (op == GPIO_OP_PINS) {
        return pins_request(s, badge, m->w[0]);
    }
    status_t err = line_find(s, badge, m->w[0], &asked);
    if (err) {
        return err;
    }
    if (asked.is_own && (asked.is_node || op != GPIO_OP_READ)) {
        s->used |= LINE(asked.number);
    }
    m->w[0] = (s->levels >> asked.number & 1) ^ (asked.flags & GPIO_ACTIVE_LOW);
    if (op == GPIO_OP_READ) {
        return E_OK;
    }
    if (!asked.is_own) {
        return E_BUSY;
    }
    switch (op) {
    case GPIO_OP_WRITE:
    case GPIO_OP_INPUT:
        return line_drive(s, &asked, m);
    case GPIO_OP_SUBSCRIBE:
        return line_watch(s, badge, &asked, m);
    case GPIO_OP_UNSUBSCRIBE:
    case GPIO_OP_TAKE:
        return line_take(s, badge, asked.number, m);
    default:
        return E_NOSYS;
    }
}

status_t gpio_server_event(struct gpio_server *s, struct event *ev)
{
    switch (ev->kind) {
    case EV_CALL:
        return gpio_request(s, ev->badge, &ev->msg);
    case EV_CLOSED:
        for (unsigned i = 0; i < s->line_count; i++) {
            if (s->lines[i].client == ev->badge) {
                line_release(s, i);
            }
        }
        return E_OK;
    case EV_COMMAND:
        return E_NOSYS;
    case EV_IRQ:
    case EV_NOTIFY:
    case EV_INTERRUPT:
        break;
    }
    return E_OK;
}

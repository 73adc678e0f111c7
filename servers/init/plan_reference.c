/* SPDX-License-Identifier: BSD-2-Clause
 * plan_reference - what the services refer to: which other service stands behind each interrupt, clock, reset ... of
 * a node, and whether the node can do without. Each property has one class of servers that can answer about it; a server
 * of another class gets no call, as it would take it for something else.
 *
 * `requires` of a match entry is a list of references separated by blanks: a property, then an index or a name of the
 * property's names list; without either the first is meant: "interrupts", "clocks 1", "resets bridge". What the tree does
 * not write down is named by class: "service firmware" (the first server that provides it), "uses firmware" (the same,
 * if there is one), "opens CLASS": no reference, but it may open servers of that class (plan_opens). "parent" is the server of the
 * node that it is below of: of a bus, of a controller. A service without a node can require "stdout-path": the console's UART, wherever it is found.
 *
 * Two steps, because providers are services: first every claimed node becomes a service, then references are resolved.
 */
#include "plan.h"
#include <string.h>
#include <tree.h>

const char plan_service_property[] = "service";
const char plan_parent_property[] = "parent";

/* Bindings: the dt-schema repository, schemas/clock, reset, mbox, dma, phy, power-domain, iommu, gpio;
 * pinctrl; Linux' bindings pci/pci-msi.txt, interrupt-controller/msi-controller.yaml. */
static const struct ref_kind {
    const char *property;
    const char *cells;
    const char *names;
    const char *class; /* what its provider's server provides */
} ref_kinds[] = {
    { "interrupts", "#interrupt-cells", "interrupt-names", "irq" },
    { "gpios", "#gpio-cells", NULL, "gpio" },
    { "clocks", "#clock-cells", "clock-names", "clock" },
    { "resets", "#reset-cells", "reset-names", "reset" },
    { "mboxes", "#mbox-cells", "mbox-names", "mbox" },
    { "dmas", "#dma-cells", "dma-names", "dma" },
    { "phys", "#phy-cells", "phy-names", "phy" },
    { "power-domains", "#power-domain-cells", "power-domain-names", "power-domain" },
    { "iommus", "#iommu-cells", NULL, "iommu" },
    { "pinctrl-0", NULL, NULL, "gpio" },
    { "msi-ranges", "#interrupt-cells", NULL, "irq" },
    { "msi-parent", "#msi-cells", NULL, "msi" },
};
enum {
    REF_KINDS = sizeof(ref_kinds) / sizeof(ref_kinds[0]),
    REF_INTERRUPTS = 0,
    REF_GPIOS = 1,
    REF_PINS = REF_KINDS - 3,    /* of the states of pins: their controllers */
    REF_LINES = REF_KINDS - 2,   /* that a message controller raises: the controller of each run */
    REF_MESSAGES = REF_KINDS - 1 /* a bus' msi-map or msi-parent: the controllers, each once */
};

/* One reference of a `requires` list. */
struct need {
    const char *text; /* all of it, in the match table */
    unsigned len;
    const struct ref_kind *kind; /* NULL: not of ref_kinds */
    unsigned index;
    const char *class; /* "service CLASS", "uses CLASS", "opens CLASS"; else NULL */
    bool is_optional;  /* "uses" */
    bool is_opened;    /* "opens" */
};

static const char *word_end(const char *at)
{
    while (*at != '\0' && *at != ' ') {
        at++;
    }
    return at;
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ') {
        at++;
    }
    return at;
}

static bool word_is(const char *at, const char *word)
{
    size_t len = strlen(word);
    return strncmp(at, word, len) == 0 && (at[len] == '\0' || at[len] == ' ');
}

static const struct ref_kind *kind_of(const char *at)
{
    for (unsigned i = 0; i < REF_KINDS; i++) {
        if (word_is(at, ref_kinds[i].property)) {
            return &ref_kinds[i];
        }
    }
    return NULL;
}

static bool is_index(const char *at)
{
    return *at >= '0' && *at <= '9';
}

/* The index that the word at `at` means: digits, or a name in the node's list. */
static unsigned need_index(const struct plan *p, int offset, const struct ref_kind *kind,
                           const char *at)
{
    char name[64];
    size_t len = (size_t)(word_end(at) - at);
    unsigned index = 0;

    if (is_index(at)) {
        for (; is_index(at) && index < PLAN_NODE_REFS; at++) {
            index = index * 10 + (unsigned)(*at - '0');
        }
        return index;
    }
    memcpy(name, at, len < sizeof(name) ? len : 0);
    name[len < sizeof(name) ? len : 0] = '\0';
    if (kind->names == NULL || tree_name_index(p->fdt, offset, kind->names, name, &index)) {
        return PLAN_NODE_REFS; /* no such name: never met */
    }
    return index;
}

/* Whether a reference starts here: no index or name of the one before. */
static bool is_reference(const char *at)
{
    return kind_of(at) != NULL || word_is(at, "reg") || word_is(at, "service") ||
           word_is(at, "uses") || word_is(at, "opens") || word_is(at, plan_parent_property);
}

/* Takes the next reference off the list at *at; false at its end. */
static bool need_next(const struct plan *p, int offset, const char **at, struct need *out)
{
    const char *start = skip_blanks(*at);

    if (*start == '\0') {
        return false;
    }
    const char *end = word_end(start);
    const char *next = skip_blanks(end);
    *out = (struct need){ .text = start, .kind = kind_of(start) };
    if (out->kind != NULL && *next != '\0' && !is_reference(next)) {
        out->index = need_index(p, offset, out->kind, next);
        end = word_end(next);
    }
    out->is_optional = word_is(start, "uses");
    out->is_opened = word_is(start, "opens");
    if (*next != '\0' && (out->is_optional || out->is_opened || word_is(start, "service"))) {
        out->class = next;
        end = word_end(next);
    }
    out->len = (unsigned)(end - start);
    *at = end;
    return true;
}

/* Whether the node's server, which there is, speaks the protocol of that reference. */
static bool is_of_class(const struct plan *p, int node, const struct ref_kind *kind)
{
    return strcmp(p->services[plan_server_of(p, node)].match->provides, kind->class) == 0;
}

/* The node that a reference leads to. */
static status_t ref_node(const struct plan *p, int offset, const struct ref_kind *kind,
                         unsigned index, int *out)
{
    struct tree_ref ref;
    status_t err;
    int state;

    switch (kind - ref_kinds) {
    case REF_INTERRUPTS:
        err = tree_interrupt(p->fdt, offset, index, &ref);
        break;
    case REF_GPIOS:
        err = tree_gpio(p->fdt, offset, index, &ref, NULL);
        break;
    case REF_PINS:
        err = tree_pins(p->fdt, offset, index, &state, &ref.node);
        break;
    case REF_LINES:
        err = tree_msi_lines(p->fdt, offset, index, &ref, &(uint32_t){ 0 });
        break;
    case REF_MESSAGES:
        err = tree_msi_parent(p->fdt, offset, index, &ref.node);
        break;
    default:
        err = tree_reference(p->fdt, offset, kind->property, kind->cells, index, &ref);
    }
    int node = err ? -1 : plan_node_index(p, ref.node);

    if (node < 0) {
        return err ? err : E_NOTFOUND;
    }
    *out = node;
    return E_OK;
}

static void plan_add_ref(struct plan *p, struct plan_service *s, const char *property,
                         unsigned index, bool is_required, int provider)
{
    if (p->ref_count == PLAN_REFS_MAX) {
        p->dropped++;
        return;
    }
    p->refs[p->ref_count++] = (struct plan_ref){ .property = property,
                                                 .index = (uint8_t)index,
                                                 .is_required = is_required,
                                                 .provider = (int16_t)provider };
    s->ref_count++;
}

static void plan_unmet(struct plan_service *s, const struct need *need, int node)
{
    if (!s->is_waiting) { /* the first is the one reported */
        s->is_waiting = true;
        s->need = need->text;
        s->need_len = need->len;
        s->need_node = node;
    }
}

/* The first service of a class; -1. */
static int service_of_class(const struct plan *p, const char *class)
{
    for (unsigned i = 0; i < p->service_count; i++) {
        if (word_is(class, p->services[i].match->provides)) {
            return (int)i;
        }
    }
    return -1;
}

/* The nearest node above with a server, which hands out what is below it. */
static void plan_resolve_parent(struct plan *p, struct plan_service *s, const struct need *need)
{
    int above = s->node >= 0 ? p->nodes[s->node].parent : -1;

    while (above >= 0 && plan_server_of(p, above) < 0) {
        above = p->nodes[above].parent;
    }
    if (above >= 0) {
        plan_add_ref(p, s, plan_parent_property, 0, true, plan_server_of(p, above));
    } else {
        plan_unmet(s, need, s->node >= 0 ? p->nodes[s->node].parent : -1);
    }
}

/* A need that is no property: reg, which plan_take has looked at; a class, because the tree has no property for it; or
 * nonsense. False: it is a property. */
static bool plan_resolve_named(struct plan *p, struct plan_service *s, const struct need *need)
{
    int provider = need->class != NULL ? service_of_class(p, need->class) : -1;

    if (need->kind != NULL) {
        return false;
    }
    if (need->is_opened && need->class != NULL) {
        return true;
    }
    if (word_is(need->text, plan_parent_property)) {
        plan_resolve_parent(p, s, need);
        return true;
    }
    if (provider >= 0 && &p->services[provider] != s) {
        plan_add_ref(p, s, plan_service_property, 0, !need->is_optional, provider);
    } else if (!need->is_optional && !word_is(need->text, "reg")) {
        plan_unmet(s, need, -1);
    }
    return true;
}

/* Saves a look for each index. GPIOs may stand in a child alone. */
static bool has_references(const struct plan *p, int offset, unsigned kind)
{
    int len;

    return kind == REF_GPIOS || tree_prop(p->fdt, offset, ref_kinds[kind].property, &len) != NULL ||
           (kind == REF_INTERRUPTS &&
            (tree_prop(p->fdt, offset, "interrupts-extended", &len) != NULL ||
             tree_prop(p->fdt, offset, "interrupt-map", &len) != NULL)) ||
           (kind == REF_LINES && tree_prop(p->fdt, offset, "brcm,msi-base-spi", &len) != NULL) ||
           (kind == REF_MESSAGES && tree_prop(p->fdt, offset, "msi-map", &len) != NULL);
}

/* Whether an interrupt that leads nowhere has others behind it: a hole, or a row whose controller is disabled. */
static bool is_hole(const struct plan *p, int offset, unsigned kind, unsigned index)
{
    return kind == REF_INTERRUPTS && index + 1 < tree_interrupt_count(p->fdt, offset);
}

/* Whether the pins' controller, which has no server yet, gets one, or may: then what needs the pins waits. Without a server for
 * them pins stay as the firmware left them, and so do those that only the node itself could bring about. */
static bool is_coming(const struct plan *p, int node, int controller)
{
    const struct plan_node *c = &p->nodes[controller];

    if (plan_is_below(p, controller, node)) {
        return false;
    }
    return (c->state == NODE_SERVED &&
            strcmp(c->match->provides, ref_kinds[REF_PINS].class) == 0) ||
           (c->state == NODE_UNCLAIMED && c->other >= 0);
}

/* The controllers of the pins that the node asks for: they are set before its driver starts, so it cannot do without. */
static void plan_resolve_pins(struct plan *p, struct plan_service *s)
{
    int offset = p->nodes[s->node].offset, node;

    for (unsigned i = 0; has_references(p, offset, REF_PINS) && i < PLAN_NODE_REFS; i++) {
        status_t err = ref_node(p, offset, &ref_kinds[REF_PINS], i, &node);
        if (err) {
            break; /* the end, or damage: the driver's frame says so */
        }
        if (node == s->node) {
            continue; /* its own */
        }
        if (plan_server_of(p, node) < 0) {
            if (is_coming(p, s->node, node)) {
                plan_unmet(s,
                           &(struct need){ .text = ref_kinds[REF_PINS].property,
                                           .len = sizeof("pinctrl-0") - 1 },
                           node);
            }
        } else if (is_of_class(p, node, &ref_kinds[REF_PINS])) {
            plan_add_ref(p, s, ref_kinds[REF_PINS].property, i, true, plan_server_of(p, node));
        }
    }
}

/* Everything the node refers to that has a server gets a handle; the required ones must lead to something. */
static void plan_resolve_node(struct plan *p, struct plan_service *s)
{
    const struct plan_node *n = &p->nodes[s->node];
    struct need need;
    uint32_t required[REF_KINDS] = { 0 };
    int node;

    if (n->is_found) {
        plan_resolve_parent(p, s, &(struct need){ .text = plan_parent_property });
    }
    for (const char *at = s->match->requires; need_next(p, n->offset, &at, &need);) {
        if (n->is_found &&
            (word_is(need.text, plan_parent_property) || need.kind == &ref_kinds[REF_INTERRUPTS])) {
            continue; /* its bus it has in any case, and its interrupts from there */
        }
        if (plan_resolve_named(p, s, &need)) {
            continue;
        }
        if (s->class == PLAN_IRQ_ROOT && need.kind == &ref_kinds[REF_INTERRUPTS]) {
            continue; /* for where it is not the root */
        }
        if (need.index >= PLAN_NODE_REFS || ref_node(p, n->offset, need.kind, need.index, &node)) {
            plan_unmet(s, &need, -1);
        } else if (node != s->node && plan_server_of(p, node) < 0 &&
                   !p->nodes[node].is_always_met) {
            plan_unmet(s, &need, node);
        } else if (node != s->node && plan_server_of(p, node) >= 0 &&
                   !is_of_class(p, node, need.kind)) {
            s->is_other_class |= !s->is_waiting; /* the first is the one reported */
            plan_unmet(s, &need, node);
        } else {
            required[need.kind - ref_kinds] |= 1u << need.index;
        }
    }
    for (unsigned k = 0; k < REF_KINDS; k++) {
        if (!has_references(p, n->offset, k) || (n->is_found && k == REF_INTERRUPTS) ||
            k == REF_PINS) {
            continue;
        }
        for (unsigned i = 0; i < PLAN_NODE_REFS; i++) {
            status_t err = ref_node(p, n->offset, &ref_kinds[k], i, &node);
            if (err == E_OK && node != s->node && plan_server_of(p, node) >= 0 &&
                is_of_class(p, node, &ref_kinds[k])) {
                plan_add_ref(p, s, ref_kinds[k].property, i, required[k] >> i & 1,
                             plan_server_of(p, node));
            } else if ((err == E_NOTFOUND && !is_hole(p, n->offset, k, i)) ||
                       (err && err != E_NOTFOUND && k != REF_GPIOS)) {
                break; /* the end, or damage: only the required ones were worth a line */
            }
        }
    }
    plan_resolve_pins(p, s);
}

/* The console's UART: of all that libsys/tree lists, the best first, the first that has a server of the console's class.
 * One whose server waits is taken all the same: the early console is there too, and goes on saying why. */
static void plan_resolve_console(struct plan *p, struct plan_service *s, const struct need *need)
{
    struct tree_console_walk walk = { .next = 0 };
    int offset, named = -1;

    while ((offset = tree_console_next(p->fdt, &walk)) >= 0) {
        int node = plan_node_index(p, offset);
        int service = node >= 0 ? p->nodes[node].service : -1;

        if (service >= 0 && strcmp(p->services[service].match->provides, s->match->provides) == 0) {
            plan_add_ref(p, s, walk.from != NULL ? walk.from : "first UART", 0, true, service);
            return;
        }
        named = named < 0 && walk.from != NULL ? node : named;
    }
    plan_unmet(s, need, named);
}

/* A service without a node: all that it can require is the console's UART. What it may open is nothing to wait for. */
static void plan_resolve_nodeless(struct plan *p, struct plan_service *s)
{
    struct need need;

    for (const char *at = s->match->requires; need_next(p, -1, &at, &need);) {
        if (word_is(need.text, "stdout-path")) {
            plan_resolve_console(p, s, &need);
        } else if (!need.is_opened || need.class == NULL) {
            plan_unmet(s, &need, -1);
        }
    }
}

void plan_resolve_service(struct plan *p, struct plan_service *s)
{
    s->ref = p->ref_count;
    if (s->node >= 0) {
        plan_resolve_node(p, s);
    } else {
        plan_resolve_nodeless(p, s);
    }
}

/* ---- services ---- */

bool plan_requires_reg(const struct dev_match *m)
{
    for (const char *at = m->requires; *at != '\0'; at = skip_blanks(word_end(at))) {
        if (word_is(at, "reg")) {
            return true;
        }
    }
    return false;
}

bool plan_opens(const struct dev_match *m, const char *class)
{
    for (const char *at = m->requires; *at != '\0'; at = skip_blanks(word_end(at))) {
        const char *next = skip_blanks(word_end(at));
        if (word_is(at, "opens") && word_is(next, class) && *next != '\0') {
            return true;
        }
    }
    return false;
}

/* Whether this controller can only deliver to the CPU: nobody is above it in the interrupt tree. */
static bool is_irq_root(const struct plan *p, const struct plan_node *n)
{
    int parent;

    if (!(n->match->flags & MATCH_IRQ_ROOT)) {
        return false;
    }
    return tree_interrupt_parent(p->fdt, n->offset, &parent) != E_OK || parent == n->offset ||
           tree_interrupt_count(p->fdt, n->offset) == 0;
}

int plan_timer_parent(const struct plan *p)
{
    for (unsigned i = 0; i < p->node_count; i++) {
        const struct plan_node *n = &p->nodes[i];
        struct tree_ref ref;

        if (n->state == NODE_KERNEL &&
            (tree_compatible(p->fdt, n->offset, "arm,armv8-timer") >= 0 ||
             tree_compatible(p->fdt, n->offset, "arm,armv7-timer") >= 0) &&
            tree_interrupt(p->fdt, n->offset, 0, &ref) == E_OK) {
            return plan_node_index(p, ref.node);
        }
    }
    return -1;
}

/* The CPU has one IRQ line: of several controllers that could be its root, it is the timer's, or else the first. */
static void plan_one_root(struct plan *p)
{
    int root = -1;
    unsigned count = 0;

    for (unsigned i = 0; i < p->node_count; i++) {
        if (p->nodes[i].state == NODE_SERVED && is_irq_root(p, &p->nodes[i])) {
            root = count++ == 0 ? (int)i : root;
        }
    }
    if (count < 2) {
        return;
    }
    int timers = plan_timer_parent(p);
    if (timers >= 0 && p->nodes[timers].state == NODE_SERVED && is_irq_root(p, &p->nodes[timers])) {
        root = timers;
    }
    for (unsigned i = 0; i < p->node_count; i++) {
        struct plan_node *n = &p->nodes[i];

        if ((int)i != root && n->state == NODE_SERVED && is_irq_root(p, n)) {
            n->state = NODE_REFUSED;
            n->error = E_BUSY;
            n->other = root;
            n->service = -1;
        }
    }
}

static enum plan_class class_of(const struct plan *p, const struct plan_node *n)
{
    const char *provides = n->match->provides;

    if (is_irq_root(p, n)) {
        return PLAN_IRQ_ROOT;
    }
    if (strcmp(provides, "irq") == 0 || strcmp(provides, "msi") == 0) {
        return PLAN_IRQ;
    }
    return strcmp(provides, "bus") == 0 || strcmp(provides, "pci") == 0 ? PLAN_BUS : PLAN_DRIVER;
}

/* Another image that claims what `match` of `image` does: of images that are equally specific the first serves. */
static const struct plan_image *rival_of(const struct plan *p, const struct plan_image *image,
                                         const struct dev_match *match)
{
    for (unsigned i = 0; i < p->image_count; i++) {
        for (unsigned k = 0; k < p->images[i].match_count; k++) {
            const struct dev_match *m = &p->images[i].match[k];
            if (m->compatible[0] == match->compatible[0] && &p->images[i] != image &&
                ((m->flags ^ match->flags) & MATCH_SERVICE) == 0 &&
                strcmp(m->compatible, match->compatible) == 0) {
                return &p->images[i];
            }
        }
    }
    return NULL;
}

/* Whether a service without a node has that name already. */
static bool is_taken(const struct plan *p, const struct dev_match *match)
{
    for (unsigned i = 0; i < p->service_count; i++) {
        if (p->services[i].node < 0 &&
            strcmp(p->services[i].match->compatible, match->compatible) == 0) {
            return true;
        }
    }
    return false;
}

static void service_init(const struct plan *p, struct plan_service *s,
                         const struct plan_image *image, const struct dev_match *match, int node,
                         enum plan_class class)
{
    *s = (struct plan_service){ .image = image,
                                .match = match,
                                .rival = rival_of(p, image, match),
                                .node = node,
                                .class = (uint8_t) class,
                                .need_node = -1 };
}

static struct plan_service *plan_add_service(struct plan *p, const struct plan_image *image,
                                             const struct dev_match *match, int node,
                                             enum plan_class class)
{
    if (p->service_count == PLAN_SERVICES_MAX) {
        p->dropped++;
        return NULL;
    }
    struct plan_service *s = &p->services[p->service_count++];
    service_init(p, s, image, match, node, class);
    return s;
}

void plan_put_service(struct plan *p, unsigned index, int node)
{
    struct plan_node *n = &p->nodes[node];

    n->service = (int16_t)index;
    service_init(p, &p->services[index], n->image, n->match, node, class_of(p, n));
    plan_resolve_service(p, &p->services[index]);
}

void plan_resolve(struct plan *p)
{
    plan_one_root(p);
    for (unsigned i = 0; i < p->node_count; i++) {
        struct plan_node *n = &p->nodes[i];
        if (n->state != NODE_SERVED) {
            continue;
        }
        n->service = (int16_t)p->service_count;
        if (plan_add_service(p, n->image, n->match, (int)i, class_of(p, n)) == NULL) {
            n->state = NODE_REFUSED;
            n->error = E_FULL;
            n->service = -1;
        }
    }
    for (unsigned i = 0; i < p->image_count; i++) {
        for (unsigned k = 0; k < p->images[i].match_count; k++) {
            const struct dev_match *m = &p->images[i].match[k];
            if ((m->flags & MATCH_SERVICE) && !is_taken(p, m)) {
                (void)plan_add_service(p, &p->images[i], m, -1, PLAN_MUX); /* counted in dropped */
            }
        }
    }
    for (unsigned i = 0; i < p->service_count; i++) {
        plan_resolve_service(p, &p->services[i]);
    }
}

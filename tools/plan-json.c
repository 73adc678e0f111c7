/* SPDX-License-Identifier: BSD-2-Clause
 * plan-json FILE.dtb ARCHIVE [BASE+LEN]... - prints init's plan of a tree as JSON: the core of tools/plan (tools/lib/plan.py has the
 * rest). It is servers/init/plan*.c, libsys/tree and libsys/image, compiled for the build machine: what is printed is what
 * init would do with this tree and the servers of this archive. Addresses are strings of hexadecimal digits, since JSON's
 * numbers are not exact above 2^53. BASE+LEN, hexadecimal, is RAM that takes the place of what the tree says.
 */
#include <archive.h>
#include <cambium/client.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <plan.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include <tree_ranges.h>

enum { WHY_LEN = 1024, SHARED_MAX = 16, ARCHIVE_MAX = 1 << 30 };

_Noreturn static void die(const char *path, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "tools/plan: %s: ", path);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(EXIT_FAILURE);
}

/* ---- JSON ---- */

static bool is_first = true; /* of the object or array that is open */

static void json_comma(void)
{
    fputs(is_first ? "" : ",\n", stdout);
    is_first = false;
}

/* Bytes that are not ASCII are taken for Latin-1, so that any name of a node comes out as something. */
static void json_quote(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < ' ' || c > '~') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void json_key(const char *key)
{
    json_comma();
    if (key != NULL) { /* NULL: an element of an array */
        json_quote(key);
        putchar(':');
    }
}

static void json_open(const char *key, char bracket)
{
    json_key(key);
    putchar(bracket);
    is_first = true;
}

static void json_close(char bracket)
{
    putchar(bracket);
    is_first = false;
}

static void json_string(const char *key, const char *text)
{
    json_key(key);
    json_quote(text);
}

static void json_address(const char *key, uint64_t value)
{
    json_key(key);
    printf("\"0x%" PRIx64 "\"", value);
}

static void json_number(const char *key, unsigned value)
{
    json_key(key);
    printf("%u", value);
}

static void json_bool(const char *key, bool value)
{
    json_key(key);
    fputs(value ? "true" : "false", stdout);
}

static void json_range(const char *key, struct tree_range r)
{
    json_open(key, '{');
    json_address("base", r.base);
    json_address("len", r.len);
    json_close('}');
}

/* All strings of a list property. */
static void json_strings(const void *fdt, int offset, const char *name)
{
    const char *text;

    json_open(name, '[');
    for (unsigned i = 0; (text = tree_string_at(fdt, offset, name, i)) != NULL; i++) {
        json_string(NULL, text);
    }
    json_close(']');
}

static void json_path(const char *key, const void *fdt, int offset)
{
    char path[TREE_MAX_DEPTH * TREE_PATH_LEN]; /* whole: tools look nodes up by it */

    tree_path(fdt, offset, path, sizeof(path));
    json_string(key, path);
}

/* ---- files ---- */

/* A whole file, but no more than max + 1 bytes of it. */
static void *read_file(const char *path, size_t max, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1 << 16;
    size_t len = 0;
    size_t got;
    char *data = malloc(room);

    if (file == NULL) {
        die(path, "%s", strerror(errno));
    }
    while (data != NULL && len <= max && (got = fread(data + len, 1, room - len, file)) > 0) {
        len += got;
        if (len == room) {
            room *= 2;
            data = realloc(data, room);
        }
    }
    if (data == NULL || ferror(file)) {
        die(path, "%s", strerror(errno));
    }
    (void)fclose(file); /* only read from */
    *out_len = len;
    return data;
}

static void *read_tree(const char *path)
{
    size_t len;
    void *fdt = read_file(path, TREE_MAX_LEN, &len);

    if (len == 0) {
        die(path, "the file is empty");
    }
    if (len < sizeof(struct fdt_header) || fdt_magic(fdt) != FDT_MAGIC) {
        die(path, "not a device tree blob (dtc makes one of a .dts file)");
    }
    switch (tree_check(fdt, len)) {
    case E_OK:
        return fdt;
    case E_RANGE:
        if (fdt_totalsize(fdt) > TREE_MAX_LEN) {
            die(path, "%u bytes are too long for a device tree: %d are allowed", fdt_totalsize(fdt),
                TREE_MAX_LEN);
        }
        die(path, "the tree is cut short: %u bytes by its header, %zu in the file",
            fdt_totalsize(fdt), len);
    case E_LIMIT:
        die(path, "nodes are nested deeper than %d", TREE_MAX_DEPTH);
    default:
        die(path, "the tree is damaged: its header or its structure makes no sense");
    }
}

/* Replaces the tree by a copy with this RAM, as a firmware would write it, in the place of what its first memory node says. */
static void *write_memory(const char *path, void *fdt, char **ranges, int count)
{
    int len = (int)tree_len(fdt) + 64 * (count + 1) + 256;
    void *copy = malloc((size_t)len);
    uint8_t cells[64];

    if (copy == NULL || fdt_open_into(fdt, copy, len) != 0) {
        die(path, "no memory for a copy of it");
    }
    int node = fdt_node_offset_by_prop_value(copy, -1, "device_type", "memory", sizeof("memory"));
    int address_cells = fdt_address_cells(copy, 0);
    int size_cells = fdt_size_cells(copy, 0);
    if (node < 0 || address_cells < 1 || size_cells < 1) {
        die(path, "it has no memory node that could be written to");
    }
    (void)fdt_delprop(copy, node, "reg"); /* if it has one */
    for (int i = 0; i < count; i++) {
        char *end;
        uint64_t numbers[2] = { strtoull(ranges[i], &end, 16), strtoull(end + 1, NULL, 16) };
        int at = 4 * (address_cells + size_cells);

        memset(cells, 0, sizeof(cells));
        for (; at > 4 * address_cells; numbers[1] >>= 32) {
            at -= 4;
            fdt32_st(cells + at, (uint32_t)numbers[1]);
        }
        for (at = 4 * address_cells; at > 0; numbers[0] >>= 32) {
            at -= 4;
            fdt32_st(cells + at, (uint32_t)numbers[0]);
        }
        if (numbers[0] != 0 || numbers[1] != 0) {
            die(path, "its #address-cells and #size-cells cannot express the memory %s", ranges[i]);
        }
        if (fdt_appendprop(copy, node, "reg", cells, 4 * (address_cells + size_cells)) != 0) {
            die(path, "its memory node cannot be written to");
        }
    }
    free(fdt);
    return copy;
}

/* The images that init finds in the archive (servers/init/child.c:images_read), in its order. */
static struct plan_image *read_archive(const char *path, unsigned *out_count)
{
    struct archive archive;
    struct archive_file file;
    struct elf_image elf;
    unsigned count = 0;
    const char *why;
    status_t err;

    archive.base = read_file(path, ARCHIVE_MAX, &archive.len);
    for (size_t at = 0; (err = archive_next(&archive, &at, &file)) == E_OK;) {
        count++;
    }
    if (err != E_NOTFOUND) {
        die(path, "not a boot archive, or a damaged one");
    }
    struct plan_image *images = calloc(count + 1, sizeof(*images));
    if (images == NULL) {
        die(path, "%s", strerror(errno));
    }
    count = 0;
    for (size_t at = 0; archive_next(&archive, &at, &file) == E_OK;) {
        if (!plan_is_image(file.name)) {
            continue;
        }
        if ((err = elf_check(file.data, file.len, &elf, &why)) != E_OK) {
            fprintf(stderr, "tools/plan: %s: %s cannot be used: %s\n", path, file.name, why);
            elf.match_count = 0;
        }
        images[count++] = (struct plan_image){ file.name, elf.match, elf.match_count };
    }
    *out_count = count;
    return images;
}

/* ---- nodes ---- */

static const char *const state_names[] = {
    [NODE_NONE] = "none",       [NODE_DISABLED] = "disabled", [NODE_UNCLAIMED] = "unclaimed",
    [NODE_WAITING] = "waiting", [NODE_SERVED] = "served",     [NODE_KERNEL] = "kernel",
    [NODE_COVERED] = "covered", [NODE_REFUSED] = "refused",
};
static const char *const class_names[] = {
    [PLAN_IRQ_ROOT] = "root interrupt controller",
    [PLAN_IRQ] = "interrupt controller",
    [PLAN_BUS] = "bus",
    [PLAN_DRIVER] = "driver",
    [PLAN_MUX] = "mux",
};

/* Which other nodes have registers in the pages of this window: each once, the first SHARED_MAX. */
static void print_shared(const struct plan *p, const struct plan_window *w)
{
    uint64_t first = w->base / PAGE_SIZE;
    uint64_t last = (w->base + (w->len == 0 ? 0 : w->len - 1)) / PAGE_SIZE;
    int shown = -1;
    unsigned count = 0;

    json_open("pages_shared_with", '[');
    for (unsigned i = 0; i < p->window_count && count < SHARED_MAX; i++) {
        const struct plan_window *other = &p->windows[i];
        if (other->node != w->node && other->node != shown && !other->is_aperture &&
            other->len != 0 && w->len != 0 && other->base / PAGE_SIZE <= last &&
            (other->base + (other->len - 1)) / PAGE_SIZE >= first) {
            shown = other->node;
            count++;
            json_path(NULL, p->fdt, p->nodes[shown].offset);
        }
    }
    json_close(']');
}

/* What the node's server gets of a window. */
static void print_device(const struct plan *p, const struct plan_node *n, unsigned index)
{
    struct tree_range device;

    plan_window_device(p, n, index, &device.base, &device.len);
    json_range("device", device);
    json_bool("whole_pages", p->windows[n->window + index].whole_pages);
}

/* One for each reg entry; those that cannot be translated have an error instead. */
static void print_windows(const struct plan *p, const struct plan_node *n)
{
    struct tree_range r;
    unsigned window = 0;
    status_t err = E_OK;

    json_open("windows", '[');
    for (unsigned i = 0; n->state != NODE_KERNEL && !n->is_meta && (err == E_OK || err == E_RANGE);
         i++) {
        err = plan_reg(p, (int)(n - p->nodes), i, &r);
        if (err == E_NOTFOUND) {
            break;
        }
        json_open(NULL, '{');
        if (err) {
            json_string("error", err_name(err));
            json_bool("for_devices",
                      i != 0 && n->match != NULL && (n->match->flags & MATCH_FIRST_REG) != 0);
        } else {
            json_address("base", r.base);
            json_address("len", r.len);
            print_shared(p, &p->windows[n->window + window]);
            if (n->service >= 0) {
                print_device(p, n, window);
            }
            window++;
        }
        json_close('}');
    }
    json_close(']');
}

static void print_interrupts(const struct plan *p, const struct plan_node *n)
{
    unsigned count = tree_interrupt_count(p->fdt, n->offset);
    unsigned own = count - tree_interrupt_rows(p->fdt, n->offset);
    struct tree_ref ref;

    json_open("interrupts", '[');
    for (unsigned i = 0; i < count; i++) {
        status_t err = tree_interrupt(p->fdt, n->offset, i, &ref);
        const char *name = tree_string_at(p->fdt, n->offset, "interrupt-names", i);

        json_open(NULL, '{');
        if (i >= own) {
            json_number("row", i - own); /* of the interrupt-map of a PCI bus */
        }
        if (name != NULL) {
            json_string("name", name);
        }
        if (err) {
            json_string("error", err_name(err));
        } else {
            json_path("controller", p->fdt, ref.node);
            json_open("specifier", '[');
            for (unsigned k = 0; k < ref.cell_count; k++) {
                json_number(NULL, ref.cells[k]);
            }
            json_close(']');
        }
        json_close('}');
    }
    json_close(']');
}

/* Where messages that stand for interrupts go: `msi-parent` of a bus, `msi-ranges` of a controller of messages. Nothing
 * of init's; for who follows a route. */
static void print_messages(const struct plan *p, const struct plan_node *n)
{
    struct tree_ref ref;

    if (tree_reference(p->fdt, n->offset, "msi-parent", NULL, 0, &ref) == E_OK) {
        json_path("msi_parent", p->fdt, ref.node);
    }
    if (tree_reference(p->fdt, n->offset, "msi-ranges", "#interrupt-cells", 0, &ref) == E_OK) {
        json_path("msi_to", p->fdt, ref.node);
    }
}

static void print_refs(const struct plan *p, const struct plan_service *s)
{
    json_open("references", '[');
    for (unsigned i = 0; i < s->ref_count; i++) {
        const struct plan_ref *ref = &p->refs[s->ref + i];
        int node = p->services[ref->provider].node;

        json_open(NULL, '{');
        json_string("property", ref->property);
        json_number("index", ref->index);
        json_bool("required", ref->is_required);
        if (node >= 0) {
            json_path("node", p->fdt, p->nodes[node].offset);
        }
        json_close('}');
    }
    json_close(']');
}

static void print_service(const struct plan *p, const struct plan_service *s)
{
    char why[WHY_LEN];

    json_string("server", s->image->name);
    json_string("class", class_names[s->class]);
    json_string("provides", s->match->provides);
    json_string("requires", s->match->requires);
    if (s->is_waiting) {
        plan_why_waiting(p, s, why, sizeof(why));
        json_string("why", why);
    } else {
        json_number("rank", (unsigned)(s - p->services) + 1);
    }
    print_refs(p, s);
}

/* The servers of which init starts one, or none, when it has looked at the node's registers. */
static void print_candidates(const struct plan *p, const struct plan_node *n)
{
    const char *compatible;

    json_open("decided_by_registers", '[');
    for (unsigned i = 0; (compatible = tree_string_at(p->fdt, n->offset, "compatible", i)) != NULL;
         i++) {
        for (unsigned k = 0; k < p->image_count; k++) {
            bool is_candidate = false;
            for (unsigned e = 0; e < p->images[k].match_count; e++) {
                const struct dev_match *m = &p->images[k].match[e];
                is_candidate =
                    is_candidate || ((m->flags & (MATCH_EMPTY | MATCH_SERVICE)) == 0 &&
                                     plan_entry_claims(p, (int)(n - p->nodes), m, compatible) ==
                                         PLAN_CLAIMS_PERHAPS);
            }
            if (is_candidate) {
                json_string(NULL, p->images[k].name);
            }
        }
    }
    json_close(']');
}

static void print_node(const struct plan *p, const struct plan_node *n)
{
    char why[WHY_LEN];
    int len;

    json_open(NULL, '{');
    json_path("path", p->fdt, n->offset);
    json_string("state", state_names[n->state]);
    if (n->is_meta) {
        json_bool("is_data", true);
    }
    json_strings(p->fdt, n->offset, "compatible");
    if (n->service >= 0) {
        json_string("matched", n->match->compatible);
        print_service(p, &p->services[n->service]);
    } else {
        plan_why_refused(p, n, why, sizeof(why));
        if (why[0] != '\0') {
            json_string("server", n->image->name);
            json_string("why", why);
        }
    }
    if (n->depends) {
        print_candidates(p, n);
    }
    if (n->state == NODE_UNCLAIMED && n->other >= 0) {
        json_path("bus", p->fdt, p->nodes[n->other].offset);
    }
    print_windows(p, n);
    print_interrupts(p, n);
    print_messages(p, n);
    if (tree_prop(p->fdt, n->offset, "interrupt-controller", &len) != NULL) {
        json_bool("interrupt_controller", true);
    }
    json_close('}');
}

/* ---- the tree as a whole ---- */

static void print_memory(const void *fdt)
{
    struct tree_range r;
    bool no_map;
    status_t err;

    json_open("memory", '[');
    for (unsigned i = 0; (err = tree_memory(fdt, i, &r)) != E_NOTFOUND; i++) {
        if (err) {
            json_open(NULL, '{');
            json_string("error", err_name(err));
            json_close('}');
        } else {
            json_range(NULL, r);
        }
    }
    json_close(']');
    json_open("reservations", '[');
    for (unsigned i = 0; (err = tree_reservation(fdt, i, &r, &no_map)) != E_NOTFOUND; i++) {
        json_open(NULL, '{');
        if (err) {
            json_string("error", err_name(err));
        } else {
            json_address("base", r.base);
            json_address("len", r.len);
            json_bool("no_map", no_map);
        }
        json_close('}');
    }
    json_close(']');
    err = tree_initrd(fdt, &r);
    if (!err) {
        json_range("initrd", r);
    } else if (err != E_NOTFOUND) {
        json_string("initrd_error", err_name(err));
    }
}

static void print_console(const struct plan *p)
{
    static const char *const kinds[] = { [TREE_CONSOLE_PL011] = "PL011",
                                         [TREE_CONSOLE_AUX] = "mini UART",
                                         [TREE_CONSOLE_8250] = "8250" };
    struct tree_console early;
    const char *path = NULL;
    int node;

    json_open("console", '{');
    if (tree_find(p->fdt, "/chosen", &node) == E_OK) {
        path = tree_string(p->fdt, node, "stdout-path");
    }
    if (path != NULL) {
        json_string("stdout_path", path);
        if (tree_find(p->fdt, path, &node) == E_OK) {
            json_path("node", p->fdt, node);
        }
    }
    if (tree_console(p->fdt, PLAN_PHYSICAL_END, &early) == E_OK) {
        json_open("early", '{');
        json_path("node", p->fdt, early.node);
        json_string("kind", kinds[early.kind]);
        json_address("base", early.reg.base);
        json_close('}');
    }
    json_close('}');
}

static void print_plan(const struct plan *p, const char *path)
{
    const char *model = tree_string(p->fdt, 0, "model");
    int root = plan_timer_parent(p);

    json_open(NULL, '{');
    json_string("file", path);
    json_string("model", model != NULL ? model : "");
    json_strings(p->fdt, 0, "compatible");
    print_memory(p->fdt);
    print_console(p);
    for (unsigned i = 0; i < p->service_count; i++) {
        root = p->services[i].class == PLAN_IRQ_ROOT ? p->services[i].node : root;
    }
    if (root >= 0) {
        json_path("root_controller", p->fdt, p->nodes[root].offset);
    }
    if (p->dropped > 0) {
        json_number("left_out", p->dropped);
    }
    json_open("services", '[');
    for (unsigned i = 0; i < p->service_count; i++) {
        if (p->services[i].node < 0) {
            json_open(NULL, '{');
            json_string("name", p->services[i].match->compatible);
            print_service(p, &p->services[i]);
            json_close('}');
        }
    }
    json_close(']');
    json_open("nodes", '[');
    for (unsigned i = 0; i < p->node_count; i++) {
        print_node(p, &p->nodes[i]);
    }
    json_close(']');
    json_close('}');
    putchar('\n');
}

int main(int argc, char **argv)
{
    unsigned image_count;
    static struct plan plan; /* holds on to all that was read */

    if (argc < 3) {
        fprintf(stderr, "usage: plan-json FILE.dtb ARCHIVE [BASE+LEN]...\n");
        return 2;
    }
    void *fdt = read_tree(argv[1]);
    if (argc > 3) {
        fdt = write_memory(argv[1], fdt, argv + 3, argc - 3);
    }
    const struct plan_image *images = read_archive(argv[2], &image_count);
    size_t arena_len = plan_arena_len(fdt);
    void *arena = malloc(arena_len);

    if (arena == NULL ||
        plan_make(fdt, images, image_count, NULL, arena, arena_len, &plan) != E_OK) {
        die(argv[1], "no memory for a plan of %zu bytes", arena_len);
    }
    print_plan(&plan, argv[1]);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

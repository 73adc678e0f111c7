/* SPDX-License-Identifier: BSD-2-Clause
 * child - from a checked image to a process with its memory, handles and start page.
 *
 * What lies where in the new address space, upwards from a random multiple of 2 MiB, so that one page-table page covers
 * small servers:
 *
 *   image: text r-x, rodata r-- (one memory for all instances), data rw- (its own)
 *   start page(s) r--, command page rw-, guard, stack rw-, guard, device tree r--, guard, free for the process
 *
 * What is its own are two memories, charged to init (the process's budget is for what the process asks for):
 *
 *   own   command page, start pages, pages of data that come from the file; init fills them, and keeps them mapped while
 *         the process lives, to read the command page
 *   zero  bss, stack; init never maps them
 */
#include <cambium/client.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tree.h>
#include "init.h"

#define CHILD_BASE 0x200000ull /* everything below faults: null pointers with large offsets too */
#define CHILD_PLACES                                                                               \
    (1u << 17) /* of 2 MiB: 256 GiB, and more than 100 are left to map in (start_info.free_end) */

static uint64_t page_up(uint64_t len)
{
    return (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* ---- images ---- */

static unsigned archive_count(const struct archive *a)
{
    struct archive_file file;
    unsigned count = 0;

    for (size_t at = 0; archive_next(a, &at, &file) == E_OK;) {
        count++;
    }
    return count;
}

status_t images_read(struct init *init)
{
    unsigned count = archive_count(&init->archive);
    struct archive_file file;
    size_t at = 0;
    status_t err;

    init->images = calloc(count + 1, sizeof(struct image));
    init->plan_images = calloc(count + 1, sizeof(struct plan_image));
    if (init->images == NULL || init->plan_images == NULL) {
        return E_NOMEM;
    }
    while ((err = archive_next(&init->archive, &at, &file)) == E_OK) {
        struct image *image = &init->images[init->image_count];
        const char *why = NULL;
        bool is_spare = plan_is_spare(file.name);
        if (!is_spare && !plan_is_image(file.name)) {
            continue;
        }
        image->name = file.name;
        image->error = elf_check(file.data, file.len, &image->elf, &why);
        image->why = why;
        if (image->error) {
            report(init, LOG_ERROR, "%s: cannot be used: %s (%s); build it anew", file.name, why,
                   err_name(image->error));
        } else if (image->elf.match_count == 0 && !is_spare && strncmp(file.name, "bin/", 4) != 0) {
            report(init, LOG_ERROR,
                   "%s: has no match table, so it serves nothing: DEV_MATCH_TABLE is missing",
                   file.name);
        }
        init->plan_images[init->image_count++] =
            (struct plan_image){ .name = file.name,
                                 .match = image->elf.match,
                                 .match_count = is_spare ? 0 : image->elf.match_count };
    }
    if (err != E_NOTFOUND) {
        report(init, LOG_ERROR,
               "the boot archive is damaged at byte %llu of %llu: files behind it are lost",
               (unsigned long long)at, (unsigned long long)init->archive.len);
    }
    return E_OK;
}

struct image *image_find(struct init *init, const char *name)
{
    for (unsigned i = 0; i < init->image_count; i++) {
        if (strcmp(init->images[i].name, name) == 0) {
            return &init->images[i];
        }
    }
    return NULL;
}

/* Copies a segment that nobody writes into a memory that all instances map. */
static status_t image_share(struct image *image, unsigned index)
{
    const struct elf_segment *s = &image->elf.segments[index];
    handle_t memory;

    if (image->shared[index] != 0) {
        return E_OK;
    }
    status_t err = sys_memory_create(s->len, 0, 0, &memory);
    if (err) {
        return err;
    }
    uint64_t va = vm_reserve(s->len);
    err = va == 0 ? E_NOMEM : sys_map(HANDLE_SELF, memory, 0, 0, s->len, va, MAP_READ | MAP_WRITE);
    if (err == E_OK) {
        memcpy((uint8_t *)va + s->skip, s->data, s->data_len);
        err = sys_unmap(HANDLE_SELF, va, s->len);
    }
    if (va != 0) {
        vm_release(va, s->len);
    }
    if (err) {
        (void)sys_handle_close(memory); /* ours and open */
        return err;
    }
    image->shared[index] = memory;
    return E_OK;
}

/* A process made from it ended. */
static void image_release(struct image *image)
{
    if (--image->users != 0 || image->elf.match_count != 0) {
        return;
    }
    for (unsigned i = 0; i < ELF_SEGMENTS_MAX; i++) {
        if (image->shared[i] != 0) {
            (void)sys_handle_close(image->shared[i]); /* ours */
            image->shared[i] = 0;
        }
    }
}

/* ---- processes ---- */

/* For arc4random, which asks at its first use and stirs the same in again after a mebibyte: its key is kept then. */
int getentropy(void *buf, size_t len)
{
    memset(buf, 0, len);
    memcpy(buf, start_info->seed, len < sizeof(start_info->seed) ? len : sizeof(start_info->seed));
    return 0;
}

/* Without a seed in the tree all have the same, as if no one were to be surprised. */
static uint64_t child_base(void)
{
    bool is_seeded = start_info->seed[0] != 0;

    return CHILD_BASE + (is_seeded ? (uint64_t)arc4random_uniform(CHILD_PLACES) << 21 : 0);
}

/* Lengths of the parts of the child's memories, and where they go. */
struct layout {
    uint64_t command_len, info_len, data_len; /* own */
    uint64_t bss_len;                         /* zero, with the stack behind it */
    uint64_t base, info_va, command_va, stack_va, tree_va, free_va;
};

/* How much of a writable segment comes from the file, in whole pages. */
static uint64_t segment_data_len(const struct elf_segment *s)
{
    return page_up(s->skip + s->data_len);
}

static struct layout child_layout(const struct init *init, const struct child_spec *spec)
{
    struct layout l = { .command_len = spec->is_program ? 0 : PAGE_SIZE, .base = child_base() };

    for (unsigned i = 0; i < spec->image->elf.segment_count; i++) {
        const struct elf_segment *s = &spec->image->elf.segments[i];
        if (s->flags & MAP_WRITE) {
            l.data_len += segment_data_len(s);
            l.bss_len += s->len - segment_data_len(s);
        }
    }
    l.info_len = page_up(sizeof(struct start_info) + spec->strings_len);
    l.info_va = l.base + spec->image->elf.span;
    l.command_va = l.info_va + l.info_len;
    l.stack_va = l.command_va + l.command_len + PAGE_SIZE;
    l.tree_va = l.stack_va + spec->stack_len + PAGE_SIZE;
    l.free_va = l.tree_va + page_up(init->tree_len) + PAGE_SIZE;
    return l;
}

/* map, where nothing is fine too. */
static status_t child_map(struct child *c, handle_t memory, uint64_t offset, uint64_t len,
                          uint64_t va, uint32_t flags)
{
    return len == 0 ? E_OK : sys_map(c->process, memory, 0, offset, len, va, flags);
}

static status_t child_map_image(struct child *c, struct image *image, uint64_t base,
                                uint64_t data_at, handle_t zero)
{
    uint64_t bss_at = 0;

    for (unsigned i = 0; i < image->elf.segment_count; i++) {
        const struct elf_segment *s = &image->elf.segments[i];
        uint64_t va = base + s->va;
        status_t err;
        if (s->flags & MAP_WRITE) {
            uint64_t data_len = segment_data_len(s);
            memcpy((uint8_t *)c->va + data_at + s->skip, s->data, s->data_len);
            err = child_map(c, c->memory, data_at, data_len, va, s->flags);
            err =
                err ? err : child_map(c, zero, bss_at, s->len - data_len, va + data_len, s->flags);
            data_at += data_len;
            bss_at += s->len - data_len;
        } else {
            err = image_share(image, i);
            err = err ? err : child_map(c, image->shared[i], 0, s->len, va, s->flags);
        }
        if (err) {
            return err;
        }
    }
    return E_OK;
}

static void child_fill_info(const struct init *init, struct child *c, const struct child_spec *spec,
                            const struct layout *l)
{
    struct start_info *info = c->info;

    info->magic = START_MAGIC;
    info->abi_version = ABI_VERSION;
    info->size = (uint32_t)l->info_len;
    info->tree_va = l->tree_va;
    info->tree_len = init->tree_len;
    info->image_va = l->base;
    info->free_va = l->free_va;
    info->free_end = start_info->free_end; /* the kernel's limit is the same for all */
    info->stack_top = l->stack_va + spec->stack_len;
    info->stack_len = spec->stack_len;
    info->command_va = spec->is_program ? 0 : l->command_va;
    info->node = spec->node;
    info->incarnation = spec->incarnation;
    info->priority = spec->priority;
    info->priority_ceiling = spec->ceiling;
    info->argc = spec->argc;
    info->envc = spec->envc;
    info->strings = sizeof(struct start_info);
    memcpy((char *)info + sizeof(struct start_info), spec->strings, spec->strings_len);
}

/* Its number, by which `ps` and `kill` know it: the newest of all, since nobody else ran in between. */
static void child_find_id(struct init *init, struct child *c)
{
    uint64_t w[8];

    while (sys_info(init->chosen, INFO_PROCESS, init->last_process + 1, w) == E_OK) {
        init->last_process = (uint32_t)w[0];
        c->id = init->last_process;
    }
}

static status_t child_fill(struct init *init, struct child *c, const struct child_spec *spec,
                           const struct layout *l, handle_t zero)
{
    uint64_t info_at = l->command_len;
    status_t err;

    c->command = spec->is_program ? NULL : (struct command_page *)c->va;
    c->info = (struct start_info *)(c->va + info_at);
    c->entry = l->base + spec->image->elf.entry;
    c->stack_top = l->stack_va + spec->stack_len;
    c->info_va = l->info_va;
    child_fill_info(init, c, spec, l);
    err = child_map(c, c->memory, 0, l->command_len, l->command_va, MAP_READ | MAP_WRITE);
    err = err ? err : child_map(c, c->memory, info_at, l->info_len, l->info_va, MAP_READ);
    err = err ? err : child_map_image(c, spec->image, l->base, info_at + l->info_len, zero);
    err = err ? err
              : child_map(c, zero, l->bss_len, spec->stack_len, l->stack_va, MAP_READ | MAP_WRITE);
    err = err ? err : child_map(c, init->tree, 0, page_up(init->tree_len), l->tree_va, MAP_READ);
    return err;
}

status_t child_create(struct init *init, struct child *c, const struct child_spec *spec)
{
    struct layout l = child_layout(init, spec);
    const char *slash = strrchr(spec->image->name, '/');
    const char *name = slash != NULL ? slash + 1 : spec->image->name;

    handle_t zero = 0;

    *c = (struct child){ .image = spec->image, .len = l.command_len + l.info_len + l.data_len };
    c->image->users++;
    status_t err = sys_memory_create(c->len, 0, 0, &c->memory);
    if (err == E_OK) {
        c->va = vm_reserve(c->len);
        err = c->va == 0
                  ? E_NOMEM
                  : sys_map(HANDLE_SELF, c->memory, 0, 0, c->len, c->va, MAP_READ | MAP_WRITE);
    }
    err = err ? err : sys_memory_create(l.bss_len + spec->stack_len, 0, 0, &zero);
    if (err == E_OK) {
        err = sys_process_create(init->self, name, spec->pages, spec->ceiling, init->port,
                                 spec->badge, &c->process);
    }
    if (err == E_OK) {
        child_find_id(init, c);
        err = child_fill(init, c, spec, &l, zero);
    }
    if (zero != 0) {
        (void)sys_handle_close(zero); /* the process's mapping keeps it */
    }
    if (err) {
        child_destroy(c);
    }
    return err;
}

status_t child_grant(struct child *c, const char *name, handle_t h, uint32_t rights, uint32_t badge)
{
    struct start_info *info = c->info;
    handle_t there;

    if (info->handle_count == START_HANDLES) {
        return E_FULL;
    }
    status_t err = sys_process_grant(c->process, h, rights, badge, &there);
    if (err) {
        return err;
    }
    struct start_handle *entry = &info->handles[info->handle_count++];
    size_t len = strlen(name);
    memcpy(entry->name, name,
           len < sizeof(entry->name) ? len : sizeof(entry->name) - 1); /* the page is zeroed */
    entry->handle = there;
    entry->badge = badge;
    return E_OK;
}

status_t child_run(struct child *c)
{
    handle_t thread;
    status_t err = sys_thread_create(c->process, c->entry, c->stack_top, c->info_va,
                                     c->info->priority, 0, &thread);

    if (err == E_OK) {
        (void)sys_handle_close(thread); /* the process is all that init needs */
    }
    return err;
}

void child_destroy(struct child *c)
{
    if (c->process != 0) {
        (void)sys_process_kill(c->process); /* it may be dead already */
        (void)sys_handle_close(c->process);
    }
    if (c->va != 0) {
        (void)sys_unmap(HANDLE_SELF, c->va, c->len); /* not mapped if creating failed */
        vm_release(c->va, c->len);
    }
    if (c->memory != 0) {
        (void)sys_handle_close(c->memory);
    }
    if (c->image != NULL) {
        image_release(c->image);
    }
    *c = (struct child){ 0 };
}

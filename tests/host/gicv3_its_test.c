/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gicv3_its against a model that does its commands on the memory that it is given, as IHI 0069 says: what start writes
 * and in which order, which LPI a device's write raises, tables of one and of two levels, functions that share a name, and
 * that an ITS which stalls, hangs or never rests cannot hold the server. What vectors are to those who have them is
 * msi_server_test.c's.
 */
int gicv3_its_main(void);
#define main gicv3_its_main
#include "servers/drv/gicv3_its/gicv3_its.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>

enum {
    MEMORY_AT = 0x48000000,
    STRIDE = 0x10000, /* of the memory of one index */
    MEMORIES = 24,
    LPI = 8192,
    LPIS = 256,
    PROCESSOR = 5,
    PORT = 60,
    ITT_ENTRY = 12,
    DEVICES = 300
};
#define REDIST 0x80a0000ull

static uint8_t memory[MEMORIES * STRIDE] __attribute__((aligned(8)));

/* ---- the model ---- */

static struct model {
    uint32_t typer;
    uint32_t ctlr;
    uint64_t cbaser, cwriter, creadr, baser[8];
    uint32_t fixed_page; /* BASER.Page_Size that it insists on; 3: any */
    bool no_indirect, never_rests, hangs;
    uint64_t forced;  /* attributes that it insists on, in BASER and CBASER */
    uint64_t ignored; /* address bits that it does not take */
    unsigned stalls;  /* so many commands from now on; then one stalls */
    unsigned commands, syncs, invs, invalls;
    uint64_t target; /* of the collection */
    struct {
        uint32_t id, bits;
        bool is_valid;
        uint64_t events;
    } device[DEVICES];
} hw;

static void *at(uint64_t address, uint64_t len)
{
    assert_true(address >= MEMORY_AT && address - MEMORY_AT + len <= sizeof(memory));
    return memory + (address - MEMORY_AT);
}

/* Whether the table of devices has room for this one. */
static bool has_place(uint32_t id)
{
    uint64_t b = hw.baser[0];
    uint64_t page = 4096u << 2 * (b >> 8 & 3), len = ((b & 0xff) + 1) * page;
    uint64_t address = b & 0xfffffffff000ull, entry = (b >> 48 & 0x1f) + 1;

    assert_int_equal(address % page, 0);
    if ((b >> 62 & 1) == 0) {
        return id * entry + entry <= len;
    }
    uint64_t first = id / (page / entry);
    if (first * 8 + 8 > len) {
        return false;
    }
    uint64_t second = *(uint64_t *)at(address + first * 8, 8);
    if (second >> 63 == 0) {
        return false;
    }
    assert_int_equal((second & 0xffffffffffffull) % page, 0);
    (void)at(second & 0xffffffffffffull, page);
    return true;
}

static unsigned device_index(uint32_t id)
{
    unsigned free = DEVICES;
    for (unsigned i = 0; i < DEVICES; i++) {
        if (hw.device[i].is_valid && hw.device[i].id == id) {
            return i;
        }
        free = !hw.device[i].is_valid && free == DEVICES ? i : free;
    }
    assert_true(free < DEVICES);
    hw.device[free].id = id;
    return free;
}

/* The entry of an event: its INTID, 0 if it has none; NULL: nobody mapped the device, or not so many events. */
static uint32_t *entry_of(uint32_t id, uint64_t event)
{
    unsigned i = device_index(id);

    return hw.device[i].is_valid && event < 1ull << hw.device[i].bits
               ? at(hw.device[i].events + event * ITT_ENTRY, ITT_ENTRY)
               : NULL;
}

/* One command; false: it is wrong. */
static bool command_do(const uint64_t *c)
{
    uint32_t id = (uint32_t)(c[0] >> 32), op = c[0] & 0xff;
    unsigned i;
    uint32_t *entry;

    assert_int_equal(c[3], 0);
    switch (op) {
    case 0x05:
        hw.syncs++;
        return c[2] == hw.target;
    case 0x08:
        i = device_index(id);
        hw.device[i].is_valid = c[2] >> 63 != 0;
        hw.device[i].bits = (c[1] & 0x1f) + 1;
        hw.device[i].events = c[2] & 0x000fffffffffff00ull;
        assert_int_equal(hw.device[i].events % 256, 0);
        return has_place(id) && (c[1] & 0x1f) <= (hw.typer >> 8 & 0x1f);
    case 0x09:
        assert_int_equal(c[2] & 0xffff, 0);
        assert_int_equal(c[2] >> 63, 1);
        hw.target = c[2] & 0x000fffffffff0000ull;
        return true;
    case 0x0a:
        entry = entry_of(id, c[1] & 0xffffffff);
        if (entry == NULL || c[2] != 0 || *entry != 0) {
            return false;
        }
        *entry = (uint32_t)(c[1] >> 32);
        entry[2] = id; /* all of its bytes are used */
        return *entry >= LPI;
    case 0x0c:
    case 0x0f:
        entry = entry_of(id, c[1]);
        if (entry == NULL || *entry == 0) {
            return false;
        }
        hw.invs += op == 0x0c;
        *entry = op == 0x0f ? 0 : *entry;
        return true;
    case 0x0d:
        hw.invalls++;
        return c[2] == 0;
    }
    return false;
}

static void commands_do(void)
{
    uint64_t queue = hw.cbaser & 0xfffffffff000ull, len = ((hw.cbaser & 0xff) + 1) * 4096;

    assert_int_equal(queue % 0x10000, 0);
    assert_int_equal(hw.cbaser >> 63, 1);
    while ((hw.ctlr & 1) != 0 && !hw.hangs && (hw.creadr & 1) == 0 && hw.creadr != hw.cwriter) {
        const uint64_t *c = at(queue + hw.creadr, 32);
        if (hw.stalls == 1 || !command_do(c)) {
            hw.stalls = 0;
            hw.creadr |= 1;
            return;
        }
        hw.stalls -= hw.stalls != 0;
        hw.commands++;
        hw.creadr = (hw.creadr + 32) % len;
    }
}

static uint64_t *register_of(uint32_t offset)
{
    return offset == 0x80                      ? &hw.cbaser
           : offset == 0x88                    ? &hw.cwriter
           : offset == 0x90                    ? &hw.creadr
           : offset >= 0x100 && offset < 0x140 ? &hw.baser[(offset - 0x100) / 8]
                                               : NULL;
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    const uint64_t *reg = register_of(offset & ~7u);

    assert_int_equal(window, 0);
    if (offset == 0) {
        return hw.ctlr | (hw.never_rests ? 0 : 1u << 31);
    }
    if (offset == 8 || offset == 12) {
        return offset == 8 ? hw.typer : 0;
    }
    assert_non_null(reg);
    return (uint32_t)(*reg >> (offset & 4) * 8);
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    uint64_t *reg = register_of(offset & ~7u);

    assert_int_equal(window, 0);
    if (offset == 0) {
        hw.ctlr = value;
        return;
    }
    assert_non_null(reg);
    if (offset == 0x88) {
        hw.cwriter = value;
        commands_do();
        return;
    }
    if (reg == &hw.cwriter) {
        return; /* the upper half */
    }
    assert_int_equal(hw.ctlr & 1, 0); /* else it does not take it */
    uint64_t keep = reg == &hw.cbaser ? 0 : 7ull << 56 | 0x1full << 48, before = *reg;
    uint64_t mask = 0xffffffffull << (offset & 4) * 8;
    uint64_t now = (before & ~mask) | ((uint64_t)value << (offset & 4) * 8 & mask);
    now = (now & ~keep) | (before & keep);
    if (hw.forced != 0) {
        now = (now & ~(7ull << 59 | 3ull << 10)) | hw.forced;
    }
    now &= ~hw.ignored;
    if (reg != &hw.cbaser && hw.fixed_page != 3) {
        now = (now & ~0x300ull) | hw.fixed_page << 8;
    }
    if (reg != &hw.cbaser && hw.no_indirect) {
        now &= ~(1ull << 62);
    }
    *reg = now;
    if (reg == &hw.cbaser) {
        hw.creadr = 0;
    }
}

/* What a device's write raises; 0: nothing. */
static uint32_t raised(uint32_t id, uint64_t data)
{
    const uint32_t *entry = entry_of(id, data);

    return entry != NULL ? *entry : 0;
}

/* ---- the controller's server ---- */

static struct {
    handle_t port[LPIS];
    unsigned dead;
    status_t frame_error, error;
    uint64_t lpis;
} gic;

static status_t call(handle_t port, struct msg *m)
{
    assert_int_equal(port, 15); /* the fake's "parent" */
    if (gic.dead > 0) {
        gic.dead--;
        return E_DEAD;
    }
    if (info_op(m->info) == IRQ_OP_FRAME) {
        m->w[0] = LPI;
        m->w[1] = gic.lpis;
        m->w[2] = REDIST;
        m->w[3] = PROCESSOR;
        return gic.frame_error;
    }
    assert_int_equal(info_op(m->info), IRQ_OP_MESSAGE);
    assert_in_range(m->w[0], LPI, LPI + LPIS - 1);
    if (!gic.error) {
        gic.port[m->w[0] - LPI] = m->w[1] != 0 ? (handle_t)m->w[7] : 0;
    }
    return gic.error;
}

/* ---- the server under test ---- */

static struct its instance;
static void *tree;
static uint32_t bus;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    tree = tree_load("good-virt-gicv3");
    fake.node = (struct node){ tree, tree_node(tree, "/intc@8000000/its@8080000") };
    fake.window_len[0] = 0x20000;
    fake.call = call;
    fake.dma_at = memory;
    fake.dma_bus = MEMORY_AT;
    fake.dma_stride = STRIDE;
    memset(memory, 0xaa, sizeof(memory));
    memset(&gic, 0, sizeof(gic));
    gic.lpis = LPIS;
    memset(&hw, 0, sizeof(hw));
    hw.typer = 1 | (ITT_ENTRY - 1) << 4 | 15 << 8 | 15 << 13;
    hw.fixed_page = 3;
    hw.baser[0] = 1ull << 56 | 7ull << 48;
    hw.baser[1] = 4ull << 56 | 7ull << 48;
    fake_mmio_hooks(model_read, model_write);
    memset(&instance, 0, sizeof(instance));
    bus = (uint32_t)tree_node(tree, "/pcie@10000000");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(tree);
    return 0;
}

/* What main does, on `instance`. */
static status_t start(void)
{
    memset(&instance, 0, sizeof(instance));
    instance.msi.node = fake.node;
    status_t err = its_set_up(&instance);
    return err ? err : its_start(&instance);
}

static struct msg answer;

static status_t ask(uint32_t op, uint64_t w0, uint64_t w1, uint64_t w2, handle_t port)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = bus,
                        .msg = { msg_info(op, port != 0, 0), { w0, w1, w2, [7] = port } } };

    fake_trace_clear();
    status_t err = msi_server_event(&instance.msi, &ev);
    answer = ev.msg;
    return err;
}

static status_t alloc(uint64_t requester, uint64_t count)
{
    return ask(MSI_OP_ALLOC, requester, count, 0, 0);
}

/* ---- start ---- */

static void start_stops_it_gives_empty_tables_and_one_collection(void **state)
{
    static const struct fake_write expected[] = {
        { 0, 0x0, 0 },
        { 0, 0x100, 1ull << 62 }, /* can it have two levels? */
        { 0, 0x100, 1ull << 63 | 1ull << 62 | 1ull << 59 | (MEMORY_AT + 2 * STRIDE) },
        { 0, 0x108, 1ull << 62 },
        { 0, 0x108, 1ull << 63 | 1ull << 59 | (MEMORY_AT + STRIDE) },
        { 0, 0x80, 1ull << 63 | 1ull << 59 | MEMORY_AT },
        { 0, 0x88, 0 },
        { 0, 0x0, 1 },
        { 0, 0x88, 3 * 32 },
    };

    (void)state;
    fake_run(gicv3_its_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(fake.dma_flags, INIT_DMA_KEEP);
    assert_int_equal(hw.target, PROCESSOR << 16);
    assert_true(hw.invalls == 1 && hw.syncs == 1 && hw.commands == 3);
    for (unsigned i = 0; i < 4096; i++) {
        assert_int_equal(memory[STRIDE + i] | memory[2 * STRIDE + i], 0);
    }
    assert_int_equal(fake.log_lines, 0);
}

static void a_redistributor_may_be_called_by_its_address(void **state)
{
    (void)state;
    hw.typer |= 1 << 19; /* PTA */
    assert_int_equal(start(), E_OK);
    assert_int_equal(hw.target, REDIST);
}

static void a_restart_forgets_what_a_predecessor_mapped(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x100, 4), E_OK);
    assert_int_equal(raised(0x100, 0), LPI);
    memset(hw.device, 0, sizeof(hw.device)); /* what the model keeps beside its tables */
    gic.dead = 2;                            /* the controller is restarted, too */
    assert_int_equal(start(), E_OK);
    assert_int_equal(*(uint64_t *)(memory + 2 * STRIDE), 0);
    assert_int_equal(raised(0x100, 0), 0);
    assert_int_equal(alloc(0x100, 4), E_OK);
    assert_int_equal(raised(0x100, 3), LPI + 3);
}

/* ---- vectors ---- */

static void a_devices_writes_raise_its_lpis(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x08, 3), E_OK);
    assert_int_equal(answer.w[0], 0x8090040); /* GITS_TRANSLATER */
    assert_int_equal(answer.w[1], 0);
    assert_int_equal(answer.w[2], LPI);
    assert_int_equal(raised(0x08, 2), LPI + 2);
    assert_int_equal(raised(0x08, 3), 0);
    assert_int_equal(raised(0x09, 0), 0);
    assert_int_equal(ask(MSI_OP_ATTACH, 0x08, 1, 4, PORT), E_OK);
    assert_int_equal(gic.port[1], PORT);
    assert_int_equal(hw.invs, 1); /* after the controller changed the property */
    int told = fake_find(FAKE_BARRIER, 1, 0, 0);
    assert_true(told >= 0 && fake_find(FAKE_WRITE64, 0, 0x88, 0) > told);
    assert_int_equal(ask(MSI_OP_FREE, 0x08, 0, 0, 0), E_OK);
    assert_int_equal(gic.port[1], 0);
    assert_int_equal(raised(0x08, 1), 0);
    assert_int_equal(fake.log_lines, 0);
}

static void every_slot_has_its_own_place(void **state)
{
    uint32_t devices = 0, slots = 0;

    (void)state;
    assert_int_equal(start(), E_OK);
    for (uint32_t count = 1; alloc(devices * 8, count) == E_OK; count = count % 9 + 1) {
        slots += count;
        devices++;
    }
    assert_true(slots > SLOTS * 2 / 3);
    for (uint32_t i = 0, count = 1; i < devices; i++, count = count % 9 + 1) {
        uint32_t first = raised(i * 8, 0);
        assert_true(first >= LPI);
        for (uint32_t n = 0; n < count; n++) {
            assert_int_equal(raised(i * 8, n), first + n); /* nobody wrote over it */
        }
    }
    for (uint32_t round = 0; round < 1000; round++) { /* the queue comes round */
        assert_int_equal(alloc(round % devices * 8, 1), E_OK);
        assert_true(raised(round % devices * 8, 0) >= LPI);
    }
    assert_int_equal(fake.log_lines, 0);
}

static void functions_with_one_name_have_events_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(ask(MSI_OP_ALLOC, 0x208, 4, 0x200, 0), E_OK);
    uint64_t first = answer.w[1], first_lpi = answer.w[2];
    assert_int_equal(ask(MSI_OP_ALLOC, 0x210, 2, 0x200, 0), E_OK);
    uint64_t second = answer.w[1], second_lpi = answer.w[2];
    assert_true(second >= first + 4 || first >= second + 2);
    assert_int_equal(raised(0x200, first + 3), first_lpi + 3);
    assert_int_equal(raised(0x200, second + 1), second_lpi + 1);
    assert_int_equal(ask(MSI_OP_ATTACH, 0x210, 1, 1, PORT), E_OK);
    assert_int_equal(ask(MSI_OP_FREE, 0x208, 0, 0, 0), E_OK);
    assert_int_equal(raised(0x200, first), 0);
    assert_int_equal(raised(0x200, second + 1), second_lpi + 1); /* the other's stay */
    assert_int_equal(ask(MSI_OP_FREE, 0x210, 0, 0, 0), E_OK);
    assert_false(hw.device[device_index(0x200)].is_valid);
    for (uint32_t i = 0; i < SHARED_MAX; i++) {
        assert_int_equal(ask(MSI_OP_ALLOC, 0x301 + i * 0x100, 1, 0x300 + i * 0x100, 0), E_OK);
    }
    assert_int_equal(ask(MSI_OP_ALLOC, 0x208, 1, 0x200, 0), E_FULL);
    assert_int_equal(ask(MSI_OP_ALLOC, 0x302, 1, 0x300, 0), E_OK);
    assert_int_equal(fake.log_lines, 0);
}

static void two_functions_with_one_name_must_say_so(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x200, 1), E_OK);
    assert_int_equal(ask(MSI_OP_ALLOC, 0x208, 1, 0x200, 0), E_BUSY);
    assert_int_equal(raised(0x200, 0), LPI);
    assert_int_equal(ask(MSI_OP_FREE, 0x200, 0, 0, 0), E_OK);
    assert_int_equal(ask(MSI_OP_ALLOC, 0x208, 1, 0x200, 0), E_OK);
    assert_int_equal(alloc(0x200, 1), E_BUSY);
}

static void events_have_as_many_bits_as_it_can(void **state)
{
    (void)state;
    hw.typer = (hw.typer & ~0x1f00u) | 3 << 8; /* four */
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x08, 16), E_OK);
    assert_int_equal(alloc(0x10, 17), E_FULL);
    assert_int_equal(ask(MSI_OP_ALLOC, 0x208, 1, 0x200, 0), E_FULL);
}

/* ---- tables ---- */

static void two_levels_grow_with_the_devices(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x0000, 1), E_OK);
    assert_int_equal(instance.devices.page_count, 1);
    assert_int_equal(alloc(0x01ff, 1), E_OK); /* the same page: 512 devices of 8 bytes */
    assert_int_equal(instance.devices.page_count, 1);
    assert_int_equal(alloc(0xffff, 1), E_OK);
    assert_int_equal(instance.devices.page_count, 2);
    fake.dma_error = E_BUDGET;
    assert_int_equal(alloc(0x8000, 1), E_BUDGET);
    assert_int_equal(alloc(0x0001, 1), E_OK);
    fake.dma_error = E_OK;
    assert_int_equal(alloc(0x8000, 1), E_OK);
    assert_int_equal(raised(0xffff, 0), raised(0x01ff, 0) + 1);
    fake.dma_error = E_NOMEM;
    assert_int_equal(ask(MSI_OP_ALLOC, 1, 1, 2, 0), E_NOMEM); /* no table for one that shares */
}

static void one_level_is_cut_where_it_would_be_long(void **state)
{
    (void)state;
    hw.no_indirect = true;
    fake.dma_stride = 2 * STRIDE;
    assert_int_equal(start(), E_OK);
    assert_int_equal(hw.baser[0] & 0xff, TABLE_MAX / 4096 - 1);
    assert_int_equal(alloc(TABLE_MAX / 8 - 1, 1), E_OK);
    assert_int_equal(alloc(TABLE_MAX / 8, 1), E_RANGE);
    assert_int_equal(instance.devices.page_count, 0);
    hw.typer = (hw.typer & ~0x3e000u) | 7 << 13; /* 256 devices: half a page */
    hw.no_indirect = false;
    assert_int_equal(start(), E_OK);
    assert_int_equal(hw.baser[0] >> 62 & 1, 0);
    assert_int_equal(alloc(255, 1), E_OK);
    assert_int_equal(alloc(256, 1), E_RANGE);
}

static void pages_are_as_long_as_it_wants(void **state)
{
    static const struct {
        uint32_t fixed, page_len;
    } pages[] = { { 1, 0x4000 }, { 2, 0x10000 } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        hw.fixed_page = pages[i].fixed;
        memset(hw.device, 0, sizeof(hw.device));
        assert_int_equal(start(), E_OK);
        assert_int_equal(instance.devices.page_len, pages[i].page_len);
        assert_int_equal(alloc(0xffff, 2), E_OK);
        assert_true(raised(0xffff, 1) >= LPI);
    }
    fake.dma_bus += 0x1000; /* not where such a page may begin */
    assert_int_equal(start(), E_NOMEM);
}

static void what_is_wider_than_any_table_is_cut_too(void **state)
{
    (void)state;
    hw.typer |= 31 << 13; /* DeviceIDs of 32 bits */
    fake.dma_stride = 2 * STRIDE;
    assert_int_equal(start(), E_OK);
    assert_int_equal(instance.devices.count, TABLE_MAX / 8 * 512);
    assert_int_equal(alloc(0xffff, 1), E_OK);
}

static void tables_of_other_kinds_are_left_out(void **state)
{
    (void)state;
    hw.baser[2] = 1ull << 63 | 2ull << 56 | MEMORY_AT; /* virtual processors, as firmware left it */
    hw.baser[3] = 4ull << 56 | 7ull << 48;
    hw.baser[1] = 0;
    assert_int_equal(start(), E_OK);
    assert_int_equal(hw.baser[2] >> 63, 0);
    assert_int_equal(hw.baser[3] >> 63, 1);
}

/* ---- an ITS that does not do as it should ---- */

static void a_command_that_stalls_is_named_and_the_queue_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(0x08, 1), E_OK);
    hw.stalls = 2; /* MAPD is done, MAPTI is not */
    assert_int_equal(alloc(0x10, 1), E_IO);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.log, "it stalls at command 100000000a 200100000000 0"));
    assert_int_equal(hw.creadr, 0);
    assert_int_equal(hw.ctlr, 1);
    assert_int_equal(alloc(0x10, 1), E_OK);
    assert_int_equal(raised(0x10, 0), LPI + 1);
    assert_int_equal(raised(0x08, 0), LPI);
    hw.stalls = 1;
    assert_int_equal(ask(MSI_OP_FREE, 0x10, 0, 0, 0), E_OK); /* said */
    assert_int_equal(fake.log_lines, 2);
    hw.stalls = 1;
    assert_int_equal(ask(MSI_OP_ATTACH, 0x08, 0, 1, PORT), E_OK);
    assert_int_equal(fake.log_lines, 3);
}

static void one_that_hangs_holds_nobody(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    hw.hangs = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(alloc(0x08, 1), E_IO);
    }
    assert_non_null(strstr(fake.log, "it hangs at command 800000008"));
    hw.never_rests = true;
    assert_int_equal(alloc(0x08, 1), E_IO);
    assert_non_null(strstr(fake.log, "it does not come to rest"));
    hw.hangs = hw.never_rests = false;
    assert_int_equal(alloc(0x08, 1), E_IO); /* it was left stopped; this one sets it going */
    assert_int_equal(alloc(0x08, 1), E_OK);
    assert_int_equal(raised(0x08, 0), LPI);
}

static void check_refused(status_t err, const char *why)
{
    unsigned lines = fake.log_lines;

    fake_trace_clear();
    fake_run(gicv3_its_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, err);
    assert_true(why == NULL || (fake.log_lines > lines && strstr(fake.log, why) != NULL));
}

static void what_it_cannot_do_without_is_said(void **state)
{
    struct model good = hw;

    (void)state;
    fake.mmio_error = E_NOTFOUND;
    check_refused(E_NOTFOUND, NULL);
    fake.mmio_error = E_OK;
    fake.no_handle = "parent";
    check_refused(E_NOTFOUND, "no handle");
    fake.no_handle = NULL;
    gic.frame_error = E_NOSYS;
    check_refused(E_NOSYS, "no LPIs to give");
    gic.frame_error = E_OK;
    gic.dead = 99;
    check_refused(E_DEAD, "no LPIs to give");
    gic.dead = 0;
    hw.typer &= ~1u;
    check_refused(E_NOSYS, "virtual LPIs only");
    hw = good;
    hw.never_rests = true;
    check_refused(E_IO, "does not come to rest");
    hw = good;
    hw.baser[0] = 0;
    check_refused(E_NOSYS, "no table of devices");
    hw = good;
    hw.ignored = 1ull << 27;
    check_refused(E_IO, "does not take the address of table 0");
    hw = good;
    hw.hangs = true;
    check_refused(E_IO, "it hangs at command");
    hw = good;
    fake.dma_error = E_NOMEM;
    check_refused(E_NOMEM, NULL);
    fake.dma_error = E_OK;
    int its = fake.node.offset;
    fake.node.offset = tree_node(tree, "/cpus/cpu@0"); /* its reg is no address */
    check_refused(E_NOSYS, NULL);
    fake.node.offset = its;
    gic.lpis = 3;
    assert_int_equal(start(), E_OK);
    assert_int_equal(alloc(8, 3), E_OK);
    assert_int_equal(alloc(16, 1), E_FULL);
}

static void a_queue_that_is_not_taken_is_said(void **state)
{
    (void)state;
    assert_int_equal(start(), E_OK);
    hw.ignored = 1ull << 63;
    instance.base.bus = MEMORY_AT;
    assert_int_equal(its_stop(&instance), E_OK);
    assert_int_equal(its_go(&instance), E_IO);
    assert_non_null(strstr(fake.log, "the queue's address"));
}

static void one_that_insists_on_caching_is_said(void **state)
{
    (void)state;
    hw.forced = 7ull << 59 | 1 << 10;
    assert_int_equal(start(), E_OK);
    assert_int_equal(fake.log_lines, 3); /* two tables and the queue */
    assert_non_null(strstr(fake.log, "it caches what it shares"));
    assert_int_equal(alloc(8, 1), E_OK);
}

/* The driver's names against the manual's numbers, typed a second time. */
static void registers_are_those_of_the_manual(void **state)
{
    static const uint64_t numbers[][2] = {
        { GITS_CTLR, 0 },
        { GITS_TYPER, 8 },
        { GITS_CBASER, 0x80 },
        { GITS_CWRITER, 0x88 },
        { GITS_CREADR, 0x90 },
        { GITS_BASER, 0x100 },
        { ITS_SYNC, 5 },
        { ITS_MAPD, 8 },
        { ITS_MAPC, 9 },
        { ITS_MAPTI, 10 },
        { ITS_INV, 12 },
        { ITS_INVALL, 13 },
        { ITS_DISCARD, 15 },
        { GITS_TRANSLATER, 0x10040 },
        { GITS_CTLR_QUIESCENT, 1ull << 31 },
        { GITS_TYPER_PTA, 1 << 19 },
        { GITS_TYPER_ID_BITS, 0x1f << 8 },
        { GITS_SHAREABILITY, 3 << 10 },
        { ITS_COMMAND_VALID, 1ull << 63 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(numbers[i][0], numbers[i][1]);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(start_stops_it_gives_empty_tables_and_one_collection),
        T(a_redistributor_may_be_called_by_its_address),
        T(a_restart_forgets_what_a_predecessor_mapped),
        T(a_devices_writes_raise_its_lpis),
        T(every_slot_has_its_own_place),
        T(functions_with_one_name_have_events_of_their_own),
        T(two_functions_with_one_name_must_say_so),
        T(events_have_as_many_bits_as_it_can),
        T(two_levels_grow_with_the_devices),
        T(one_level_is_cut_where_it_would_be_long),
        T(pages_are_as_long_as_it_wants),
        T(what_is_wider_than_any_table_is_cut_too),
        T(tables_of_other_kinds_are_left_out),
        T(a_command_that_stalls_is_named_and_the_queue_begins_anew),
        T(one_that_hangs_holds_nobody),
        T(what_it_cannot_do_without_is_said),
        T(a_queue_that_is_not_taken_is_said),
        T(one_that_insists_on_caching_is_said),
        T(registers_are_those_of_the_manual),
    };
    return TREE_RUN(tests);
}

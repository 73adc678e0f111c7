/* SPDX-License-Identifier: BSD-2-Clause
 * EL0 cannot read, write or execute anything of the kernel's, nor a device's page that it holds no window of, nor write
 * its code or execute its data: every try is the fault that it should be, at its address, and nothing else happens.
 */
#include "ktest.h"

#define PROBE(name) _Noreturn void access_##name(uint64_t address)
PROBE(read);
PROBE(read_byte);
PROBE(read_pair);
PROBE(read_exclusive);
PROBE(read_unprivileged);
PROBE(write);
PROBE(write_byte);
PROBE(write_pair);
PROBE(write_unprivileged);
PROBE(zero);
PROBE(execute);

/* The kernel's address space (kernel/README.md, section 2), for a tree without seeds, and QEMU's virt. */
#define LINEAR_VA  0xffffff8000000000ull
#define IMAGE_VA   0xffffffff80000000ull
#define WINDOWS_VA (IMAGE_VA + 0x1000000)
#define RAM_PA     0x40000000ull
#define IMAGE_PA   0x40200000ull
#define UART_PA    0x09000000ull
#define CLOCK_PA   0x09010000ull
#define DEVICE_VA  0x60010000ull
enum { CLOCK_ID = 0xfe0, WINDOW_PAGES = 512, IMAGE_LEN = 0x200000 };

enum { READS = 5, WRITES = 10, PROBES = 11 };
static void (*const probes[PROBES])(uint64_t) = { access_read,
                                                  access_read_byte,
                                                  access_read_pair,
                                                  access_read_exclusive,
                                                  access_read_unprivileged,
                                                  access_write,
                                                  access_write_byte,
                                                  access_write_pair,
                                                  access_write_unprivileged,
                                                  access_zero,
                                                  access_execute };

static struct child prober;

/* A thread of the child makes the access; what it stopped with must be right. */
static void probe(unsigned kind, uint64_t address, int want)
{
    struct msg m = { 0 }, answer = { .info = msg_info((uint32_t)E_DEAD, 0, 0) };
    handle_t thread = 0;

    EXPECT(sys_thread_create(prober.process, (uint64_t)probes[kind], 0, address,
                             PRIORITY_RUNNER + 1, 0, &thread),
           E_OK);
    int cause = child_fault(&prober, &m);
    bool right = cause == want && (want == FAULT_INSTRUCTION || m.w[1] == address) &&
                 (want != FAULT_EXECUTE || m.w[2] == address);
    if (!CHECK(right)) {
        say("# access %u at %llx: fault %d at %llx, ESR %llx", kind, (unsigned long long)address,
            cause, (unsigned long long)m.w[1], (unsigned long long)m.w[3]);
    }
    EXPECT(sys_reply(0, &answer), E_OK);
    close_handle(thread);
}

static void probe_all(uint64_t address, int read, int write, int execute)
{
    for (unsigned i = 0; i < PROBES; i++) {
        probe(i, address, i < READS ? read : i < WRITES ? write : execute);
    }
}

static void nothing_of_the_kernel_can_be_reached(void)
{
    static const uint64_t addresses[] = {
        LINEAR_VA,
        LINEAR_VA + RAM_PA,
        LINEAR_VA + IMAGE_PA,             /* left out of the linear map */
        LINEAR_VA + IMAGE_PA + 0x1000000, /* RAM that is somebody's */
        WINDOWS_VA,
        IMAGE_VA,
        IMAGE_VA + 0x1000,
        IMAGE_VA + IMAGE_LEN,
        0xfffffffffffff000ull,
        1ull << 39, /* the first of nobody's */
        1ull << 47,
        0x0000ff8000000000ull,
        0x0100000000000000ull, /* no tag is ignored */
    };

    child_new(&prober, 0, 0);
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        probe_all(addresses[i], FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    }
    child_end(&prober);
}

/* Text, rodata, data, .bss, stack: wherever they are; and each window, one of which shows a device just now. */
static void no_page_of_the_image_or_the_windows_can_be_reached(void)
{
    struct device_window w = { CLOCK_PA, PAGE_SIZE };
    handle_t d = 0;
    uint64_t value = 0;

    EXPECT(sys_device_derive(world.root, 0, 1, &w, &d), E_OK);
    child_new(&prober, 0, 0);
    for (uint64_t at = 0; at < IMAGE_LEN; at += PAGE_SIZE) {
        probe(0, IMAGE_VA + at, FAULT_READ);
        probe(WRITES - 1, IMAGE_VA + at, FAULT_WRITE);
        probe(PROBES - 1, IMAGE_VA + at, FAULT_EXECUTE);
    }
    EXPECT(sys_device_access(d, 0, 4, CLOCK_ID, &value), E_OK);
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        probe(0, WINDOWS_VA + i * PAGE_SIZE + CLOCK_ID, FAULT_READ);
        probe(READS, WINDOWS_VA + i * PAGE_SIZE + 8, FAULT_WRITE);
    }
    child_end(&prober);
    close_handle(d);
}

static void a_device_is_reached_through_its_window_only(void)
{
    struct device_window w = { CLOCK_PA, PAGE_SIZE };
    handle_t d = 0;

    child_new(&prober, 0, 0);
    probe_all(UART_PA, FAULT_READ, FAULT_WRITE,
              FAULT_EXECUTE); /* no address is its own translation */
    probe_all(CLOCK_PA, FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    EXPECT(sys_device_derive(world.root, 0, 1, &w, &d), E_OK);
    probe(0, DEVICE_VA, FAULT_READ);
    EXPECT(sys_map(prober.process, d, 0, 0, PAGE_SIZE, DEVICE_VA, MAP_READ), E_OK);
    probe(0, DEVICE_VA, FAULT_INSTRUCTION); /* now it can: the counterpart of all these */
    probe(READS, DEVICE_VA + 8, FAULT_WRITE);
    probe(PROBES - 1, DEVICE_VA, FAULT_EXECUTE);
    probe_all(DEVICE_VA - 8, FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    probe_all(DEVICE_VA + PAGE_SIZE, FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    EXPECT(sys_device_revoke(d), E_OK);
    probe_all(DEVICE_VA, FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    EXPECT(sys_map(prober.process, d, 0, 0, PAGE_SIZE, DEVICE_VA, MAP_READ | MAP_WRITE), E_OK);
    probe(READS, DEVICE_VA + 8, FAULT_INSTRUCTION);
    close_handle(d); /* the last handle takes the window away */
    probe_all(DEVICE_VA, FAULT_READ, FAULT_WRITE, FAULT_EXECUTE);
    child_end(&prober);
}

static void code_cannot_be_written_nor_data_executed(void)
{
    static const uint64_t constant = 1; /* without a relocation: those are written at the start */
    uint64_t code = (uint64_t)probes[0];

    child_new(&prober, 0, 0);
    probe(0, code & ~7ull, FAULT_INSTRUCTION); /* it may be read */
    for (unsigned i = READS; i < WRITES; i++) {
        probe(i, code & ~15ull, FAULT_WRITE);
    }
    probe(PROBES - 1, (uint64_t)prober.shared, FAULT_EXECUTE);
    probe(PROBES - 1, (uint64_t)&prober & ~3ull, FAULT_EXECUTE); /* its .bss */
    probe(READS, (uint64_t)&constant, FAULT_WRITE);
    probe(PROBES - 1, (uint64_t)&constant, FAULT_EXECUTE);
    child_end(&prober);
}

const struct ktest access_tests[] = {
    { "nothing of the kernel can be reached", nothing_of_the_kernel_can_be_reached },
    { "no page of the image or the windows can be reached",
      no_page_of_the_image_or_the_windows_can_be_reached },
    { "a device is reached through its window only", a_device_is_reached_through_its_window_only },
    { "code cannot be written nor data executed", code_cannot_be_written_nor_data_executed },
    { NULL, NULL },
};

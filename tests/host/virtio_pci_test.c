/* SPDX-License-Identifier: BSD-2-Clause
 * libsys's virtio over PCI: what the function and its device are told and in which order, vectors and the line without them, and
 * every way in which capabilities may lie. Buffers and the queue are the same over each transport: virtio_test.c.
 */
#include <cambium/virtio.h>
#include "fake_virtio_pci.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { DATA = FAKE_VIRTIO_LEN - 4096, SIZE = 8, BAR = FAKE_VIRTIO_BAR };

static struct virtio v;
static struct virtqueue q;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_virtio_pci_reset();
    memset(&v, 0, sizeof(v));
    memset(&q, 0, sizeof(q));
    return 0;
}

static status_t opened(void)
{
    fake_pci.bars_mapped = 0;
    return virtio_open(fake.node, VIRTIO_ID_ENTROPY, &v);
}

static status_t started(void)
{
    status_t err = opened();

    err = err ? err : virtqueue_open(&q, &v, fake.node, 0, SIZE);
    err = err ? err : virtio_irq(&v, fake.node);
    err = err ? err : virtio_begin(&v, 0);
    err = err ? err : virtqueue_start(&q);
    return err ? err : virtio_ready(&v);
}

/* A buffer goes out and comes back. */
static void check_exchange(void)
{
    struct virtqueue_piece piece = { FAKE_VIRTIO_BUS + DATA, 32, true };
    struct fake_virtio_buffer b;
    uint32_t len = 0;
    void *token = NULL;

    assert_int_equal(virtqueue_put(&q, &piece, 1, &piece), E_OK);
    virtqueue_kick(&q);
    assert_true(fake_virtio_take(&b));
    fake_virtio_use(b.head, 32);
    assert_int_equal(virtqueue_take(&q, &token, &len), E_OK);
    assert_true(token == &piece && len == 32);
}

/* ---- the order of things ---- */

static void a_device_is_told_what_the_standard_says_in_its_order(void **state)
{
    const uint32_t low = (uint32_t)FAKE_VIRTIO_BUS, high = FAKE_VIRTIO_BUS >> 32;
    const struct fake_write expected[] = {
        { BAR, 0x14, 0 },    { BAR, 0x10, 0 },          { BAR, 0x14, 1 },
        { BAR, 0x14, 3 },    { BAR, 0x00, 0 },          { BAR, 0x00, 1 },
        { BAR, 0x08, 0 },    { BAR, 0x0c, 0 },          { BAR, 0x08, 1 },
        { BAR, 0x0c, 1 },    { BAR, 0x14, 11 },         { BAR, 0x16, 0 },
        { BAR, 0x16, 0 },    { BAR, 0x18, SIZE },       { BAR, 0x1a, 1 },
        { BAR, 0x20, low },  { BAR, 0x24, high },       { BAR, 0x28, low + 16 * 8 },
        { BAR, 0x2c, high }, { BAR, 0x30, low + 4096 }, { BAR, 0x34, high },
        { BAR, 0x1c, 1 },    { BAR, 0x14, 15 },
    };

    (void)state;
    assert_int_equal(started(), E_OK);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(v.features, VIRTIO_F_VERSION_1);
    assert_int_equal(fake.dma_limit, 0);
    assert_int_equal(fake.irqs_attached, 2);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);
    check_exchange();
    assert_int_equal(fake_virtio.notified, 1);
    assert_int_equal(fake_count(FAKE_WRITE16, BAR, 0x3000 + 3 * 4), 1);
}

static void the_device_reaches_memory_again_only_after_its_reset(void **state)
{
    (void)state;
    fake_virtio.status = 15; /* it runs, for a dead driver */
    assert_int_equal(opened(), E_OK);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY);
    fake_expect_writes(NULL, 0);
    assert_int_equal(started(), E_OK);
    int reset = fake_find(FAKE_WRITE8, BAR, 0x14, 0);
    int master = fake_find(FAKE_PCI, PCI_OP_ENABLE, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER, 0);
    assert_true(reset >= 0 && master > reset && fake_trace[reset].c == 0);
}

static void an_id_says_which_device_it_is_whether_transitional_or_not(void **state)
{
    (void)state;
    fake_pci_config(2, 2, 0x1042);
    assert_int_equal(opened(), E_NOTFOUND);
    assert_non_null(strstr(fake.log, "device 2 where 4 was"));
    fake_pci_config(2, 2, 0x1005);
    fake_pci_config(0x2e, 2, 4);
    assert_int_equal(opened(), E_OK);
    assert_false(v.is_legacy);
    fake_pci_config(0x2e, 2, 1);
    assert_int_equal(opened(), E_NOTFOUND);
    assert_non_null(strstr(fake.log, "device 1 where 4 was"));
    fake_pci_config(0, 2, 0x8086);
    assert_int_equal(opened(), E_FORMAT);
    assert_non_null(strstr(fake.log, "vendor 8086"));
}

static void configuration_is_read_where_its_structure_is(void **state)
{
    uint32_t word = 0;

    (void)state;
    memcpy(fake_virtio.config, "\x11\x22\x33\x44\x55", 5);
    assert_int_equal(started(), E_OK);
    assert_int_equal(virtio_config(&v, 1, &word, 4), E_OK);
    assert_int_equal(word, 0x55443322);
    assert_int_equal(virtio_config(&v, 0xffd, &word, 4), E_RANGE);
    fake_virtio.never_settles = true;
    assert_int_equal(virtio_config(&v, 0, &word, 4), E_AGAIN);
}

static void a_device_without_configuration_has_none_to_read(void **state)
{
    uint8_t byte;

    (void)state;
    fake_pci_config(FAKE_CAP_DEVICE + 3, 1, 5);
    assert_int_equal(started(), E_OK);
    assert_int_equal(virtio_config(&v, 0, &byte, 1), E_RANGE);
    check_exchange();
}

/* ---- interrupts ---- */

static void with_vectors_the_vector_is_the_cause_and_no_register_is_read(void **state)
{
    uint32_t causes = 0;

    (void)state;
    assert_int_equal(started(), E_OK);
    assert_int_equal(fake_virtio_pci.config_vector, 0);
    assert_int_equal(fake_virtio_pci.queue_vector, 1);
    fake_trace_clear();
    assert_int_equal(virtio_interrupt(&v, 1, &causes), E_OK);
    assert_int_equal(causes, VIRTIO_CAUSE_QUEUE);
    assert_int_equal(fake_trace_len, 1); /* the barrier */
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(causes, VIRTIO_CAUSE_CONFIG);
    fake_virtio.status |= 64;
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_IO);
    assert_non_null(strstr(fake.log, "it has failed"));
}

static void one_vector_may_mean_anything(void **state)
{
    uint32_t causes = 0;

    (void)state;
    fake_pci.vectors_max = fake_virtio_pci.vectors_max = 1;
    assert_int_equal(started(), E_OK);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake_virtio_pci.config_vector, 0);
    assert_int_equal(fake_virtio_pci.queue_vector, 0);
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(causes, VIRTIO_CAUSE_QUEUE | VIRTIO_CAUSE_CONFIG);
    fake_virtio.status |= 64;
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_IO);
}

static void check_isr(unsigned mode)
{
    uint32_t causes = 0;

    fake_pci.mode = mode;
    assert_int_equal(started(), E_OK);
    assert_int_equal(fake_virtio_pci.config_vector, 0xffff); /* not told */
    check_exchange();
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(causes, VIRTIO_CAUSE_QUEUE);
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_OK);
    assert_int_equal(causes,
                     0); /* it was acknowledged by that; this one is another's, or spurious */
}

static void on_a_line_the_isr_status_tells_and_reading_it_acknowledges(void **state)
{
    (void)state;
    fake_pci.vectors_max = 1;
    check_isr(PCI_IRQ_INTX);
    assert_int_equal(fake.irqs_attached, 1);
}

static void messages_without_msix_are_as_a_line(void **state)
{
    (void)state;
    check_isr(PCI_IRQ_MSI);
}

static void a_vector_that_the_device_refuses_is_found_out(void **state)
{
    (void)state;
    fake_virtio_pci.vectors_max = 1;
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "no vector for queue 0; the device is reset"));
    fake_virtio_pci.vectors_max = 0;
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "no vector for changes of its configuration"));
    assert_int_equal(fake_virtio.status, 0);
}

static void no_interrupt_at_all_is_an_error_before_the_device_is_touched(void **state)
{
    (void)state;
    fake_pci.vectors_error = E_NOTFOUND;
    assert_int_equal(started(), E_NOTFOUND);
    fake_pci.vectors_error = E_OK;
    fake.irq_error = E_BUSY;
    assert_int_equal(started(), E_BUSY);
    fake_expect_writes(NULL, 0);
}

/* ---- what the bus refuses ---- */

static void a_bus_that_refuses_is_told_with_its_reason(void **state)
{
    (void)state;
    assert_int_equal(opened(), E_OK);
    fake_pci.enable_error = E_IO;
    assert_int_equal(virtio_begin(&v, 0), E_IO);
    assert_non_null(strstr(fake.log, "master it (E_IO)"));
    assert_int_equal(opened(), E_IO);
    fake_pci.enable_error = E_OK;
    fake_pci.bar_error = E_BUDGET;
    assert_int_equal(opened(), E_BUDGET);
    assert_non_null(strstr(fake.log, "structures in BAR 4, up to 0x4000: "));
    fake_pci.read_error = E_DEAD;
    assert_int_equal(opened(), E_DEAD);
}

static void a_function_that_was_unplugged_is_given_up(void **state)
{
    uint32_t causes;

    (void)state;
    fake_pci.mode = PCI_IRQ_INTX;
    assert_int_equal(started(), E_OK);
    fake_virtio_pci.is_gone = true;
    assert_int_equal(virtio_interrupt(&v, 0, &causes), E_IO);
    assert_non_null(strstr(fake.log, "told to reset, and does not"));
    assert_int_equal(virtio_begin(&v, 0), E_IO);
}

static void registers_are_reached_where_the_bar_shares_its_page(void **state)
{
    (void)state;
    fake.shared_page = true;
    assert_int_equal(started(), E_OK);
    assert_int_equal(v.pci.areas[VIRTIO_PCI_NOTIFY].bar.base, 0);
    check_exchange();
}

/* ---- capabilities that lie: said, and neither device nor bus is touched ---- */

static void check_refused(const char *why)
{
    memset(fake.log, 0, sizeof(fake.log));
    assert_int_equal(opened(), E_FORMAT);
    if (strstr(fake.log, why) == NULL) {
        fail_msg("log: %s", fake.log);
    }
    fake_expect_writes(NULL, 0);
    assert_int_equal(fake_pci.enabled, 0);
    assert_null(v.transport);
}

static void a_device_with_the_legacy_interface_alone_is_refused_with_the_remedy(void **state)
{
    (void)state;
    fake_pci_config(2, 2, 0x1005);
    fake_pci_config(0x34, 1, 0);
    check_refused("only the legacy interface");
    assert_non_null(strstr(fake.log, "disable-modern=off"));
    fake_pci_config(0x06, 1, 0);
    check_refused("only the legacy interface");
    fake_pci_config(2, 2, 0x1044);
    check_refused("no capability says where the common configuration is");
}

static void a_structure_that_is_missing_is_named(void **state)
{
    (void)state;
    fake_pci_config(FAKE_CAP_NOTIFY, 1, 0x11);
    check_refused("no capability says where the notification is");
    (void)setup(NULL);
    fake_pci_config(FAKE_CAP_ISR, 1, 0x05);
    check_refused("no capability says where the ISR status is");
    (void)setup(NULL);
    fake_pci_config(FAKE_CAP_COMMON + 4, 1, 6); /* a BAR of the future */
    check_refused("no capability says where the common configuration is");
    (void)setup(NULL);
    fake_pci_config(0x10 + 4 * BAR, 4, 1); /* in I/O space */
    check_refused("no capability says where the common configuration is");
}

static void a_list_that_goes_round_is_left(void **state)
{
    (void)state;
    fake_pci_config(FAKE_CAP_COMMON + 1, 1, FAKE_CAP_NOTIFY);
    check_refused("goes round in a loop");
    fake_pci_config(FAKE_CAP_NOTIFY + 1, 1, FAKE_CAP_NOTIFY);
    check_refused("goes round in a loop");
}

static void lengths_and_places_that_cannot_be_are_refused(void **state)
{
    static const struct {
        unsigned at, len;
        uint32_t value;
        const char *why;
    } lies[] = {
        { FAKE_CAP_COMMON + 2, 1, 15, "capability at 0x50: 15 bytes long" },
        { FAKE_CAP_COMMON + 2, 1, 0, "capability at 0x50: 0 bytes long" },
        { FAKE_CAP_COMMON + 2, 1, 0xff, "capability at 0x50: 255 bytes long" },
        { FAKE_CAP_NOTIFY + 2, 1, 19, "capability at 0x84: 19 bytes long" },
        { FAKE_CAP_COMMON + 12, 4, 0x37, "common configuration: 0x37 bytes at 0x0 of BAR 4" },
        { FAKE_CAP_COMMON + 12, 4, 0, "common configuration: 0x0 bytes" },
        { FAKE_CAP_COMMON + 8, 4, 2, "common configuration: 0x1000 bytes at 0x2" },
        { FAKE_CAP_NOTIFY + 8, 4, 0x3001, "notification: 0x1000 bytes at 0x3001" },
        { FAKE_CAP_NOTIFY + 12, 4, 1, "notification: 0x1 bytes" },
        { FAKE_CAP_NOTIFY + 16, 4, 1, "multiplier 1," },
        { FAKE_CAP_NOTIFY + 16, 4, 6, "multiplier 6," },
        { FAKE_CAP_ISR + 12, 4, 0, "ISR status: 0x0 bytes" },
        { FAKE_CAP_ISR + 8, 4, 0xfffff000, "ISR status: 0x1000 bytes at 0xfffff000" },
        { FAKE_CAP_DEVICE + 12, 4, 0, "device configuration: 0x0 bytes" },
        { FAKE_CAP_DEVICE + 8, 4, 0x2002, "device configuration: 0x1000 bytes at 0x2002" },
        { FAKE_CAP_DEVICE + 12, 4, 0xffffffff, "device configuration: 0xffffffff bytes" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        (void)setup(NULL);
        fake_pci_config(lies[i].at, lies[i].len, lies[i].value);
        check_refused(lies[i].why);
    }
}

static void a_structure_beyond_its_bar_is_refused(void **state)
{
    (void)state;
    fake_pci_config(FAKE_CAP_NOTIFY + 8, 4, 0x3004);
    assert_int_equal(opened(), E_RANGE);
    assert_non_null(strstr(fake.log, "structures in BAR 4, up to 0x4004: "));
    (void)setup(NULL);
    fake_pci_config(FAKE_CAP_ISR + 4, 1, 2); /* a BAR that is not there */
    assert_int_equal(opened(), E_NOTFOUND);
    assert_non_null(strstr(fake.log, "structures in BAR 2, up to 0x2000: "));
    fake_expect_writes(NULL, 0);
    assert_int_equal(fake_pci.enabled, 0);
}

static void of_several_structures_of_a_kind_the_first_that_can_be_used_counts(void **state)
{
    static const uint8_t future[14] = { 16, 1, 7 }, second[14] = { 16, 1, BAR, [6] = 0, 0x20 };

    (void)state;
    fake_pci_capability(0xa0, 0x09, future, 16); /* in front: no BAR that there is */
    fake_pci_config(FAKE_CAP_CONFIG, 4, 0);
    memcpy(&fake_pci.config[0xb0 + 2], second, sizeof(second)); /* at the end */
    fake_pci_config(0xb0, 2, 0x09);
    fake_pci_config(FAKE_CAP_COMMON + 1, 1, 0xb0);
    assert_int_equal(started(), E_OK);
    assert_int_equal(v.pci.areas[VIRTIO_PCI_COMMON].at, 0);
}

/* ---- and a device that lies later ---- */

static void a_queue_that_is_notified_outside_of_its_structure_is_found_out(void **state)
{
    (void)state;
    fake_virtio_pci.notify_off = 0xfff / 4;
    assert_int_equal(started(), E_OK);
    check_exchange();
    fake_virtio_pci.notify_off = 0x1000 / 4;
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "queue 0 is notified at 0x1000, and there are 0x1000 bytes"));
    fake_virtio_pci.notify_off = 0xffff;
    fake_pci_config(FAKE_CAP_NOTIFY + 16, 4, 0x80000000);
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "queue 0 is notified at 0x7fff80000000, and"));
    fake_pci_config(FAKE_CAP_NOTIFY + 16, 4, 0);
    assert_int_equal(started(), E_OK);
    check_exchange();
}

static void a_queue_that_is_not_there_is_found_out(void **state)
{
    (void)state;
    fake_virtio.queue_max = 0;
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "no queue 0; the device is reset"));
    fake_virtio.queue_max = 8;
    fake_virtio_pci.num_queues = 0;
    assert_int_equal(started(), E_IO);
    assert_non_null(strstr(fake.log, "no queue 0; the device is reset"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_device_is_told_what_the_standard_says_in_its_order),
        T(the_device_reaches_memory_again_only_after_its_reset),
        T(an_id_says_which_device_it_is_whether_transitional_or_not),
        T(configuration_is_read_where_its_structure_is),
        T(a_device_without_configuration_has_none_to_read),
        T(with_vectors_the_vector_is_the_cause_and_no_register_is_read),
        T(one_vector_may_mean_anything),
        T(on_a_line_the_isr_status_tells_and_reading_it_acknowledges),
        T(messages_without_msix_are_as_a_line),
        T(a_vector_that_the_device_refuses_is_found_out),
        T(no_interrupt_at_all_is_an_error_before_the_device_is_touched),
        T(a_bus_that_refuses_is_told_with_its_reason),
        T(a_function_that_was_unplugged_is_given_up),
        T(registers_are_reached_where_the_bar_shares_its_page),
        T(a_device_with_the_legacy_interface_alone_is_refused_with_the_remedy),
        T(a_structure_that_is_missing_is_named),
        T(a_list_that_goes_round_is_left),
        T(lengths_and_places_that_cannot_be_are_refused),
        T(a_structure_beyond_its_bar_is_refused),
        T(of_several_structures_of_a_kind_the_first_that_can_be_used_counts),
        T(a_queue_that_is_notified_outside_of_its_structure_is_found_out),
        T(a_queue_that_is_not_there_is_found_out),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges: functions that are taken out, with a word before or without.
 */
#include "pci_world.h"
#include "tree_test.h"

enum {
    BLINKS = 0x200,
    LIGHT_IS_OFF = 0x300,
    POWER_IS_OFF = 0x400,
    BUTTON = 1 << 16,
    PRESENT = 1 << 22
};

static int port, device[2], other;
static unsigned slot_at;

/* A root port with a slot, in it a device with two functions; one more device on the root bus. */
static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4);
    struct fake_config_function *p = &fake_config.functions[port];
    slot_at = 0x40 + 0x18;
    p->regs[0x40 / 4] |= 1u << 24;
    p->regs[0x54 / 4] = 1 << 6 | 1 << 5 | 1;
    p->regs[slot_at / 4] = PRESENT | 0x1c0;
    p->writable[slot_at / 4] = 0x1fff;
    p->cleared[slot_at / 4] = 0x011f0000;
    for (unsigned i = 0; i < 2; i++) {
        device[i] = fake_config_add(port, 0, i, 0x10441af4, 0x00ff00);
        fake_config_bar(device[i], 1, 0, 0x1000);
    }
    other = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x10441af4, 0x00ff00);
    fake_config_bar(other, 1, 0, 0x1000);
    assert_int_equal(pci_world_start(), E_OK);
    return 0;
}

static status_t look(void)
{
    assert_int_equal(fake.timer_bits, PCI_EVENT_SLOT);
    fake.timer_bits = 0;
    fake_event((struct event){ .kind = EV_NOTIFY, .bits = PCI_EVENT_SLOT });
    struct event ev = event_wait();
    status_t err = pci_host_event(&world.host, &ev);
    pci_world_flush();
    return err;
}

static void time_passes(void)
{
    assert_int_equal(look(), E_OK);
}

static status_t dma_off(uint32_t node)
{
    return pci_world_event(
        (struct event){ .kind = EV_COMMAND, .msg = { .info = COMMAND_DMA_OFF, .w = { node } } });
}

static unsigned state_of(uint32_t node)
{
    for (unsigned i = 0; i < world.host.function_count; i++) {
        if ((uint32_t)world.host.functions[i].node == node) {
            return world.host.functions[i].state;
        }
    }
    return ~0u;
}

static uint32_t slot(void)
{
    return fake_config.functions[port].regs[slot_at / 4];
}

static void nothing_happens_to_a_slot_that_nobody_touches(void **state)
{
    (void)state;
    uint32_t before = slot();
    time_passes();
    time_passes();
    assert_int_equal(slot(), before);
    assert_int_equal(world.gone, 0);
}

static void the_slot_is_switched_off_when_the_last_driver_has_ended(void **state)
{
    (void)state;
    uint32_t nodes[2] = { pci_world_node(device[0]), pci_world_node(device[1]) };
    fake_config.functions[device[0]].regs[1] |= 4;
    fake_config.functions[port].regs[slot_at / 4] |= BUTTON;
    time_passes();
    assert_int_equal(world.gone, 2);
    assert_int_equal(slot(), PRESENT | 0xc0 | BLINKS);
    time_passes();
    assert_int_equal(world.gone, 2);
    assert_int_equal(dma_off(nodes[0]), E_OK);
    assert_int_equal(fake_config.functions[device[0]].regs[1] & 4, 0);
    assert_int_equal(slot() & POWER_IS_OFF, 0);
    assert_int_equal(dma_off(nodes[1]), E_OK);
    assert_int_equal(slot(), PRESENT | 0xc0 | LIGHT_IS_OFF | POWER_IS_OFF);
    assert_int_equal(state_of(nodes[0]), PCI_STATE_GONE);
    assert_int_equal(pci_world_function(other)->state, PCI_STATE_OK);
    assert_string_equal(fake.log, "0:1.0: what was in its slot can be taken out");
    (void)pci_world_event((struct event){ .kind = EV_NOTIFY, .bits = PCI_EVENT_SLOT });
    assert_int_equal(world.gone, 2);
}

static void functions_without_a_driver_keep_nobody_waiting(void **state)
{
    (void)state;
    world.gone_error = E_NOTFOUND;
    fake_config.functions[port].regs[slot_at / 4] |= BUTTON;
    time_passes();
    assert_int_equal(slot(), PRESENT | 0xc0 | LIGHT_IS_OFF | POWER_IS_OFF);
}

static void mastering_that_stays_keeps_the_slot_on(void **state)
{
    (void)state;
    uint32_t nodes[2] = { pci_world_node(device[0]), pci_world_node(device[1]) };
    fake_config.functions[device[1]].regs[1] |= 4;
    fake_config.functions[device[1]].writable[1] = 0;
    fake_config.functions[port].regs[slot_at / 4] |= BUTTON;
    time_passes();
    assert_int_equal(dma_off(nodes[0]), E_OK);
    assert_int_equal(dma_off(nodes[1]), E_IO);
    assert_int_equal(slot(), PRESENT | 0xc0 | BLINKS);
}

static void what_is_torn_out_is_gone_at_once(void **state)
{
    (void)state;
    uint32_t node = pci_world_node(device[0]);
    fake_config.functions[device[0]].is_gone = fake_config.functions[device[1]].is_gone = true;
    fake_config.functions[port].regs[slot_at / 4] &= ~(uint32_t)PRESENT;
    time_passes();
    assert_int_equal(world.gone, 2);
    assert_int_equal(state_of(node), PCI_STATE_GONE);
    assert_int_equal(dma_off(node), E_OK);
    assert_int_equal(fake.timer_bits, 0); /* nothing is left to look at */
}

static void of_what_is_gone_when_a_server_starts_nothing_is_left_on(void **state)
{
    (void)state;
    uint32_t node = pci_world_node(device[0]);
    fake_config.functions[device[0]].is_gone = fake_config.functions[device[1]].is_gone = true;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(dma_off(node), E_OK);
    fake_config.functions[other].regs[3] = 2 << 16;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(dma_off(node), E_NOTFOUND); /* who knows what that is */
}

static void who_does_not_answer_is_told_to_init(void **state)
{
    (void)state;
    uint32_t node = pci_world_node(other);
    fake_config.functions[other].is_gone = true;
    fake_event((struct event){
        .kind = EV_CALL, .badge = node, .msg = { msg_info(PCI_OP_READ, 0, 0), { 0, 4 } } });
    struct event ev = event_wait();
    assert_int_equal(pci_host_event(&world.host, &ev), E_OK);
    assert_int_equal(fake.reply_status, E_DEAD);
    assert_int_equal(world.gone, 1);
    pci_world_flush();
    assert_int_equal(dma_off(node), E_OK);
}

static void a_restarted_server_goes_on_with_what_was_begun(void **state)
{
    (void)state;
    fake_config.functions[port].regs[slot_at / 4] |= BUTTON;
    time_passes();
    world.gone = 0;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.gone, 2);
    assert_int_equal(slot(), PRESENT | 0xc0 | BLINKS);
}

/* ---- reset under a driver ---- */

static bool is_link_up;

static bool link_is_up(struct pci_host *h)
{
    (void)h;
    return is_link_up;
}

/* A bridge that is looked at, without slots. */
static int setup_watched(void **state)
{
    static struct pci_host_ops watched;

    (void)state;
    watched = fake_config_ops;
    watched.is_up = link_is_up;
    is_link_up = true;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    world.ops = &watched;
    other = fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x10441af4, 0x00ff00);
    fake_config_bar(other, 1, 0, 0x1000);
    assert_int_equal(pci_world_start(), E_OK);
    return 0;
}

static void a_lost_link_ends_the_server(void **state)
{
    (void)state;
    assert_int_equal(look(), E_OK);
    is_link_up = false;
    assert_int_equal(look(), E_IO);
    assert_string_equal(fake.log,
                        "the link is lost, and with it what is behind: this server starts anew");
    assert_int_equal(world.renewed, 1); /* nobody accesses it while the link is made */
}

static void a_function_that_was_reset_under_its_driver_ends_the_server(void **state)
{
    uint32_t *command = &fake_config.functions[other].regs[1];

    (void)state;
    *command = 0; /* no driver yet: nothing is lost */
    assert_int_equal(look(), E_OK);
    assert_int_equal(pci_world_ask(pci_world_node(other), PCI_OP_ENABLE,
                                   PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER, 0, 0),
                     E_OK);
    assert_int_equal(look(), E_OK);
    *command &= ~(uint32_t)PCI_ENABLE_MASTER;
    assert_int_equal(look(), E_IO);
    assert_string_equal(fake.log, "0:2.0: it was reset under its driver: this server starts anew");
    *command = 0;
    fake_config.functions[other].regs[5] = 0;
    assert_int_equal(world.renewed, 1);
    assert_int_equal(pci_world_start(),
                     E_OK); /* the next incarnation, if this one did not get so far */
    assert_int_equal(world.renewed, 2);
    assert_int_equal(look(), E_OK);
}

static void nobody_looks_where_a_bridge_cannot_tell(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    (void)fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x10441af4, 0x00ff00);
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(fake.timer_bits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_happens_to_a_slot_that_nobody_touches, setup),
        cmocka_unit_test_setup(the_slot_is_switched_off_when_the_last_driver_has_ended, setup),
        cmocka_unit_test_setup(functions_without_a_driver_keep_nobody_waiting, setup),
        cmocka_unit_test_setup(mastering_that_stays_keeps_the_slot_on, setup),
        cmocka_unit_test_setup(what_is_torn_out_is_gone_at_once, setup),
        cmocka_unit_test_setup(of_what_is_gone_when_a_server_starts_nothing_is_left_on, setup),
        cmocka_unit_test_setup(who_does_not_answer_is_told_to_init, setup),
        cmocka_unit_test_setup(a_restarted_server_goes_on_with_what_was_begun, setup),
        cmocka_unit_test_setup(a_lost_link_ends_the_server, setup_watched),
        cmocka_unit_test_setup(a_function_that_was_reset_under_its_driver_ends_the_server,
                               setup_watched),
        cmocka_unit_test(nobody_looks_where_a_bridge_cannot_tell),
    };

    return TREE_RUN(tests);
}

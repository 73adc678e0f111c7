/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: functions that go away. Three ways lead here. Somebody asks first: presses the button of a slot (PCI Express Base
 * 3.0, 6.7.1), as a virtual machine does; or a function just does not answer any more; or it was reset under its driver, link and all,
 * which costs the state of all that it has.
 *
 *   button     the slot's light blinks; init ends the drivers of all that is behind the port (INIT_OP_GONE)
 *   drivers    each one's end is COMMAND_DMA_OFF for its function; nothing of it writes to memory any more
 *   power      when all have ended, the slot is switched off, and its light; whoever pressed the button sees that
 *
 *   reset      seen by its switches, which are off; all drivers of the function are ended (INIT_OP_RENEW), since what they access may
 *              not answer while a link is made, and the bus's server ends; its next incarnation places BARs again that are empty and
 *              for which the tree has addresses, and init starts the drivers
 *
 * Slots are looked at four times a second while something is in one: that is one read each. Their interrupts would cost a message
 * or a share of a line for each port, which is more than all that ever happens to most of them.
 */
#include <cambium/client.h>
#include <cambium/proto/init.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include "pci_host_parts.h"

#define LOOK_NS 250000000ull

static bool is_behind(struct pci_host *h, const struct pci_function *f,
                      const struct pci_function *port)
{
    while (f != NULL && f != port) { /* as deep as buses are */
        f = pci_function_parent(h, f);
    }
    return f != NULL;
}

void pci_function_leave(struct pci_host *h, struct pci_function *f)
{
    struct msg m = { msg_info(INIT_OP_GONE, 0, 0), { (uint64_t)(int64_t)f->node } };

    /* an error: it has no server, so nobody has to be waited for */
    f->is_leaving = f->node >= 0 && !f->is_bridge && msg_call(h->init, &m) == E_OK;
}

/* What is behind a port, bridges too, is not there any more. */
static void all_gone(struct pci_host *h, const struct pci_function *port)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        if (f != port && f->state != PCI_STATE_GONE && is_behind(h, f, port)) {
            f->state = PCI_STATE_GONE;
        }
    }
}

static bool any_is(struct pci_host *h, const struct pci_function *port, bool leaving)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        if (f != port && (leaving ? f->is_leaving : f->state == PCI_STATE_OK) &&
            is_behind(h, f, port)) {
            return true;
        }
    }
    return false;
}

/* Tells init of all that is behind the port. */
static void all_leave(struct pci_host *h, struct pci_function *port)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        if (f != port && f->state == PCI_STATE_OK && is_behind(h, f, port)) {
            pci_function_leave(h, f);
        }
    }
}

static void slot_write(struct pci_host *h, const struct pci_function *port, uint32_t control,
                       uint32_t clear)
{
    pci_config_write(h, port, port->express + EXPRESS_SLOT_CONTROL, control | clear);
}

/* The drivers have ended: power off. */
static void slot_empty(struct pci_host *h, struct pci_function *port, uint32_t slot)
{
    uint32_t keep = slot & SLOT_CONTROL & ~(SLOT_LIGHT | SLOT_INTERRUPTS);

    all_gone(h, port);
    port->slot = PCI_SLOT_IDLE;
    slot_write(h, port, keep | SLOT_POWER_OFF | field_put(SLOT_LIGHT, LIGHT_OFF), 0);
    log_info("%s: what was in its slot can be taken out", pci_function_name(h, port));
}

static void slot_leave(struct pci_host *h, struct pci_function *port, uint32_t slot)
{
    uint32_t keep = slot & SLOT_CONTROL & ~(SLOT_LIGHT | SLOT_INTERRUPTS);

    slot_write(h, port, keep | field_put(SLOT_LIGHT, LIGHT_BLINKS), SLOT_BUTTON);
    log_info("%s: what is in its slot is to be taken out: its drivers end",
             pci_function_name(h, port));
    port->slot = PCI_SLOT_LEAVING;
    all_leave(h, port);
}

static void slot_look(struct pci_host *h, struct pci_function *port)
{
    uint32_t slot = pci_config_read(h, port, port->express + EXPRESS_SLOT_CONTROL);

    bool is_used = any_is(h, port, false);

    if (slot == ~0u || (!is_used && port->slot == PCI_SLOT_IDLE)) {
        return; /* it is gone itself, or nobody is there */
    }
    if ((slot & SLOT_PRESENT) == 0) {
        log_warn("%s: what was in its slot is gone", pci_function_name(h, port));
        all_leave(h, port);
        all_gone(h, port);
        port->slot = PCI_SLOT_IDLE;
        return;
    }
    if (port->slot == PCI_SLOT_IDLE &&
        ((slot & SLOT_BUTTON) != 0 || field_get(SLOT_LIGHT, slot) == LIGHT_BLINKS)) {
        slot_leave(h, port, slot); /* it blinks: an earlier incarnation had begun */
        slot = pci_config_read(h, port, port->express + EXPRESS_SLOT_CONTROL);
    }
    if (port->slot == PCI_SLOT_LEAVING && !any_is(h, port, true)) {
        slot_empty(h, port, slot);
    }
}

/* What is on, as it was written. */
static bool is_as_left(struct pci_host *h, const struct pci_function *f)
{
    const uint16_t on = f->command & (COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);

    return f->state != PCI_STATE_OK || on == 0 || (pci_config_read(h, f, PCI_COMMAND) & on) == on;
}

status_t pci_functions_look(struct pci_host *h)
{
    if (h->ops->is_up == NULL) {
        return E_OK;
    }
    if (!h->ops->is_up(h)) {
        log_error("the link is lost, and with it what is behind: this server starts anew");
        for (unsigned i = 0; i < h->function_count; i++) {
            pci_function_renew(h, &h->functions[i]);
        }
        return E_IO;
    }
    for (unsigned i = 0; i < h->function_count; i++) {
        if (!is_as_left(h, &h->functions[i])) {
            log_error("%s: it was reset under its driver: this server starts anew",
                      pci_function_name(h, &h->functions[i]));
            pci_function_renew(h, &h->functions[i]);
            return E_IO;
        }
    }
    return E_OK;
}

void pci_slots_look(struct pci_host *h)
{
    bool is_used = h->ops->is_up != NULL;

    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *port = &h->functions[i];
        if (port->slot != PCI_SLOT_NONE && port->state == PCI_STATE_OK) {
            slot_look(h, port);
            is_used |= any_is(h, port, false);
        }
    }
    if (!is_used) {
        return;
    }
    /* The kit for lines has the same timer, and sets it to a second at most; each is looked after with the other's event. */
    status_t err = sys_timer_set(h->port, time_deadline(LOOK_NS), PCI_EVENT_SLOT);
    if (err) {
        log_error("no timer (%s): what goes away is not seen", err_name(err));
    }
}

void pci_slots_open(struct pci_host *h)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        if (f->has_slot && f->count != 0 && f->state == PCI_STATE_OK &&
            (pci_config_read(h, f, f->express + EXPRESS_SLOT) & SLOT_HOT_PLUG) != 0) {
            f->slot = PCI_SLOT_IDLE;
        }
    }
    pci_slots_look(h);
}

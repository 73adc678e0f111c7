/* SPDX-License-Identifier: BSD-2-Clause
 * The driver frame (driver.h): the one loop that all servers share. One thread, one port, one `receive` per turn.
 *
 * What it owns: the event bits that arrived and were not handed out yet (`pending`), the answer that goes out with the
 * next receive (`answer_due`), the interrupts attached (for *rebind*), the subscription of the one client that gets
 * event_signal's bits, and the command page.
 * An answer waits for the next receive only when nothing is pending: a caller never waits for an interrupt's handling.
 */
#include <cambium/command.h>
#include <cambium/driver.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <cambium/client.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "frame.h"

enum { FRAME_IRQS = 16, ATTACH_TRIES = 3 };
#define COMMAND_BIT (1ull << EVENT_BIT_COMMAND)

struct frame {
    handle_t port;
    handle_t port_notify; /* NOTIFY | TRANSFER of the same port */
    unsigned accept;      /* handles taken with the next message */
    bool ready;           /* init was told */
    uint64_t pending;     /* event bits not handed out */
    bool answer_due;      /* `answer` goes out with the next receive */
    handle_t answer_to;   /* to this kept reply; 0: to the current caller */
    struct msg answer;
    handle_t forward; /* notified with the next receive (event_notify) */
    uint64_t forward_bits;
    unsigned took;             /* handles that came with the request in work */
    handle_t irqs[FRAME_IRQS]; /* parent of each attached index; 0: not attached */
    uint16_t edges;            /* bits: those that need no acknowledgement */
    handle_t bus; /* "parent": the bus's server; delivers what no controller of the tree does */
    status_t (*bus_renew)(void); /* before lines are attached there anew; NULL: nothing */
    handle_t subscriber;
    uint64_t subscriber_base;
    uint32_t signalled; /* bits of event_signal that hold and were told */
};

static struct frame frame = { .accept = 1 };

static struct command_page *command_page(void)
{
    return (struct command_page *)start_info->command_va;
}

static void frame_open(struct frame *f)
{
    if (f->port == 0) {
        f->port = start_handle("port");
        f->port_notify = start_handle("port notify");
    }
}

/* ---- what init is told ---- */

static void init_notify(void)
{
    /* without the handle there is no supervisor to tell (a test harness) */
    (void)sys_notify(start_handle("init event"), INIT_EVENT_COMMAND);
}

void driver_ready(void)
{
    if (!frame.ready) {
        frame.ready = true;
        if (command_page() != NULL) {
            __atomic_store_n(&command_page()->state, SERVER_READY,
                             __ATOMIC_RELEASE); /* pairs with init's acquire */
            init_notify();
        }
    }
}

void frame_main_returned(int result)
{
    struct command_page *page = command_page();

    if (page == NULL) {
        return;
    }
    page->error = result;
    (void)snprintf(page->reason, sizeof(page->reason), "%s",
                   log_last_error()[0] != '\0' ? log_last_error()
                                               : err_text(result));  /* cut if too long */
    __atomic_store_n(&page->state, SERVER_FAILED, __ATOMIC_RELEASE); /* pairs with init's acquire */
    init_notify();
}

/* ---- interrupts ---- */

static status_t irq_attach(struct frame *f, unsigned index)
{
    status_t err = E_DEAD;

    /* E_DEAD: the controller was restarted while we asked; its port lives on, so ask again */
    for (unsigned i = 0; i < ATTACH_TRIES && err == E_DEAD; i++) {
        struct msg m = { msg_info(IRQ_OP_ATTACH, 1, 0),
                         { index, 1ull << index, [7] = f->port_notify } };
        err = msg_call(f->irqs[index], &m);
        if (err == E_OK) {
            f->edges &= (uint16_t) ~(1u << index);
            f->edges |= (uint16_t)((m.w[0] == IRQ_NO_ACK) << index);
        }
    }
    return err;
}

status_t node_irq(struct node node, unsigned index)
{
    char name[START_HANDLE_NAME];
    struct frame *f = &frame;

    (void)node; /* the handle is the own node's: no other can be named */
    frame_open(f);
    if (index >= FRAME_IRQS) {
        return E_NOTFOUND;
    }
    (void)snprintf(name, sizeof(name), "interrupts %u", index); /* fits */
    f->irqs[index] = start_handle(name);
    if (f->irqs[index] == 0) {
        f->irqs[index] = f->bus = start_handle("parent");
    }
    if (f->irqs[index] == 0) {
        return E_NOTFOUND;
    }
    status_t err = irq_attach(f, index);
    if (err != E_OK) {
        f->irqs[index] = 0;
    }
    return err;
}

static void irq_ack(struct frame *f, unsigned index)
{
    struct msg m = { msg_info(IRQ_OP_ACK, 0, 0), { index } };

    /* An error says that the controller is a new incarnation: its rebind attaches the line again, which opens it. */
    (void)msg_call(f->irqs[index], &m);
}

void frame_bus_renew(status_t (*renew)(void))
{
    frame.bus_renew = renew;
}

/* Whether the own node is below that one. */
static bool is_above(struct node own, int node)
{
    char path[TREE_PATH_LEN];

    tree_path(own.tree, node, path, sizeof(path));
    size_t len = strlen(path);
    return strncmp(path, driver_path(), len) == 0 && driver_path()[len] == '/';
}

/* Whether index `i`, attached, is delivered by the server of `node`. */
static bool irq_is_from(const struct frame *f, unsigned i, struct node own, int node)
{
    struct tree_ref ref;

    if (f->irqs[i] == f->bus) {
        return is_above(own, node);
    }
    return tree_interrupt(own.tree, own.offset, i, &ref) == E_OK && ref.node == node;
}

/* Attaches again all lines that the server of `node` delivers. */
static status_t irq_rebind(struct frame *f, int node)
{
    struct node own = driver_node();
    status_t err = f->bus_renew != NULL && is_above(own, node) ? f->bus_renew() : E_OK;

    for (unsigned i = 0; i < FRAME_IRQS; i++) {
        if (f->irqs[i] != 0 && irq_is_from(f, i, own, node)) {
            status_t e = irq_attach(f, i);
            err = err != E_OK ? err : e;
            log_debug("interrupt %u attached again: %s", i, err_name(e));
        }
    }
    return err;
}

/* ---- commands ---- */

static void command_finish(status_t status, const uint64_t result[4])
{
    struct command_page *page = command_page();

    page->status = status;
    memcpy(page->result, result, sizeof(page->result));
    __atomic_store_n(&page->done, page->seq,
                     __ATOMIC_RELEASE); /* pairs with init's acquire of done */
    init_notify();
}

/* Serves the command in the page; true: it is one for the driver, in *ev. */
static bool command_take(struct frame *f, struct event *ev)
{
    static const uint64_t nothing[4];
    struct command_page *page = command_page();

    if (page == NULL || __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE) == page->done) {
        return false;
    }
    switch (page->op) {
    case COMMAND_PING:
        command_finish(E_OK, nothing);
        return false;
    case COMMAND_LOG_LEVEL:
        log_set_level((enum log_level)page->arg[0]);
        command_finish(E_OK, nothing);
        return false;
    case COMMAND_REBIND:
        ev->error = (int64_t)page->arg[0] >= 0 ? irq_rebind(f, (int)page->arg[0]) : E_OK;
        if (ev->error == E_OK && page->arg[4] != 0) {
            ev->error = irq_rebind(f, (int)page->arg[4]);
        }
        break; /* the driver may have subscriptions to renew */
    default:
        ev->error = E_OK;
        break;
    }
    ev->kind = EV_COMMAND;
    ev->msg.info = page->op;
    memcpy(ev->msg.w, page->arg, sizeof(page->arg));
    return true;
}

bool driver_command(struct event *out)
{
    *out = (struct event){ .kind = EV_COMMAND };
    return command_take(&frame, out);
}

/* ---- the loop ---- */

void event_accept(unsigned handles)
{
    frame.accept = handles;
}

/* Sends the notification that waits for the next receive. A target that is gone needs none. */
static void forward_now(struct frame *f)
{
    if (f->forward != 0) {
        (void)sys_notify(f->forward, f->forward_bits);
        f->forward = 0;
    }
}

/* Hands out one thing of what is pending. */
static bool frame_take_pending(struct frame *f, struct event *ev)
{
    uint64_t irqs = f->pending & EVENT_BITS_IRQ;

    if (irqs != 0) {
        ev->kind = EV_IRQ;
        ev->irq = (unsigned)__builtin_ctzll(irqs);
        f->pending &= ~(1ull << ev->irq);
        return true;
    }
    if ((f->pending & COMMAND_BIT) != 0) {
        f->pending &= ~COMMAND_BIT;
        if (command_take(f, ev)) {
            return true;
        }
    }
    if (f->pending != 0) {
        ev->kind = EV_NOTIFY;
        ev->bits = f->pending;
        f->pending = 0;
        return true;
    }
    return false;
}

/* Sends the answer that waits for the next receive. A caller that is gone needs none; one that cannot take the
 * handles gets the reason instead. */
static void answer_now(struct frame *f)
{
    if (f->answer_due) {
        status_t err = sys_reply(f->answer_to, &f->answer);

        if (err != E_OK && info_handles(f->answer.info) != 0) {
            struct msg refusal = { .info = (uint32_t)err };

            (void)sys_reply(f->answer_to, &refusal);
        }
        f->answer_due = false;
    }
}

static void answer_put(struct frame *f, handle_t to, const struct msg *m, uint64_t info)
{
    answer_now(f); /* another's that is due */
    f->answer_to = to;
    f->answer = *m;
    f->answer.info = info;
    f->answer_due = true;
}

/* The one blocking call: with the answer or the notification that is still due. */
static int64_t frame_receive(struct frame *f, struct msg *m)
{
    if (f->answer_due && info_handles(f->answer.info) != 0) {
        answer_now(f); /* it may fail, which is the client's affair */
    }
    if (f->answer_due) {
        forward_now(f);
        f->answer_due = false;
        *m = f->answer;
        m->info |= msg_info(0, 0, f->accept);
        return f->answer_to != 0 ? sys_reply_to_receive(f->answer_to, f->port, m)
                                 : sys_reply_receive(f->port, m);
    }
    m->info = msg_info(0, 0, f->accept);
    if (f->forward != 0) {
        handle_t target = f->forward;
        f->forward = 0;
        return sys_notify_receive(target, f->forward_bits, f->port, m);
    }
    return sys_receive(f->port, m, DEADLINE_NEVER);
}

/* Sorts a message in; false: nothing for the driver by itself (event bits, now pending). */
static bool frame_sort(struct frame *f, int64_t from, struct event *ev)
{
    ev->badge = (uint32_t)from;
    switch (from >> 32) {
    case RECV_CALL:
        ev->kind = EV_CALL;
        f->took = info_handles(ev->msg.info);
        return true;
    case RECV_EVENTS:
        f->pending |= ev->msg.w[0];
        return false;
    case RECV_INTERRUPT:
        ev->kind = EV_INTERRUPT;
        ev->irq = (unsigned)ev->msg.w[0];
        return true;
    case RECV_CLOSED:
        ev->kind = EV_CLOSED;
        return true;
    default: /* RECV_FAULT: the frame's port is nobody's fault port */
        return false;
    }
}

struct event event_wait(void)
{
    struct frame *f = &frame;
    struct event ev; /* not zeroed as a whole: this is on every path, and a receive fills msg */

    ev.badge = 0;
    ev.irq = 0;
    ev.bits = 0;
    ev.error = E_OK;
    ev.msg.info = 0;
    if (!f->ready) {
        frame_open(f);
        driver_ready();
    }
    for (;;) {
        if (f->pending != 0) {
            forward_now(f);
            answer_now(f);
            if (frame_take_pending(f, &ev)) {
                return ev;
            }
        }
        int64_t from = frame_receive(f, &ev.msg);
        if (from < 0) {
            if (from != E_AGAIN && from != E_CANCELED) {
                log_error("receive: %s", err_name((status_t)from));
                exit((int)from); /* no port: the loop could only spin */
            }
        } else if (frame_sort(f, from, &ev)) {
            return ev;
        }
    }
}

/* The answer's info: the handles that the driver put there, if it wrote the info anew (op 0). */
static uint64_t answer_info(const struct msg *m, status_t status)
{
    return msg_info((uint32_t)status, info_op(m->info) == 0 ? info_handles(m->info) : 0, 0);
}

void event_done(struct event *ev, status_t status)
{
    struct frame *f = &frame;

    switch (ev->kind) {
    case EV_CALL:
        if (status != E_OK) { /* nobody took them */
            for (unsigned i = 0; i < f->took; i++) {
                (void)sys_handle_close((handle_t)ev->msg.w[MSG_WORDS - 1 - i]);
            }
        }
        f->took = 0;
        answer_put(f, 0, &ev->msg, answer_info(&ev->msg, status));
        break;
    case EV_IRQ:
        if (f->irqs[ev->irq] != 0 && (f->edges >> ev->irq & 1) == 0) {
            irq_ack(f, ev->irq);
        }
        break;
    case EV_COMMAND:
        if (info_op(ev->msg.info) == COMMAND_REBIND && (status == E_OK || status == E_NOSYS)) {
            status = ev->error; /* the driver had nothing to add; what the frame's part gave */
        }
        command_finish(status, ev->msg.w);
        break;
    case EV_INTERRUPT:
    case EV_NOTIFY:
    case EV_CLOSED:
        break;
    }
}

void event_hold(struct event *ev)
{
    (void)ev; /* the parent holds the line until the ACK, which event_done sends */
}

void event_notify(handle_t target, uint64_t bits)
{
    if (target != 0) {
        forward_now(&frame); /* another's that is due */
        frame.forward = target;
        frame.forward_bits = bits;
    }
}

status_t event_keep(struct event *ev, handle_t *out_reply)
{
    (void)ev; /* the kernel knows the caller in work */
    frame.took = 0;
    return sys_reply_keep(out_reply);
}

void event_answer(handle_t reply, status_t status, struct msg *m)
{
    answer_put(&frame, reply, m, answer_info(m, status));
}

/* ---- the client that is told ---- */

void event_subscribe(handle_t client, uint64_t base)
{
    if (frame.subscriber != 0) {
        frame.forward = frame.forward == frame.subscriber ? 0 : frame.forward;
        (void)sys_handle_close(frame.subscriber);
    }
    frame.subscriber = client;
    frame.subscriber_base = base;
    frame.signalled = 0; /* so that the next event_signal tells all that holds */
}

void event_signal(uint32_t bits)
{
    uint32_t fresh = bits & ~frame.signalled;

    frame.signalled = bits;
    if (fresh != 0 && frame.subscriber != 0) {
        event_notify(frame.subscriber, fresh * frame.subscriber_base);
    }
}

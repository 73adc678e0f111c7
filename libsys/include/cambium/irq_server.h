/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of interrupt controllers: which node may have which line (read from the tree once), who has it, the
 * requests of <cambium/proto/irq.h>, *closed* and quiesce, the watch for storms, the kernel's own line. What the
 * controller itself does is a handful of functions, irq_server_ops. A line is a number below `line_max`; how it
 * relates to the manual's numbers is the controller's business.
 *
 * Three kinds of servers use it. A root server runs irq_server_run, masked and above everything: it calls nobody, and
 * no loop here waits for hardware; all are bounded by lines, or by a node's own interrupts. A controller that has one line of
 * another runs irq_server_run_below. Any other controller's server uses the driver frame: for EV_CALL irq_server_request,
 * for EV_CLOSED irq_server_closed, for EV_COMMAND irq_server_command, for what its parent tells it irq_server_fire and
 * sys_notify, and for the event IRQ_EVENT_SILENT irq_server_silent.
 *
 * A line is *held* from the moment it fired until its driver's ACK: active where the controller has such a state, else
 * masked; `release` ends that. One thread uses a server.
 *
 * A line may be several nodes', if all call it level, or all edge. An edge is told to all and released at once. A level
 * line is held until all have answered; who is silent for a second is detached and said. The kit uses the timer of the
 * server's port for that. A line of one node takes not one instruction more for it.
 */
#pragma once
#include <assert.h>
#include <cambium/driver.h>
#include <cambium/ipc.h>
#include <cambium/proto/irq.h>
#include <stdbool.h>
#include <stddef.h>

struct tree_ref;
struct irq_server;
enum {
    IRQ_ROUTES_MAX = 1024,     /* interrupts of all nodes below one controller */
    IRQ_RECENT_LEN = 1024,     /* a power of two */
    IRQ_SAMPLE_EVENTS = 4096,  /* of a line between two looks at whether its ACK left it asserted; a power of two */
    IRQ_STORM_SAMPLES = 24,    /* that did, in a row: a tenth of a second with nothing else */
    IRQ_IDLE_MAX = IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES, /* of a parent's line for which nothing is up: a storm */
    IRQ_MESSAGE_NS = 1000,     /* from one message to the next, on an average: what comes faster leaves nobody the CPU */
    IRQ_SAID_MAX = 16,         /* messages whose lines are said in the log: the first ones */
    IRQ_SHARERS_MAX = 64       /* nodes that share lines of one controller; their number on one fits a byte */
};
#define IRQ_SILENT_NS      1000000000ull            /* without an answer: detached from a line that others share */
#define IRQ_EVENT_PARENT   ((uint64_t)1)            /* irq_server_run_below: its interrupt 0, as the frame attaches it */
#define IRQ_EVENT_SILENT   ((uint64_t)1 << 62)      /* set at the server's port by its timer: irq_server_silent */
#define IRQ_NONE       (~0u)                                /* no line */
#define IRQ_TAKE_ONE   ((uint64_t)1 << INFO_ACCEPT_SHIFT)   /* one handle per message: ATTACH's */
#define IRQ_KEY_NONE   ((uint64_t)0x80 << 32)               /* no irq_line_key() has this: there is no such RECV_KIND */

/* What an interrupt and an ACK need. 32 bytes: found by a shift. */
struct irq_line {
    uint64_t bits;   /* set at `port` when the line fires */
    handle_t port;   /* NOTIFY of the driver's port; 0: nobody has the line */
    uint32_t events; /* delivered */
    uint64_t key;    /* who has it: irq_line_key(), or IRQ_KEY_NONE */
    uint32_t at;     /* the controller's own: where its `release` writes, */
    uint32_t bit;    /* and what; side by side, so that one instruction loads both */
};
static_assert(sizeof(struct irq_line) == 32, "lines are found by a shift");

/* The rest about a line. */
struct irq_watch {
    uint8_t flags;   /* IRQ_STAT_EDGE, IRQ_STAT_STORM, IRQ_STAT_MESSAGE */
    uint8_t samples; /* looks in a row that found the line asserted after its ACK, or messages that come too fast */
    uint8_t sharers; /* nodes that have the line, if it is more than one; then its irq_line names nobody */
    uint8_t unanswered; /* of those: the line is held for them */
};

/* One of the nodes that have a line together. */
struct irq_sharer {
    uint32_t line, node, index;
    uint32_t events;    /* told */
    handle_t port;
    uint64_t bits;
    uint64_t silent_ns; /* when it will have been silent for too long; 0: it has answered */
};

/* What a controller below another found: line `first` + n is up for each bit n, and now held. */
struct irq_taken {
    uint32_t first, up;
};

/* How its parent's line is released without asking the parent. device 0: not at all. */
struct irq_gate {
    handle_t device;
    uint64_t value;
    uint32_t idle; /* interrupts in a row for which nothing was up */
};

/* What the tree says about one interrupt of one node. */
struct irq_route {
    uint32_t node, index;
    uint32_t line; /* line_max: the controller has no such line */
    uint32_t edge;
};

/* The controller's part. `line` is below line_max. None of them waits without a bound. */
struct irq_server_ops {
    /* A specifier of the tree. E_FORMAT: it means nothing; E_RANGE: the controller has no such line. */
    status_t (*decode)(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line, bool *out_edge);
    /* Masked and not held. What is pending stays pending: an edge must not get lost. */
    void (*close)(struct irq_server *s, uint32_t line);
    /* Sets up a closed line: trigger, priority, target. E_IO: the controller does not react. */
    status_t (*program)(struct irq_server *s, uint32_t line, bool edge);
    void (*open)(struct irq_server *s, uint32_t line);    /* unmasks */
    void (*release)(struct irq_server *s, uint32_t line); /* no longer held: it may fire again */
    bool (*asserted)(struct irq_server *s, uint32_t line); /* pending, or a level that is up */
    bool is_edge_seen; /* `asserted` says of an edge's source whether it is up: one that never falls is a storm, as a level's */
    bool (*held)(struct irq_server *s, uint32_t line);
    void (*pend)(struct irq_server *s, uint32_t line);    /* as if its device had fired. NULL: cannot */
    uint32_t (*number)(struct irq_server *s, uint32_t line); /* ascending, for people. NULL: the line itself */
    /* IRQ_OP_GATE: the device, to be copied, and what to write. `held` must then ask the controller. NULL: no line has one. */
    status_t (*gate)(struct irq_server *s, uint32_t line, handle_t *out_device, uint64_t *out_value);
    /* IRQ_OP_MESSAGE: the line that `number` counts, if a message can raise it. E_RANGE. NULL: this controller knows none. */
    status_t (*message)(struct irq_server *s, uint64_t number, uint32_t *out_line);
    /* What the registers say of a message's line, which was just opened: one line in the log. NULL: nothing is said. */
    void (*say)(struct irq_server *s, uint32_t line);
    /* IRQ_OP_FRAME's answer, w[0..3]. E_NOSYS, as NULL: no lines wait for a frame. */
    status_t (*frame)(struct irq_server *s, uint64_t *w);
};

/* The driver fills the first group and each line's `at` and `bit`, then calls irq_server_read_tree. A message stands in the table
 * of messages: bits, port and events as those of a line, key = the frame's node, at = the line; in the line's own entry `bits` is
 * its place there. */
struct irq_server {
    const struct irq_server_ops *ops;
    struct irq_line *lines;   /* line_max + 1; the last one is nobody's for ever */
    struct irq_watch *watch;  /* line_max */
    uint32_t line_max;        /* lines that the tables hold */
    uint32_t line_count;      /* that this controller has; at most line_max */
    struct irq_line *messages; /* message_max; NULL: none */
    uint32_t message_max;
    handle_t port;            /* where it receives */
    struct node node;         /* the controller's */

    uint32_t timer_line;      /* the kernel's own; line_max: none of this controller's is */
    bool timer_edge;
    uint32_t route_count;
    struct irq_line **recent; /* whose ACK came last, by irq_recent_slot(); only a hint, never NULL */
    struct irq_line *recent_table[IRQ_RECENT_LEN]; /* what it points to */
    struct irq_route routes[IRQ_ROUTES_MAX];       /* ascending by node and index */
    uint32_t message_count;
    uint32_t message_said; /* how many the log has */
    uint32_t sharer_count;
    uint64_t silent_ns;       /* what the port's timer is set to; 0: nobody who shares a line has yet to answer */
    struct irq_sharer sharers[IRQ_SHARERS_MAX];    /* in the order in which they attached */
};

/* Reads from the tree who may attach what, and which line is the kernel's. Takes long: before the server registers. */
void irq_server_read_tree(struct irq_server *s);
/* For servers that find their nodes by themselves (functions of a PCI bus): `line` is what (node, index) attaches from now on; what
 * it had before, if that is another line, is detached. E_FULL: IRQ_ROUTES_MAX are there. */
status_t irq_server_route_add(struct irq_server *s, uint32_t node, uint32_t index, uint32_t line, bool edge) WARN_UNUSED;
/* Detaches all of a node, and forgets what it may attach. */
void irq_server_route_remove(struct irq_server *s, uint32_t node);
/* Nobody has any line. `at` and `bit` stay. */
void irq_server_reset(struct irq_server *s);
/* Root servers, at the end of their start: opens the kernel's line, or says that there is none. E_IO. */
status_t irq_server_open_timer(struct irq_server *s) WARN_UNUSED;

/* Serves one request of `node` (the caller's badge); the answer's words end in m->w. A handle that came with it is the
 * server's after E_OK, and with an error still to be closed (event_done does). Errors: those of proto/irq.h; E_NOSYS. */
status_t irq_server_request(struct irq_server *s, uint32_t node, struct msg *m) WARN_UNUSED;
/* After IRQ_EVENT_SILENT, or any other event: who has shut a shared line for too long is detached. */
void irq_server_silent(struct irq_server *s);
/* The last handle of `node` is gone: so are its lines. */
void irq_server_closed(struct irq_server *s, uint32_t node);
/* COMMAND_IRQ_QUIESCE; E_NOSYS: another one. */
status_t irq_server_command(struct irq_server *s, const struct msg *command) WARN_UNUSED;

/* ---- parts of the inline functions below ---- */
/* A line fired that no node has alone. Who share it are told, here. A message is released, and who is to be told is returned (else
 * one with port 0). One that nobody has is closed, but the kernel's own (it fired after the kernel had looked) is released at
 * once and stays open: were it left held, the tick would be dead for ever. */
const struct irq_line *irq_server_unclaimed(struct irq_server *s, uint32_t line);
/* Makes the next ACK of the line take the long way, which looks whether its driver has cleared the device. */
void irq_server_sample(struct irq_server *s, const struct irq_line *line);
/* A request in a root server's loop, its handle closed if it was not wanted. The arguments are these two so that
 * x0 and x2 keep what the receive left there: otherwise each ACK takes three instructions more. */
struct irq_request {
    struct msg msg;
    struct irq_server *server;
};
void irq_server_serve(int64_t from, struct irq_request *request); /* msg.info: the answer's */
/* Asks the parent for a gate, or without. */
struct irq_gate irq_gate_open(handle_t parent);
/* Releases the parent's line by asking it, since there is no gate or it was refused: that is then renewed. Nothing was up for
 * too long: says so, and leaves the line held. */
void irq_gate_ack(handle_t parent, struct irq_gate *gate);
/* What is neither interrupt nor call; then receives the next message. */
int64_t irq_server_event(struct irq_server *s, int64_t from, struct msg *m);

#define IRQ_INLINE __attribute__((always_inline)) static inline
/* An interrupt as an ACK names it: what the receive returned - RECV_CALL, which is 0, and the badge, which is the node's
 * offset - and the index in that node. Whatever the index, the low 40 bits say who asks, and how. */
IRQ_INLINE uint64_t irq_line_key(uint64_t from, uint64_t index)
{
    return from + (index << 40);
}

/* Nodes rarely meet here: offsets are multiples of four, and a node with interrupts is longer. */
IRQ_INLINE uint64_t irq_recent_slot(uint64_t from)
{
    return from / 4 % IRQ_RECENT_LEN;
}

IRQ_INLINE const struct irq_line *irq_line_fire(struct irq_server *s, struct irq_line *line)
{
    if (line->port == 0) {
        return irq_server_unclaimed(s, (uint32_t)(line - s->lines));
    }
    if (++line->events % IRQ_SAMPLE_EVENTS == 0) {
        irq_server_sample(s, line);
    }
    return line;
}

/* Line `number` fired and is held: whose port gets which bits. One with port 0: nobody is to be told any more. */
IRQ_INLINE const struct irq_line *irq_server_fire(struct irq_server *s, uint32_t number)
{
    return irq_line_fire(s, &s->lines[number]);
}

/* A root server's loop; returns only when its own port is unusable. The way of an interrupt and that of an ACK are
 * counted in tens of instructions: with `take` and `release` inlined they call no function, and nobody gets m's address,
 * so that its words stay in registers. `hw` is a local copy of what the two need, so that it does, too.
 *   take     acknowledges once (intid: what the kernel handed over), priority dropped: the line that is now held, or
 *            IRQ_NONE
 *   release  the same as ops->release */
IRQ_INLINE status_t irq_server_run(struct irq_server *s, const void *hw,
                                   uint32_t (*take)(const void *hw, uint64_t intid),
                                   void (*release)(const void *hw, const struct irq_line *line))
{
    struct irq_line *const *recent = s->recent; /* these stay in registers */
    struct irq_line *const lines = s->lines;
    const handle_t port = s->port;
    struct msg m = { .info = IRQ_TAKE_ONE };
    int64_t from = ipc_notify_receive(0, 0, port, &m);

    for (;;) {
        const struct irq_line *line = recent[irq_recent_slot((uint64_t)from)];

        if (line->key == irq_line_key((uint64_t)from, m.w[0]) && m.info == IRQ_OP_ACK) {
            release(hw, line);
            m.info = IRQ_TAKE_ONE; /* and status E_OK */
            from = ipc_reply_receive(port, &m);
        } else if (__builtin_expect(from >> 32 == RECV_INTERRUPT, 1)) {
            uint32_t number = take(hw, m.w[0]);
            line = number == IRQ_NONE ? &lines[s->line_max] : irq_line_fire(s, &lines[number]);
            m.info = IRQ_TAKE_ONE;
            from = ipc_notify_receive(line->port, line->bits, port, &m);
        } else if (from >> 32 == RECV_CALL) {
            struct irq_request request = { m, s };
            irq_server_serve(from, &request);
            m = request.msg;
            m.info |= IRQ_TAKE_ONE;
            from = ipc_reply_receive(port, &m);
        } else {
            struct msg next;
            from = irq_server_event(s, from, &next);
            m = next;
            if (from < 0) {
                return (status_t)from;
            }
        }
    }
}

/* The loop of a server whose controller has one line of another, `parent` (the handle of its interrupt 0, attached); returns as
 * irq_server_run does.
 *   take     one look: of one group of lines those that are up and open, now held, or none. What else is up makes the
 *            parent's line fire again.
 *   release  the same as ops->release
 * The parent's line is released as soon as they are held and before anybody is told: a driver that takes its time keeps
 * nobody waiting but those that share its line. */
IRQ_INLINE status_t irq_server_run_below(struct irq_server *s, handle_t parent, void *hw,
                                         struct irq_taken (*take)(void *hw),
                                         void (*release)(void *hw, const struct irq_line *line))
{
    struct irq_line *const *recent = s->recent; /* these stay in registers */
    struct irq_line *const lines = s->lines;
    const handle_t port = s->port;
    struct irq_gate gate = irq_gate_open(parent);
    struct msg m = { .info = IRQ_TAKE_ONE };
    int64_t from = ipc_notify_receive(0, 0, port, &m);

    for (;;) {
        const struct irq_line *line = recent[irq_recent_slot((uint64_t)from)];

        if (line->key == irq_line_key((uint64_t)from, m.w[0]) && m.info == IRQ_OP_ACK) {
            release(hw, line);
            m.info = IRQ_TAKE_ONE; /* and status E_OK */
            from = ipc_reply_receive(port, &m);
        } else if (from >> 32 == RECV_EVENTS && (m.w[0] & IRQ_EVENT_PARENT) != 0) {
            uint64_t others = m.w[0] & ~IRQ_EVENT_PARENT;
            struct irq_taken taken = take(hw);
            gate.idle = taken.up != 0 ? 0 : gate.idle + 1;
            if (gate.device == 0 || gate.idle >= IRQ_IDLE_MAX ||
                sys_device_access(gate.device, 0, 4 | DEVICE_WRITE, 0, &gate.value) != E_OK) {
                irq_gate_ack(parent, &gate);
            }
            line = &lines[s->line_max];
            for (; taken.up != 0; taken.up &= taken.up - 1) { /* at most 32 times */
                if (line->port != 0) {
                    (void)sys_notify(line->port, line->bits); /* a driver that is gone is *closed* soon */
                }
                line = irq_line_fire(s, &lines[taken.first + (uint32_t)__builtin_ctz(taken.up)]);
            }
            if (others != 0) { /* events came together: these next, by themselves */
                (void)sys_notify(line->port, line->bits); /* likewise, or it is nobody */
                m = (struct msg){ .w = { others } }; /* whole: else its words would be kept across the call above */
                continue;
            }
            m.info = IRQ_TAKE_ONE;
            from = ipc_notify_receive(line->port, line->bits, port, &m);
        } else if (from >> 32 == RECV_CALL) {
            struct irq_request request = { m, s };
            irq_server_serve(from, &request);
            m = request.msg;
            m.info |= IRQ_TAKE_ONE;
            from = ipc_reply_receive(port, &m);
        } else {
            struct msg next;
            from = irq_server_event(s, from, &next);
            m = next;
            if (from < 0) {
                return (status_t)from;
            }
        }
    }
}
#undef IRQ_INLINE

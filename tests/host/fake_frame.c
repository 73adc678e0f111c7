/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_frame.h.
 */
#include "fake_frame.h"
#include <cambium/client.h>
#include <cambium/marker.h>
#include <cambium/proto/init.h>
#include <cambium/proto/reset.h>
#include <cambium/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct fake_world fake;
uint8_t fake_buf[2][FAKE_BUF_LEN];
struct command_page fake_command;

struct start_info fake_start;
const struct start_info *start_info = &fake_start;

static struct event queue[FAKE_QUEUE_LEN];
static struct received {
    int64_t from;
    struct msg msg;
} receives[FAKE_QUEUE_LEN];
static unsigned queued, taken;
static bool unfinished; /* an event that event_done has not seen */
static unsigned next_buf;
static jmp_buf leave;

static char said[1 << 16]; /* all lines that were logged */
static size_t said_len;

void fake_frame_reset(void)
{
    fake_mmio_reset();
    said_len = 0;
    said[0] = '\0';
    memset(&fake, 0, sizeof(fake));
    memset(&fake_command, 0, sizeof(fake_command));
    memset(&fake_start, 0, sizeof(fake_start));
    memset(fake_buf, 0, sizeof(fake_buf));
    fake.path = "/node@0";
    fake.memory_len = 8192;
    queued = taken = next_buf = 0;
    unfinished = false;
}

static void *fake_slot(void *slots, size_t len)
{
    if (queued == FAKE_QUEUE_LEN) {
        fail_msg("the queue is full");
    }
    return (char *)slots + len * queued++;
}

void fake_event(struct event ev)
{
    memcpy(fake_slot(queue, sizeof(ev)), &ev, sizeof(ev));
}

void fake_call_handles(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1, handle_t h6,
                       handle_t h7)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = badge,
                        .msg = { .w = { w0, w1, 0, 0, 0, 0, h6, h7 } } };

    ev.msg.info = msg_info(op, h6 != 0 ? 2 : h7 != 0, 0);
    fake_event(ev);
}

void fake_call(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1)
{
    fake_call_handles(badge, op, w0, w1, 0, 0);
}

void fake_receive(int64_t from, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w7)
{
    struct received r = { from, { info, { w0, w1, 0, 0, 0, 0, 0, w7 } } };
    memcpy(fake_slot(receives, sizeof(r)), &r, sizeof(r));
}

void fake_run(int (*server_main)(void))
{
    fake.main_returned = false;
    if (setjmp(leave) == 0) {
        fake.main_result = server_main();
        fake.main_returned = true;
    }
    queued = taken = 0;
}

/* ---- driver.h ---- */

struct node driver_node(void)
{
    return fake.node;
}

const char *driver_path(void)
{
    return fake.path;
}

status_t node_mmio(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    (void)node;
    if (fake.mmio_error) {
        return fake.mmio_error;
    }
    *out = fake_mmio_window(index, fake.window_len[index] > len ? fake.window_len[index] : len);
    out->base = fake.shared_page ? 0 : 1;
    return E_OK;
}

status_t node_mmio_checked(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    (void)node;
    if (index >= FAKE_WINDOWS || fake.window_len[index] == 0) {
        return E_NOTFOUND;
    }
    if (fake.mmio_error || fake.window_len[index] < len) {
        return fake.mmio_error ? fake.mmio_error : E_RANGE;
    }
    *out = fake_mmio_window(index, fake.window_len[index]);
    out->base = 0;
    return E_OK;
}

status_t node_mmio_part(struct node node, unsigned index, uint64_t offset, uint64_t len,
                        struct mmio *out)
{
    struct mmio all;
    status_t err = node_mmio_checked(node, index, len, &all);

    if (err) {
        return err;
    }
    if (fake.shared_page || offset > all.len - len) {
        return fake.shared_page ? E_NOSYS : E_RANGE;
    }
    *out = fake_mmio_window(index, len);
    out->base += offset;
    return E_OK;
}

status_t node_aperture_mmio(struct node node, unsigned range, uint64_t offset, uint64_t len,
                            struct mmio *out)
{
    (void)node;
    fake.aperture = range;
    fake.aperture_offset = offset;
    if (fake.aperture_error == E_OK) {
        *out = fake_mmio_window(1, len);
        out->base += offset % FAKE_WINDOW_LEN;
        out->device = FAKE_DERIVED;
    }
    return fake.aperture_error;
}

status_t node_irq(struct node node, unsigned index)
{
    (void)node, (void)index;
    fake.irqs_attached += fake.irq_error == E_OK;
    return fake.irq_error;
}

status_t node_clock_hz(struct node node, const char *name, uint32_t *out)
{
    (void)node;
    if (fake.clock != NULL) {
        return fake.clock(name, 0, out);
    }
    if (fake.clock_hz == 0 || (name != NULL && strcmp(name, "uartclk") != 0)) {
        return E_NOTFOUND;
    }
    *out = fake.clock_hz;
    return E_OK;
}

status_t node_clock_set_hz(struct node node, const char *name, uint32_t hz, uint32_t *out)
{
    (void)node;
    return fake.clock != NULL ? fake.clock(name, hz, out) : E_NOTFOUND;
}

status_t node_clock_enable(struct node node, unsigned index)
{
    (void)node;
    fake.clocks_enabled |= fake.clock_error == E_OK ? 1u << index : 0;
    return fake.clock_error;
}

static status_t reset_ask(const char *name, uint32_t op, bool *out)
{
    fake_trace_add(FAKE_RESET, op, 0, 0);
    return fake.reset != NULL ? fake.reset(name, op, out) : E_NOTFOUND;
}

status_t node_reset_set(struct node node, const char *name, bool is_asserted)
{
    bool unused;

    (void)node;
    return reset_ask(name, is_asserted ? RESET_OP_ASSERT : RESET_OP_DEASSERT, &unused);
}

status_t node_reset_get(struct node node, const char *name, bool *out)
{
    (void)node;
    return reset_ask(name, RESET_OP_STATUS, out);
}

status_t node_reset_pulse(struct node node, const char *name)
{
    bool unused;

    (void)node;
    return reset_ask(name, RESET_OP_PULSE, &unused);
}

status_t node_u32(struct node node, const char *name, uint32_t *out)
{
    (void)node;
    for (int i = -1; i < (int)(sizeof(fake.cells) / sizeof(fake.cells[0])); i++) {
        const struct fake_cell *cell = i < 0 ? &fake.cell : &fake.cells[i];
        if (cell->name != NULL && strcmp(name, cell->name) == 0) {
            *out = cell->value;
            return E_OK;
        }
    }
    if (fake.current_speed == 0 || strcmp(name, "current-speed") != 0) {
        return E_NOTFOUND;
    }
    *out = fake.current_speed;
    return E_OK;
}

uint32_t node_u32_or(struct node node, const char *name, uint32_t fallback)
{
    uint32_t value = fallback;

    return node_u32(node, name, &value) == E_OK ? value : fallback;
}

void event_accept(unsigned handles)
{
    fake.accept = handles;
}

struct event event_wait(void)
{
    if (unfinished) {
        fail_msg("event_wait before event_done");
    }
    fake_trace_add(FAKE_RECEIVE, 0, fake.accept, 0);
    if (taken == queued) {
        longjmp(leave, 1);
    }
    unfinished = true;
    return queue[taken++];
}

void event_hold(struct event *ev)
{
    if (!unfinished || ev->kind != EV_IRQ) {
        fail_msg("event_hold of no interrupt");
    }
    unfinished = false;
    fake.held |= 1u << ev->irq;
}

void event_done(struct event *ev, status_t status)
{
    if (ev->kind == EV_IRQ && (fake.held & 1u << ev->irq) != 0) {
        fake.held &= ~(1u << ev->irq);
        fake_trace_add(FAKE_DONE, (uint64_t)status, ev->kind, ev->irq);
        return;
    }
    if (!unfinished) {
        fail_msg("event_done twice");
    }
    unfinished = false;
    for (unsigned i = 0;
         ev->kind == EV_CALL && status != E_OK && i < info_handles(queue[taken - 1].msg.info);
         i++) {
        (void)sys_handle_close((handle_t)ev->msg.w[MSG_WORDS - 1 - i]);
    }
    fake.reply = ev->msg;
    fake.reply_status = status;
    fake_trace_add(FAKE_DONE, (uint64_t)status, ev->kind, 0);
}

status_t event_keep(struct event *ev, handle_t *out_reply)
{
    (void)ev;
    if (fake.keep_error == E_OK) {
        unfinished = false;
        *out_reply = fake.kept++;
    }
    return fake.keep_error;
}

void event_answer(handle_t reply, status_t status, struct msg *m)
{
    if (reply >= fake.kept || fake.answers[reply].is_given) {
        fail_msg("answer to nobody, or the second one: %u", (unsigned)reply);
    }
    fake.answers[reply] = (struct fake_answer){ true, status, *m };
}

void driver_ready(void)
{
    fake.ready = true;
}

bool driver_command(struct event *out)
{
    if (fake_command.seq == fake_command.done) {
        return false;
    }
    *out = (struct event){ .kind = EV_COMMAND, .msg = { .info = fake_command.op } };
    memcpy(out->msg.w, fake_command.arg, sizeof(fake_command.arg));
    fake_command.done = fake_command.seq;
    unfinished = true;
    return true;
}

void event_notify(handle_t target, uint64_t bits)
{
    if (target != 0) {
        fake_trace_add(FAKE_NOTIFY, target, bits, 0);
    }
}

void event_subscribe(handle_t port, uint64_t base)
{
    if (fake.subscriber != 0) {
        (void)sys_handle_close(fake.subscriber);
    }
    fake.subscriber = port;
    fake.subscriber_base = base;
    fake.signalled = 0;
}

void event_signal(uint32_t bits)
{
    uint32_t news = bits & ~fake.signalled;

    fake.signalled = bits;
    if (news != 0 && fake.subscriber != 0) {
        fake_trace_add(FAKE_SIGNAL, 0, news, 0);
    }
}

/* Keeps all lines, each between two line ends. */
static void say(void)
{
    size_t len = strlen(fake.log);

    if (said_len + len + 2 < sizeof(said)) {
        said[said_len] = '\n';
        memcpy(&said[said_len + 1], fake.log, len + 1);
        said_len += len + 1;
    }
}

unsigned fake_said(const char *line)
{
    size_t len = strlen(line);
    unsigned count = 0;

    for (const char *at = said; (at = strstr(at, line)) != NULL; at += len) {
        count += at > said && at[-1] == '\n' && (at[len] == '\n' || at[len] == '\0');
    }
    return count;
}

#define FAKE_LOG(name)                                                                             \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        (void)vsnprintf(fake.log, sizeof(fake.log), format, args);                                 \
        va_end(args);                                                                              \
        fake.log_lines++;                                                                          \
        say();                                                                                     \
    }
FAKE_LOG(log_error)
FAKE_LOG(log_warn)
FAKE_LOG(log_info)
FAKE_LOG(log_debug)

/* Of tools/bench, which does not look here. */
void marker_pci_from(void) {}

void marker_pci_to(void) {}

/* ---- calls, time, DMA ---- */

status_t msg_call(handle_t port, struct msg *m)
{
    return fake.call != NULL ? fake.call(port, m) : E_HANDLE;
}

status_t sys_call(handle_t port, struct msg *m)
{
    fake_trace_add(FAKE_CALL, port, info_op(m->info), 0);
    return msg_call(port, m);
}

/* The answer's status stands in the message. */
status_t sys_call_deadline(handle_t port, struct msg *m, uint64_t deadline)
{
    status_t err = msg_call(port, m);

    (void)deadline;
    m->info = msg_info((uint32_t)err, 0, 0);
    return err == E_HANDLE || err == E_TIMEOUT || err == E_DEAD ? err : E_OK;
}

void sleep_ns(uint64_t ns)
{
    fake_trace_add(FAKE_SLEEP, 0, ns, 0);
    fake.now_ns += ns;
}

uint64_t time_now_ns(void)
{
    return fake.now_ns;
}

uint64_t time_deadline(uint64_t timeout_ns)
{
    return fake.now_ns + timeout_ns;
}

status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits)
{
    (void)port;
    fake.timer_ns = deadline;
    fake.timer_bits = bits;
    return fake.timer_error;
}

status_t node_dma(struct node node, unsigned index, uint64_t len, uint64_t limit, uint32_t flags,
                  struct dma *out)
{
    uint64_t at = index * fake.dma_stride;

    (void)node;
    fake.dma_len = len;
    fake.dma_limit = limit;
    fake.dma_flags = flags;
    if (fake.dma_error == E_OK) {
        *out = (struct dma){ .at = (uint8_t *)fake.dma_at + at,
                             .bus = fake.dma_bus + at,
                             .pa = fake.dma_pa + at,
                             .len = len,
                             .is_old = fake.dma_is_old };
    }
    return fake.dma_error;
}

status_t node_buffer_bus(struct node node, handle_t memory, unsigned pages, uint64_t *out)
{
    (void)node, (void)memory;
    for (unsigned i = 0; i < pages && fake.buffer_error == E_OK; i++) {
        out[i] = fake.buffer_bus + i * 4096ull;
    }
    return fake.buffer_error;
}

status_t node_buffer_register(struct node node, handle_t memory, uint32_t *out)
{
    (void)node, (void)memory;
    if (fake.register_error == E_OK) {
        fake.buffers++;
        *out = ++fake.buffers_registered;
    }
    return fake.register_error;
}

status_t node_buffer_unregister(struct node node, uint32_t number)
{
    (void)node;
    if (number > fake.buffers_registered) {
        return E_NOTFOUND;
    }
    fake.buffers -= number != INIT_DMA_EARLIER;
    return E_OK;
}

/* ---- start.h, client.h, sys.h ---- */

handle_t start_handle(const char *name)
{
    static const char *const names[] = {
        "port",        "init event",       "device",  "chosen",  "command",     "mboxes 0",
        "port notify", "service firmware", "gpios 0", "gpios 1", "gpios 4",     "gpios 6",
        "gpios 7",     "interrupts 0",     "parent",  "init",    "msi-parent 0"
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0 &&
            (fake.no_handle == NULL || strcmp(name, fake.no_handle) != 0)) {
            return i + 1;
        }
    }
    return 0;
}

uint64_t vm_reserve(uint64_t len)
{
    if (fake.reserve != NULL) {
        return (uintptr_t)fake.reserve(len);
    }
    if (len > FAKE_BUF_LEN) {
        return 0;
    }
    return (uintptr_t)fake_buf[next_buf++ % 2];
}

void vm_release(uint64_t va, uint64_t len)
{
    (void)va, (void)len;
}

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    (void)len, (void)flags, (void)limit;
    *out = FAKE_MEMORY;
    return fake.memory_error;
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    (void)memory, (void)offset;
    *out_len = fake.memory_len;
    *out_pa = 0;
    return fake.memory_info != NULL ? fake.memory_info(memory, out_len) : E_OK;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    (void)process, (void)object, (void)window, (void)offset, (void)len, (void)va, (void)flags;
    fake.mapped += fake.map_error == E_OK;
    return fake.map_error;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    (void)process, (void)va, (void)len;
    fake.mapped--;
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    fake_trace_add(FAKE_CLOSE, h, 0, 0);
    return E_OK;
}

status_t sys_handle_dup(handle_t h, uint32_t rights, uint32_t badge, handle_t *out)
{
    (void)badge;
    fake.copied_rights = rights;
    *out = h + 1;
    return E_OK;
}

status_t sys_device_derive(handle_t parent, uint32_t flags, unsigned count,
                           const struct device_window *windows, handle_t *out)
{
    (void)parent, (void)flags, (void)count;
    fake.derived_pa = windows[0].pa;
    fake.derived_len = windows[0].len;
    *out = FAKE_DERIVED;
    return fake.derive_error;
}

status_t sys_device_access(handle_t device, unsigned window, uint32_t op, uint64_t offset,
                           uint64_t *value)
{
    assert_true(window == 0 && offset == 0);
    fake_trace_add(FAKE_ACCESS, device, op, *value);
    return fake.access_error;
}

status_t sys_irq_root(handle_t device, handle_t port, uint32_t flags, uint64_t *out_affinity)
{
    (void)device, (void)port;
    fake.root_flags = flags;
    if (fake.root_error == E_OK && out_affinity != NULL) {
        *out_affinity = fake.affinity;
    }
    return fake.root_error;
}

status_t sys_notify(handle_t port, uint64_t bits)
{
    fake_trace_add(FAKE_NOTIFY, port, bits, 0);
    return E_OK;
}

static int64_t fake_next(struct msg *m)
{
    fake_trace_add(FAKE_RECEIVE, 0, info_accept(m->info), 0);
    if (taken == queued) {
        return E_HANDLE;
    }
    *m = receives[taken].msg;
    return receives[taken++].from;
}

int64_t sys_notify_receive(handle_t target, uint64_t bits, handle_t port, struct msg *m)
{
    (void)port;
    if (target != 0) {
        fake_trace_add(FAKE_NOTIFY, target, bits, 0);
        if (fake.notify_error) {
            return fake.notify_error;
        }
    }
    return fake_next(m);
}

int64_t sys_reply_receive(handle_t port, struct msg *m)
{
    (void)port;
    fake.reply = *m;
    fake.reply_status = (status_t)info_op(m->info);
    fake_trace_add(FAKE_REPLY, (uint64_t)fake.reply_status, m->w[0], 0);
    return fake_next(m);
}

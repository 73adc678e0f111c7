/* SPDX-License-Identifier: BSD-2-Clause
 * libFuzzer's target for virtio: drv/virtio_rng and the queue below it, against a device that does anything. The input is a
 * list of steps: clients ask and die, time passes, interrupts come, the device fills buffers or says that it did, and writes
 * whatever it likes anywhere in the memory that it can reach. The first byte says over which transport.
 *
 * What must hold: nothing is touched outside of that memory and the driver's own (the sanitizers see it), no loop goes on,
 * nobody is answered twice; and as long as the device is honest, each byte given is one that it wrote, in its order.
 */
int rng_main(void);
#define main rng_main
#include "servers/drv/virtio_rng/virtio_rng.c"
#undef main
#include "fake_virtio_pci.h"
#include <stdio.h>
#include <stdlib.h>

#define MUST(x) ((x) ? (void)0 : (fprintf(stderr, "does not hold: %s\n", #x), abort()))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct rng r;
static bool is_honest;
static uint64_t written, given; /* bytes of the stream; the n-th is stream_byte(n) */
static struct fake_virtio_buffer has;
static unsigned looked_at; /* answers that were checked */

static uint8_t stream_byte(uint64_t n)
{
    return (uint8_t)(n % 255 + 1);
}

static void check_answers(void)
{
    MUST(fake.kept <= sizeof(fake.answers) / sizeof(fake.answers[0]));
    for (unsigned n = looked_at; n < fake.kept; n++) {
        const struct fake_answer *a = &fake.answers[n];
        const uint8_t *bytes = (const uint8_t *)&a->m.w[1];

        if (!a->is_given) {
            continue; /* it waits, or its client is gone: whoever came later was answered later */
        }
        looked_at = n + 1;
        MUST(a->status == E_OK || a->status == E_TIMEOUT);
        MUST(a->m.w[0] <= ENTROPY_READ_LEN && (a->m.w[0] != 0) == (a->status == E_OK));
        if (!is_honest || a->m.w[0] == 0) {
            continue;
        }
        while (given < written && stream_byte(given) != bytes[0]) {
            given++; /* those for clients that had gone */
        }
        for (uint64_t i = 0; i < a->m.w[0]; i++, given++) {
            MUST(given < written && bytes[i] == stream_byte(given));
        }
    }
}

static int nothing(void)
{
    return 0;
}

/* What a started driver does with an event; false: it ends. */
static bool event(struct event ev)
{
    fake_event(ev);
    ev = event_wait();
    status_t err = rng_event(&r, &ev);
    fake_run(nothing); /* empties the queue */
    fake_trace_clear();
    check_answers();
    return err == E_OK;
}

static bool device_fills(uint8_t how_much)
{
    how_much += how_much == 0; /* no bytes are a lie */
    for (uint32_t i = 0; i < has.count; i++) {
        uint32_t n = has.pieces[i].len < how_much ? has.pieces[i].len : how_much;
        for (uint32_t k = 0; is_honest && has.pieces[i].at != NULL && k < n; k++) {
            has.pieces[i].at[k] = stream_byte(written++);
        }
        if (has.pieces[i].is_written) {
            fake_virtio_use(has.head, n);
            break;
        }
    }
    has.count = 0;
    return event((struct event){ .kind = EV_IRQ });
}

static bool step(uint8_t op, const uint8_t *a)
{
    switch (op % 10) {
    case 0:
        return fake.kept == 64 ||
               event((struct event){
                   .kind = EV_CALL,
                   .badge = a[0] % 20u,
                   .msg = { a[1] % 8 == 0 ? a[1] : ENTROPY_OP_READ, { a[2] % 64u } } });
    case 1:
        return event((struct event){ .kind = EV_CLOSED, .badge = a[0] % 20u });
    case 2:
        fake.now_ns += a[0] * 10000000ull;
        return event((struct event){ .kind = EV_NOTIFY, .bits = fake.timer_bits });
    case 3:
        return event((struct event){ .kind = EV_IRQ });
    case 4:
    case 5:
        if (has.count == 0 && !fake_virtio_take(&has)) {
            return true;
        }
        return has.count == 0 || device_fills(a[0]);
    case 6: /* from here on it lies */
        is_honest = false;
        fake_virtio_use(a[0] % 4u | (uint32_t)(a[0] / 16) << a[2] % 29,
                        (uint32_t)a[1] << a[2] % 25);
        return event((struct event){ .kind = EV_IRQ });
    case 7:
        is_honest = false;
        fake_virtio.interrupt = a[0];
        fake_virtio.status |= a[1] & 64;
        return event((struct event){ .kind = EV_IRQ });
    default:
        is_honest = false;
        memset(fake_virtio_memory + (a[0] % 24u) * 1024 + a[1] % 252u * 4, a[2], a[2] % 16u);
        return true;
    }
}

static status_t begin(void)
{
    status_t err = virtio_open(fake.node, VIRTIO_ID_ENTROPY, &r.virtio);

    err = err ? err : virtio_irq(&r.virtio, fake.node);
    err = err ? err : virtqueue_open(&r.queue, &r.virtio, fake.node, 0, QUEUE_SIZE);
    err = err ? err : node_dma(fake.node, 1, BUFFER_LEN, 0, 0, &r.buffer);
    return err ? err : rng_start(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fake_frame_reset();
    if (len != 0 && data[0] % 4 == 3) {
        fake_virtio_pci_reset();
        fake_pci.mode = data[0] % 8 == 3 ? PCI_IRQ_INTX : PCI_IRQ_MSIX;
    } else {
        fake_virtio_reset();
    }
    memset(&r, 0, sizeof(r));
    has.count = 0;
    written = given = looked_at = 0;
    fake_virtio.version = len != 0 && data[0] % 2 == 0 ? 1 : 2;
    fake_virtio.lets_pass = true;
    is_honest = true;
    MUST(begin() == E_OK);
    bool goes_on = true;
    for (size_t at = 1; goes_on && at + 4 <= len && at < 4000; at += 4) {
        goes_on = step(data[at], &data[at + 1]);
        MUST(goes_on ||
             (!is_honest && fake_virtio.status == 0)); /* only a liar is given up, and reset */
        MUST(r.server.waiting_count <= ENTROPY_WAITING);
        MUST(r.queue.free_count + r.is_out == r.queue.size || !goes_on);
    }
    return 0;
}

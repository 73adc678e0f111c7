/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_console - serial driver server for the consoles of virtual machines.
 *
 * Device:   Virtual I/O Device (VIRTIO) Version 1.2, 5.3; legacy devices too. No features: one port, without a size.
 * Binding:  README.md beside this file (one reg, one interrupt).
 * Protocol: <cambium/proto/serial.h>, one client; <cambium/serial_server.h> serves it.
 * Not here: several ports, the size of somebody's window, line discipline, sharing (servers/mux/serial shares).
 *
 * A buffer is with the device or here. Here, one that was received into still has bytes that the client's ring had no room for,
 * and goes back when it is empty; one that was sent from is free.
 */
#include <cambium/serial_server.h>
#include <cambium/virtio.h>

enum { RECEIVE = 0, TRANSMIT = 1, QUEUES = 2 }; /* 5.3.2: those of port 0 */
enum { BUFFERS = 4, BUFFER_LEN = 1024 };        /* of each queue */

struct buffer {
    uint8_t *at;
    uint64_t bus;
    uint32_t len, done; /* bytes that came, and how many of them were moved on */
};

struct console {
    struct virtio virtio;
    struct virtqueue queues[QUEUES];
    struct dma dma; /* all buffers */
    struct buffer buffers[QUEUES][BUFFERS];
    struct buffer *here[QUEUES][BUFFERS]; /* in the order in which they came back */
    unsigned here_count[QUEUES];
    struct serial_server serial;
};

DEV_MATCH_TABLE struct dev_match console_match[] = {
    DEV_MATCH("virtio,mmio 0=74726976 8=3", "serial", "reg interrupts", 0),
    DEV_MATCH("pci1af4,1043", "serial", "parent", 0),
    DEV_MATCH("pci1af4,1003", "serial", "parent", 0), /* transitional */
};

/* ---- buffers ---- */

/* The first that is here becomes the device's. */
static status_t console_put(struct console *c, unsigned queue, uint32_t len)
{
    struct buffer **here = c->here[queue];
    struct virtqueue_piece piece = { here[0]->bus, len, queue == RECEIVE };
    status_t err = virtqueue_put(&c->queues[queue], &piece, 1, here[0]);

    if (!err) {
        c->here_count[queue]--;
        for (unsigned i = 0; i < c->here_count[queue]; i++) {
            here[i] = here[i + 1];
        }
    }
    return err;
}

/* What the device is done with comes here. Ends: nothing is put meanwhile, and the queue gives each buffer back once. */
static status_t console_take(struct console *c, unsigned queue)
{
    uint32_t len;
    void *token;
    status_t err;

    while (!(err = virtqueue_take(&c->queues[queue], &token, &len))) {
        struct buffer *b = token;
        if (len > BUFFER_LEN) {
            return virtio_fail(&c->virtio, "%u bytes in a buffer of %u", (unsigned)len, BUFFER_LEN);
        }
        b->len = len; /* 0 of one that was sent from */
        b->done = 0;
        serial_server_took(&c->serial, len);
        c->here[queue][c->here_count[queue]++] = b;
    }
    return err == E_AGAIN ? E_OK : err;
}

/* From the buffers to the client's ring, as long as it has room; empty ones go back. */
static status_t console_receive(struct console *c)
{
    unsigned given = 0;
    status_t err = E_OK;

    while (!err && c->here_count[RECEIVE] != 0) {
        struct buffer *b = c->here[RECEIVE][0];
        uint32_t count = ring_write(&c->serial.rx, b->at + b->done, b->len - b->done);
        b->done += count;
        c->serial.beside -= count;
        if (b->done < b->len) {
            break; /* it is full: the rest stays until the client has read */
        }
        err = console_put(c, RECEIVE, BUFFER_LEN);
        given++;
    }
    if (given != 0) {
        virtqueue_kick(&c->queues[RECEIVE]);
    }
    return err;
}

/* From the client's ring to free buffers. */
static status_t console_send(struct console *c)
{
    unsigned given = 0;
    status_t err = E_OK;

    while (!err && c->here_count[TRANSMIT] != 0 && !ring_empty(&c->serial.tx)) {
        uint32_t count = ring_read(&c->serial.tx, c->here[TRANSMIT][0]->at, BUFFER_LEN);
        err = console_put(c, TRANSMIT, count);
        serial_server_sent(&c->serial);
        given++;
    }
    if (given != 0) {
        virtqueue_kick(&c->queues[TRANSMIT]);
    }
    return err;
}

/* ---- the loop ---- */

static status_t console_pump(struct console *c)
{
    status_t err = console_receive(c);

    err = err ? err : console_send(c);
    serial_server_signal(&c->serial);
    return err;
}

static status_t console_interrupt(struct console *c, unsigned irq)
{
    uint32_t causes; /* of no interest: both queues are looked at */
    status_t err = virtio_interrupt(&c->virtio, irq, &causes);

    err = err ? err : console_take(c, RECEIVE);
    return err ? err : console_take(c, TRANSMIT);
}

/* An event, finished; an error is the device's. */
static status_t console_event(struct console *c, struct event *ev)
{
    status_t answer = serial_server_event(&c->serial, ev), err = E_OK;

    if (ev->kind == EV_IRQ) {
        err = console_interrupt(c, ev->irq);
    }
    err = err ? err : console_pump(c);
    event_done(ev, answer); /* replies to the call, or re-arms the interrupt */
    return err;
}

/* All buffers are here, as many as the queue has room for. */
static void console_lay_out(struct console *c, unsigned queue)
{
    unsigned count = c->queues[queue].size < BUFFERS ? c->queues[queue].size : BUFFERS;

    for (unsigned i = 0; i < count; i++) {
        uint32_t at = (queue * BUFFERS + i) * BUFFER_LEN;
        c->buffers[queue][i] =
            (struct buffer){ .at = (uint8_t *)c->dma.at + at, .bus = c->dma.bus + at };
        c->here[queue][i] = &c->buffers[queue][i];
    }
    c->here_count[queue] = count;
}

/* After this nothing is left of what an earlier incarnation had asked for. */
static status_t console_start(struct console *c)
{
    status_t err = virtio_begin(&c->virtio, 0);

    for (unsigned i = 0; !err && i < QUEUES; i++) {
        err = virtqueue_start(&c->queues[i]);
        console_lay_out(c, i);
    }
    err = err ? err : virtio_ready(&c->virtio);
    return err ? err : console_pump(c);
}

static status_t console_claim(struct console *c, struct node node)
{
    status_t err = virtio_open(node, VIRTIO_ID_CONSOLE, &c->virtio);

    for (unsigned i = 0; !err && i < QUEUES; i++) {
        err = virtqueue_open(&c->queues[i], &c->virtio, node, i, BUFFERS);
    }
    err = err ? err : node_dma(node, QUEUES, QUEUES * BUFFERS * BUFFER_LEN, 0, 0, &c->dma);
    return err ? err : virtio_irq(&c->virtio, node);
}

int main(void)
{
    static struct console console;
    struct node node = driver_node();
    status_t err = console_claim(&console, node);

    serial_server_open();
    err = err ? err : console_start(&console);
    while (!err) {
        struct event ev = event_wait();
        err = console_event(&console, &ev);
    }
    return err; /* init reports it against the node's path, and starts the next incarnation */
}

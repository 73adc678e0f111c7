/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_virtio.h. Offsets and layouts are written down here again, from the specification, on purpose.
 */
#include "fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

struct fake_virtio fake_virtio;
_Alignas(4096) uint8_t fake_virtio_memory[FAKE_VIRTIO_LEN];
_Alignas(4096) uint8_t fake_virtio_data[FAKE_VIRTIO_DATA_LEN];

static struct fake_virtio *const d = &fake_virtio;

#define MUST(what, why)                                                                            \
    do {                                                                                           \
        if (!(what) && !d->lets_pass) {                                                            \
            fail_msg("%s", why);                                                                   \
        }                                                                                          \
    } while (0)

static uint8_t *reach(uint64_t bus, uint64_t len)
{
    uint64_t at = bus - FAKE_VIRTIO_BUS, in_data = bus - FAKE_VIRTIO_DATA_BUS;

    if (in_data < FAKE_VIRTIO_DATA_LEN && len <= FAKE_VIRTIO_DATA_LEN - in_data) {
        return fake_virtio_data + in_data;
    }
    if (at > FAKE_VIRTIO_LEN || len > FAKE_VIRTIO_LEN - at) {
        MUST(false, "an address outside of the memory for DMA");
        return NULL;
    }
    return fake_virtio_memory + at;
}

static uint16_t load16(uint64_t bus)
{
    uint16_t value = 0;
    uint8_t *at = reach(bus, sizeof(value));

    if (at != NULL) {
        memcpy(&value, at, sizeof(value));
    }
    return value;
}

static void store(uint64_t bus, const void *value, uint64_t len)
{
    uint8_t *at = reach(bus, len);

    if (at != NULL) {
        memcpy(at, value, len);
    }
}

/* ---- registers ---- */

struct fake_virtio_queue *fake_virtio_selected(void)
{
    return d->queue_sel < d->queue_count ? &d->queues[d->queue_sel] : NULL;
}

/* The same for writing; nobody looks at it if the driver may do that where there is none. */
static struct fake_virtio_queue *selected(void)
{
    static struct fake_virtio_queue none;

    MUST(fake_virtio_selected() != NULL, "a queue that is not there");
    return fake_virtio_selected() != NULL ? fake_virtio_selected() : &none;
}

static uint32_t device_read(unsigned window, uint32_t offset)
{
    uint32_t word;

    (void)window;
    if (offset >= 0x100 && offset < 0x100 + FAKE_VIRTIO_CONFIG) {
        memcpy(&word, d->config + (offset - 0x100), sizeof(word));
        return word;
    }
    switch (offset) {
    case 0x000:
        return d->magic;
    case 0x004:
        return d->version;
    case 0x008:
        return d->id;
    case 0x010:
        return d->features_sel == 0   ? (uint32_t)d->features
               : d->features_sel == 1 ? (uint32_t)(d->features >> 32)
                                      : 0;
    case 0x034:
        return fake_virtio_selected() != NULL ? d->queue_max : 0;
    case 0x060:
        return d->interrupt;
    case 0x070:
        return d->status;
    case 0x0fc:
        MUST(d->version == 2, "a legacy device has no configuration generation");
        d->generation += d->never_settles;
        return d->generation;
    default:
        MUST(false, "a register that cannot be read");
        return ~0u;
    }
}

static void device_reset(void)
{
    d->resets++;
    if (!d->never_resets) {
        d->status = 0;
        d->agreed = 0;
        memset(d->queues, 0, sizeof(d->queues));
        d->interrupt = 0;
    }
}

void fake_virtio_status(uint8_t status)
{
    if (status == 0) {
        device_reset();
        return;
    }
    MUST((status & d->status) == d->status || d->never_resets,
         "a bit of the status was taken back");
    MUST((status & 2) == 0 || (d->status & 1) != 0, "DRIVER before ACKNOWLEDGE");
    MUST((status & 8) == 0 || d->version == 2, "a legacy device has no FEATURES_OK");
    MUST((status & 4) == 0 || d->version == 1 || (d->status & 8) != 0,
         "DRIVER_OK before FEATURES_OK");
    MUST((d->agreed & ~d->features) == 0, "a feature that was not offered");
    MUST((status & 8) == 0 || (d->agreed & 1ull << 32) != 0, "VERSION_1 was not agreed to");
    d->status = status & (uint8_t)(d->refuses_features ? ~8 : ~0);
}

static void write_half(uint64_t *address, uint32_t offset, uint32_t value)
{
    MUST(d->version == 2, "a register that legacy devices lack");
    *address = offset % 8 == 0 ? (*address & ~0xffffffffull) | value
                               : (*address & 0xffffffff) | (uint64_t)value << 32;
}

/* The queue is told: 4.2.3.2, and 4.2.4 for a legacy device. */
void fake_virtio_queue_begins(void)
{
    struct fake_virtio_queue *q = selected();

    MUST((d->status & 4) == 0, "a queue was told after DRIVER_OK");
    MUST(q->num != 0 && q->num <= d->queue_max && (q->num & (q->num - 1)) == 0,
         "a queue of a size that it cannot have");
    MUST(q->desc % 16 == 0 && q->avail % 2 == 0 && q->used % 4 == 0, "parts that are not aligned");
    q->is_live = true;
}

static void write_legacy_queue(uint32_t page)
{
    struct fake_virtio_queue *q = selected();

    MUST(d->version == 1, "a register that only legacy devices have");
    MUST(d->page == 4096 && d->align != 0 && (d->align & (d->align - 1)) == 0,
         "unit or alignment was not told");
    q->desc = (uint64_t)page * d->page;
    q->avail = q->desc + 16ull * q->num;
    q->used = (q->avail + 6 + 2ull * q->num + d->align - 1) & ~(uint64_t)(d->align - 1);
    fake_virtio_queue_begins();
}

void fake_virtio_notify(uint32_t queue)
{
    const struct fake_entry *before = &fake_trace[fake_trace_len - 2];

    MUST(queue < d->queue_count && d->queues[queue].is_live && (d->status & 4) != 0,
         "a notification of a queue that is not on");
    MUST(before->kind == FAKE_BARRIER && before->a == 1, "no barrier before the notification");
    d->notified++;
    if (queue < d->queue_count) {
        d->queues[queue].notified++;
    }
    if (d->on_notify != NULL) {
        d->on_notify();
    }
}

static void device_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    switch (offset) {
    case 0x014:
        d->features_sel = value;
        break;
    case 0x020:
        d->agreed = d->driver_sel == 0 ? (d->agreed & ~0xffffffffull) | value
                                       : (d->agreed & 0xffffffff) | (uint64_t)value << 32;
        break;
    case 0x024:
        d->driver_sel = value;
        break;
    case 0x028:
        d->page = value;
        break;
    case 0x030:
        d->queue_sel = value;
        break;
    case 0x038:
        selected()->num = value;
        break;
    case 0x03c:
        d->align = value;
        break;
    case 0x040:
        write_legacy_queue(value);
        break;
    case 0x044:
        MUST(value == 1 && d->version == 2, "QUEUE_READY");
        fake_virtio_queue_begins();
        break;
    case 0x050:
        fake_virtio_notify(value);
        break;
    case 0x064:
        d->interrupt &= ~value;
        break;
    case 0x070:
        fake_virtio_status((uint8_t)value);
        break;
    case 0x080:
    case 0x084:
        write_half(&selected()->desc, offset, value);
        break;
    case 0x090:
    case 0x094:
        write_half(&selected()->avail, offset, value);
        break;
    case 0x0a0:
    case 0x0a4:
        write_half(&selected()->used, offset, value);
        break;
    default:
        MUST(false, "a register that cannot be written");
        break;
    }
}

void fake_virtio_reset(void)
{
    memset(&fake_virtio, 0, sizeof(fake_virtio));
    memset(fake_virtio_memory, 0, sizeof(fake_virtio_memory));
    memset(fake_virtio_data, 0, sizeof(fake_virtio_data));
    d->magic = 0x74726976;
    d->version = 2;
    d->id = 4;
    d->queue_max = 1024;
    d->queue_count = 1;
    d->features = 1ull << 32 | 1ull << 29 | 1ull << 28; /* of the latter nobody knows here */
    fake.dma_at = fake_virtio_memory;
    fake.dma_bus = FAKE_VIRTIO_BUS;
    fake.buffer_bus = FAKE_VIRTIO_DATA_BUS;
    fake.dma_stride = FAKE_VIRTIO_LEN - 4096; /* the last page is a driver's */
    fake_mmio_hooks(device_read, device_write);
}

/* ---- the queues ---- */

bool fake_virtio_take_from(unsigned queue, struct fake_virtio_buffer *out)
{
    struct fake_virtio_queue *q = &d->queues[queue];

    memset(out, 0, sizeof(*out));
    if (!q->is_live || (d->status & 4) == 0 || load16(q->avail + 2) == q->seen) {
        return false;
    }
    uint16_t at = load16(q->avail + 4 + 2ull * (q->seen++ % q->num));
    out->head = at;
    for (bool more = true; more && out->count < FAKE_VIRTIO_PIECES; out->count++) {
        struct {
            uint64_t address;
            uint32_t len;
            uint16_t flags, next;
        } desc = { 0 };
        uint8_t *from = at < q->num ? reach(q->desc + 16ull * at, sizeof(desc)) : NULL;
        MUST(from != NULL, "a descriptor that is not there");
        if (from == NULL) {
            break;
        }
        memcpy(&desc, from, sizeof(desc));
        MUST(desc.len != 0 && (desc.flags & ~3) == 0, "a descriptor that means nothing");
        MUST(out->count == 0 || (desc.flags & 2) != 0 || !out->pieces[out->count - 1].is_written,
             "one to read behind one to write");
        out->pieces[out->count].at = reach(desc.address, desc.len);
        out->pieces[out->count].len = desc.len;
        out->pieces[out->count].is_written = (desc.flags & 2) != 0;
        more = (desc.flags & 1) != 0;
        at = desc.next;
    }
    return true;
}

void fake_virtio_use_in(unsigned queue, uint32_t id, uint32_t len)
{
    struct fake_virtio_queue *q = &d->queues[queue];
    uint32_t entry[2] = { id, len };

    if (!q->is_live || q->num == 0) {
        return;
    }
    store(q->used + 4 + 8ull * (q->put++ % q->num), entry, sizeof(entry));
    store(q->used + 2, &q->put, sizeof(q->put));
    d->interrupt |= 1;
}

bool fake_virtio_take(struct fake_virtio_buffer *out)
{
    return fake_virtio_take_from(0, out);
}

void fake_virtio_use(uint32_t id, uint32_t len)
{
    fake_virtio_use_in(0, id, len);
}

uint16_t *fake_virtio_used_index(void)
{
    return (uint16_t *)(void *)reach(d->queues[0].used + 2, sizeof(uint16_t));
}

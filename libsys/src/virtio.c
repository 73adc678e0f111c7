/* SPDX-License-Identifier: BSD-2-Clause
 * The life of a virtio device (virtio.h), whatever the transport: VIRTIO 1.2, 2.1 and 3.1.
 */
#include "virtio_transport.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* 2.1 */
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64
};
enum {
    RESET_READS_MAX = 1000, /* of the status; a device in software is done at the first */
    CONFIG_TRIES = 4
};

status_t virtio_open(struct node node, uint32_t id, struct virtio *out)
{
    struct virtio v;
    uint32_t found = VIRTIO_ID_NONE;
    uint32_t vendor;
    bool is_pci = node_u32(node, "vendor-id", &vendor) == E_OK; /* each function's node has it */
    status_t err = is_pci ? virtio_pci_open(node, &found, &v) : virtio_mmio_open(node, &found, &v);

    if (err) {
        return err;
    }
    if (found != id) {
        log_error("virtio device %u where %u was", (unsigned)found, (unsigned)id);
        return E_NOTFOUND;
    }
    *out = v;
    return E_OK;
}

status_t virtio_irq(struct virtio *v, struct node node)
{
    return v->transport->irq(v, node);
}

static bool virtio_reset(const struct virtio *v)
{
    v->transport->status_set(v, 0);
    for (unsigned n = 0; n < RESET_READS_MAX; n++) {
        if (v->transport->status(v) == 0) {
            return true;
        }
    }
    return false;
}

status_t virtio_fail(struct virtio *v, const char *format, ...)
{
    char why[120];
    va_list args;

    if (!v->is_broken) {
        va_start(args, format);
        (void)vsnprintf(why, sizeof(why), format, args); /* cut if too long */
        va_end(args);
        v->is_broken = true;
        log_error("%s; the device is %s", why,
                  virtio_reset(v) ? "reset" : "told to reset, and does not");
    }
    return E_IO;
}

status_t virtio_begin(struct virtio *v, uint64_t wanted)
{
    const struct virtio_transport *t = v->transport;
    uint8_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

    v->is_broken = false;
    if (!virtio_reset(v)) {
        return virtio_fail(v, "the device does not come out of reset");
    }
    status_t err = t->begin != NULL ? t->begin(v) : E_OK;
    if (err) {
        return err;
    }
    t->status_set(v, STATUS_ACKNOWLEDGE);
    t->status_set(v, status);
    uint64_t offered = t->features(v);
    if (v->is_legacy) {
        v->features = offered & wanted & UINT32_MAX;
        t->features_set(v, v->features);
        return E_OK;
    }
    if ((offered & VIRTIO_F_VERSION_1) == 0) {
        return virtio_fail(v, "a device of version 1 does not offer VIRTIO_F_VERSION_1");
    }
    v->features = offered & (wanted | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM);
    t->features_set(v, v->features);
    t->status_set(v, status | STATUS_FEATURES_OK);
    if ((t->status(v) & STATUS_FEATURES_OK) == 0) {
        return virtio_fail(v, "the device refuses features 0x%llx of its 0x%llx",
                           (unsigned long long)v->features, (unsigned long long)offered);
    }
    return E_OK;
}

status_t virtio_ready(struct virtio *v)
{
    if (v->is_broken) {
        return E_IO;
    }
    v->transport->status_set(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK |
                                    (v->is_legacy ? 0 : STATUS_FEATURES_OK));
    return E_OK;
}

status_t virtio_interrupt(struct virtio *v, unsigned irq, uint32_t *out_causes)
{
    if (v->is_broken) {
        return E_IO;
    }
    uint32_t causes = v->transport->interrupt(v, irq);
    if ((causes & VIRTIO_CAUSE_CONFIG) != 0 &&
        (v->transport->status(v) & STATUS_NEEDS_RESET) != 0) {
        return virtio_fail(v, "the device says that it has failed");
    }
    mmio_rmb(); /* what the device wrote before it interrupted is seen from here on */
    *out_causes = causes;
    return E_OK;
}

status_t virtio_config(const struct virtio *v, uint32_t offset, void *out, uint32_t len)
{
    uint8_t bytes[64];

    if (len > sizeof(bytes) || len > v->config_len || offset > v->config_len - len) {
        return E_RANGE;
    }
    uint32_t before = v->transport->config_generation(v);
    for (unsigned n = 0; n < CONFIG_TRIES; n++) {
        for (uint32_t i = 0; i < len; i++) {
            bytes[i] = v->transport->config(v, offset + i);
        }
        uint32_t after = v->transport->config_generation(v);
        if (after == before) {
            memcpy(out, bytes, len);
            return E_OK;
        }
        before = after;
    }
    return E_AGAIN;
}

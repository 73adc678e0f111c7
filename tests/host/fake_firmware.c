/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_firmware.h.
 */
#include "fake_firmware.h"
#include "servers/drv/rpi_firmware/property.h"
#include <stddef.h>
#include <string.h>

struct fake_firmware fake_firmware;

void fake_firmware_reset(void)
{
    fake_firmware = (struct fake_firmware){ .knows_throttled = true };
    fake_firmware.hz[2] = 3000000;
    fake_firmware.hz[4] = 250000000;
    fake_firmware.hz_max[2] = 1000000000;
}

/* Serves the tag, its value in v; bytes of the answer, -1: unknown. */
static int serve_tag(struct fake_firmware *f, uint32_t tag, uint32_t *v)
{
    uint32_t clock = v[0] < 16 ? v[0] : 0;

    switch (tag) {
    case 0x00000001:
        v[0] = 1700000000;
        return 4;
    case 0x00010002:
        v[0] = 0xa02082;
        return 4;
    case 0x00010003:
        memcpy(v, "\xb8\x27\xeb\x01\x02\x03", 6);
        return 6;
    case 0x00010004:
        v[0] = 0x89abcdef, v[1] = 0x1234567;
        return 8;
    case 0x00010005:
        v[0] = 0, v[1] = 0x3b400000;
        return 8;
    case 0x00030002:
        v[1] = f->hz[clock];
        return 8;
    case 0x00038002:
        f->skip_turbo = v[2];
        if (f->hz[clock] != 0) {
            f->hz[clock] = v[1] < f->hz_max[clock] ? v[1] : f->hz_max[clock];
        }
        v[1] = f->hz[clock];
        return 8;
    case 0x00030006:
        v[1] = 45678;
        return 8;
    case 0x00030046:
        v[0] = 0x50000;
        return f->knows_throttled ? 4 : -1;
    case 0x00030030:
        v[1] = v[0] < 32 ? f->domains >> v[0] & 1 : 2;
        return 8;
    case 0x00038030:
        f->domains = (f->domains & ~(1u << v[0] % 32)) | (v[1] & 1) << v[0] % 32;
        return 8;
    case 0x00030048:
        f->reboots_notified++;
        return 0;
    case 0x00030058:
        f->xhci = v[0];
        return 4;
    default:
        return -1;
    }
}

/* Each tag of the buffer; whether all are known. */
static bool serve_tags(struct fake_firmware *f, uint32_t *buffer)
{
    bool all = true;

    for (uint32_t *at = buffer + 2; *at != 0 && at < buffer + buffer[0] / 4; at += 3 + at[1] / 4) {
        int len = f->fault == FIRMWARE_ERROR ? -1 : serve_tag(f, at[0], at + 3);
        f->tags++;
        all = all && len >= 0;
        at[2] = len >= 0 ? 1u << 31 | (uint32_t)len : 0;
        if (f->fault == FIRMWARE_SHORT && len >= 4) {
            at[2] -= 4;
        } else if (f->fault == FIRMWARE_BOASTS) {
            at[2] = 0x80001000;
        } else if (f->fault == FIRMWARE_BAD_LEN) {
            at[1] += 4;
            break;
        } else if (f->fault == FIRMWARE_BAD_TAG) {
            at[0]++;
        }
    }
    return all;
}

bool fake_firmware_serve(uint32_t *buffer)
{
    struct fake_firmware *f = &fake_firmware;

    f->messages++;
    if (f->fault == FIRMWARE_SILENT || f->fault == FIRMWARE_UNTOUCHED) {
        return f->fault == FIRMWARE_UNTOUCHED;
    }
    bool all = serve_tags(f, buffer);
    if (f->fault == FIRMWARE_BOASTS) {
        memset(buffer + buffer[0] / 4 - 1, 0xff, BUFFER_WORDS * 4 - (buffer[0] - 4));
    }
    buffer[1] = f->fault == FIRMWARE_BAD_CODE ? 0x1234 : all ? 0x80000000 : 0x80000001;
    return f->fault != FIRMWARE_MUTE;
}

status_t fake_firmware_ask(struct msg *m)
{
    uint32_t buffer[BUFFER_WORDS] = { 0 };
    unsigned len = (unsigned)m->w[0];

    status_t err = m->w[0] > FIRMWARE_MESSAGE_LEN ? E_RANGE : property_check(&m->w[1], len);
    if (err != E_OK) {
        return err;
    }
    property_encode(buffer, &m->w[1], len);
    if (!fake_firmware_serve(buffer)) {
        return E_TIMEOUT;
    }
    err = property_decode(buffer, &m->w[1], len);
    return err == E_FORMAT ? E_IO : err;
}

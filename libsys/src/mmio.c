/* SPDX-License-Identifier: BSD-2-Clause
 * Register access through the kernel, for windows that share their page with another node's (design 4, "Windows
 * smaller than a page"). An access can only fail when the device was revoked or the offset is the driver's own bug:
 * then the read gives all ones, as from a bus where nothing answers, the write goes nowhere, and nothing is taken.
 */
#include <cambium/mmio.h>
#include <cambium/sys.h>

uint32_t mmio_checked_read32(const struct mmio *m, uint32_t offset)
{
    uint64_t value = 0;

    return sys_device_access(m->device, m->window, 4, offset, &value) == E_OK ? (uint32_t)value
                                                                              : ~0u;
}

void mmio_checked_write32(const struct mmio *m, uint32_t offset, uint32_t value)
{
    uint64_t word = value;

    (void)sys_device_access(m->device, m->window, 4 | DEVICE_WRITE, offset, &word); /* see above */
}

uint64_t mmio_checked_read64(const struct mmio *m, uint32_t offset)
{
    uint64_t value = 0;

    return sys_device_access(m->device, m->window, 8, offset, &value) == E_OK ? value : ~0ull;
}

void mmio_checked_write64(const struct mmio *m, uint32_t offset, uint64_t value)
{
    (void)sys_device_access(m->device, m->window, 8 | DEVICE_WRITE, offset, &value); /* see above */
}

uint16_t mmio_checked_read16(const struct mmio *m, uint32_t offset)
{
    uint64_t value = 0;

    return sys_device_access(m->device, m->window, 2, offset, &value) == E_OK ? (uint16_t)value
                                                                              : 0xffff;
}

void mmio_checked_write16(const struct mmio *m, uint32_t offset, uint16_t value)
{
    uint64_t word = value;

    (void)sys_device_access(m->device, m->window, 2 | DEVICE_WRITE, offset, &word); /* see above */
}

uint8_t mmio_checked_read8(const struct mmio *m, uint32_t offset)
{
    uint64_t value = 0;

    return sys_device_access(m->device, m->window, 1, offset, &value) == E_OK ? (uint8_t)value
                                                                              : 0xff;
}

void mmio_checked_write8(const struct mmio *m, uint32_t offset, uint8_t value)
{
    uint64_t word = value;

    (void)sys_device_access(m->device, m->window, 1 | DEVICE_WRITE, offset, &word); /* see above */
}

uint32_t mmio_checked_take32(const struct mmio *m, uint32_t from, uint32_t bits, uint32_t to)
{
    uint64_t value;
    status_t err = sys_device_take(m->device, m->window, 4, from, bits, to, &value);

    return err == E_OK ? (uint32_t)value & bits : 0;
}

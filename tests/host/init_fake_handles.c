/* SPDX-License-Identifier: BSD-2-Clause
 * The part of init_fake.h that knows init's handles of memory: made, asked about, mapped, granted, closed once.
 */
#include "init_fake.h"

#include <cambium/client.h>
#include <string.h>

struct fake_handle *fake_handle_of(handle_t h)
{
    return h >= FAKE_FIRST && h < FAKE_FIRST + FAKE_HANDLES ? &fake.handles[h - FAKE_FIRST] : NULL;
}

handle_t fake_handle(uint64_t len, bool tells_address, const void *data)
{
    handle_t h = FAKE_FIRST;

    while (fake_handle_of(h)->is_open) {
        h++;
        assert_true(h < FAKE_FIRST + FAKE_HANDLES);
    }
    *fake_handle_of(h) =
        (struct fake_handle){ true, len != 0, tells_address, len, fake.next_pa, data };
    fake.next_pa += len;
    return h;
}

unsigned fake_open(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FAKE_HANDLES; i++) {
        count += fake.handles[i].is_open;
    }
    return count;
}

status_t sys_handle_close(handle_t h)
{
    struct fake_handle *f = fake_handle_of(h);

    if (f != NULL) {
        assert_true(f->is_open); /* else init closes somebody else's, later */
        f->is_open = false;
    }
    return E_OK;
}

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    assert_int_equal(flags, MEMORY_DMA);
    assert_true(len >= PAGE_SIZE && (len & (len - 1)) == 0);
    if (fake.fail_memory || (limit != 0 && fake.next_pa + len > limit)) {
        return fake.fail_memory ? fake.fail_memory : E_NOMEM;
    }
    *out = fake_handle(len, true, NULL);
    return E_OK;
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    const struct fake_handle *f = fake_handle_of(memory);

    assert_int_equal(offset, 0);
    if (f == NULL || !f->is_open || !f->is_memory) {
        return f == NULL || !f->is_open ? E_HANDLE : E_TYPE;
    }
    *out_len = f->len;
    *out_pa = f->tells_address ? f->pa : 0;
    return E_OK;
}

status_t sys_process_grant(handle_t process, handle_t h, uint32_t rights, uint32_t badge,
                           handle_t *out)
{
    if (fake.fail_grant) {
        return fake.fail_grant;
    }
    fake.granted.process = process;
    fake.granted.handle = h;
    fake.granted.rights = rights;
    fake.granted.badge = badge;
    *out = 7000;
    return E_OK;
}

/* One range at a time is all that init reserves. */
static uint8_t area[INIT_ARGS_MAX] __attribute__((aligned(PAGE_SIZE)));

uint64_t vm_reserve(uint64_t len)
{
    assert_true(len <= sizeof(area) && fake.reserved == 0);
    fake.reserved++;
    return (uint64_t)area;
}

void vm_release(uint64_t va, uint64_t len)
{
    assert_true(va == (uint64_t)area && len <= sizeof(area));
    fake.reserved--;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    const struct fake_handle *f = fake_handle_of(object);

    assert_true(process == HANDLE_SELF && window == 0 && offset == 0 && flags == MAP_READ);
    assert_true(f != NULL && f->is_open && f->is_memory); /* init asked before */
    if (len > f->len) {
        return E_RANGE;
    }
    memcpy((void *)va, f->data, len);
    return E_OK;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    (void)process;
    memset((void *)va, 0x55, len);
    return E_OK;
}

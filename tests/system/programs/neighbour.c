/* SPDX-License-Identifier: BSD-2-Clause
 * A driver whose window shares its page with other nodes', and which wants more than its own: it tries every offset of the
 * page and some far away, to map the page and to derive a wider window, and says in the log what it got. It writes nothing,
 * and refuses all requests.
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <inttypes.h>
#include <cambium/start.h>

DEV_MATCH_TABLE struct dev_match neighbour_match[] = {
    DEV_MATCH("cambium,test-neighbour", "test", "reg", 0),
};

struct score {
    unsigned reached, refused, odd;
};

static void touch(struct score *s, handle_t device, unsigned window, unsigned width,
                  uint64_t offset)
{
    uint64_t value = 0;
    status_t err = sys_device_access(device, window, width, offset, &value);

    s->reached += err == E_OK;
    s->refused += err == E_RANGE;
    s->odd += err != E_OK && err != E_RANGE;
}

int main(void)
{
    const uint64_t far[] = { UINT64_MAX - 3, UINT64_MAX - PAGE_SIZE + 1, 1ull << 32, 1ull << 63 };
    struct node node = driver_node();
    handle_t device = start_handle("device"), wide = 0;
    struct score own = { 0 }, others = { 0 };
    struct mmio regs;
    status_t err = node_mmio(node, 0, 8, &regs);

    if (err) {
        return err;
    }
    for (uint64_t offset = 0; offset < 2 * PAGE_SIZE; offset += 4) {
        touch(offset < regs.len ? &own : &others, device, 0, 4, offset);
    }
    for (unsigned i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        touch(&others, device, 0, 4, far[i]);
    }
    touch(&others, device, 0, 8, regs.len);
    touch(&others, device, 1, 4, 0); /* there is no such window */
    uint64_t va = vm_reserve(PAGE_SIZE);
    status_t map = sys_map(HANDLE_SELF, device, 0, 0, PAGE_SIZE, va, MAP_READ);
    const struct device_window more = { 0, PAGE_SIZE };
    status_t derive = sys_device_derive(device, 0, 1, &more, &wide);
    log_info("%s, own: %u of %u, others': %u of %u, odd: %u, map %s, derive %s",
             regs.base == 0 ? "checked" : "mapped", own.reached, own.reached + own.refused,
             others.reached, others.reached + others.refused, own.odd + others.odd, err_name(map),
             err_name(derive));
    for (;;) {
        struct event ev = event_wait();
        event_done(&ev, ev.kind == EV_CALL || ev.kind == EV_COMMAND ? E_NOSYS : E_OK);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause
 * A driver that crashes: each incarnation in another way. Nothing on the bus answers in its window.
 */
#include <assert.h>
#include <cambium/driver.h>
#include <cambium/start.h>
#include <string.h>

DEV_MATCH_TABLE struct dev_match crasher_match[] = {
    DEV_MATCH("cambium,test-crasher", "test", "reg", 0),
};

#define NOINLINE __attribute__((noinline))

NOINLINE static uint32_t read_register(const struct mmio *regs, uint32_t offset)
{
    return mmio_read32(regs, offset) + 1; /* line: read */
}

NOINLINE static uint32_t checks(const struct mmio *regs)
{
    assert(regs->len == 1); /* line: assert */
    return 0;
}

NOINLINE static uint32_t overflows(const struct mmio *regs, unsigned depth)
{
    volatile char room[6000];

    memset((void *)(uintptr_t)room, (int)depth, sizeof(room));
    return depth == 0 ? 0
                      : overflows(regs, depth + 1) + (uint32_t)room[depth % 8]; /* line: overflow */
}

int main(void)
{
    struct mmio regs;
    uint32_t value = 0;
    status_t err = node_mmio(driver_node(), 0, 4, &regs);

    if (err) {
        return err;
    }
    switch (start_info->incarnation) {
    case 1:
        value = read_register(&regs, 0x18); /* line: bus */
        break;
    case 2:
        value = read_register(&regs, 0x1004); /* line: behind */
        break;
    case 3:
        value = checks(&regs); /* line: checks */
        break;
    default:
        value = overflows(&regs, 1);
        break;
    }
    return (int)value;
}

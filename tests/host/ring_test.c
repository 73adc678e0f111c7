/* SPDX-License-Identifier: BSD-2-Clause
 * The byte ring keeps order and count, at every fill level and across both wraps: of the array and of the counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cambium/ring.h>
#include <cmocka.h>

static struct ring ring;

static void ring_starts_empty_and_fills_up(void **state)
{
    (void)state;
    uint8_t data[RING_LEN + 1] = { 0 };

    ring = (struct ring){ 0 };
    assert_true(ring_empty(&ring));
    assert_int_equal(ring_write(&ring, data, sizeof(data)), RING_LEN);
    assert_true(ring_full(&ring));
    assert_int_equal(ring_write(&ring, data, 1), 0);
    assert_int_equal(ring_read(&ring, data, sizeof(data)), RING_LEN);
    assert_true(ring_empty(&ring));
    assert_int_equal(ring_read(&ring, data, 1), 0);
}

/* Moves chunks of changing lengths through the ring; every byte is the low byte of its number. */
static void order_is_kept_across_both_wraps(void **state)
{
    (void)state;
    uint32_t in = 0, out = 0;
    uint8_t data[RING_LEN];

    ring = (struct ring){ .head = UINT32_MAX - 3 * RING_LEN, .tail = UINT32_MAX - 3 * RING_LEN };
    for (unsigned round = 1; round < 400; round++) {
        unsigned want = round * 37 % RING_LEN;

        for (unsigned i = 0; i < want; i++) {
            data[i] = (uint8_t)(in + i);
        }
        in += ring_write(&ring, data, want);
        assert_int_equal(ring_count(&ring), in - out);
        uint32_t got = ring_read(&ring, data, round * 53 % RING_LEN);
        for (unsigned i = 0; i < got; i++) {
            assert_int_equal(data[i], (uint8_t)(out + i));
        }
        out += got;
        assert_int_equal(ring_count(&ring), in - out);
    }
}

static void single_bytes_mix_with_copies(void **state)
{
    (void)state;
    uint8_t data[3];

    ring = (struct ring){ .head = RING_LEN - 1, .tail = RING_LEN - 1 };
    ring_put(&ring, 'a');
    assert_int_equal(ring_write(&ring, "bc", 2), 2);
    assert_int_equal(ring_get(&ring), 'a');
    assert_int_equal(ring_read(&ring, data, 3), 2);
    assert_memory_equal(data, "bc", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_starts_empty_and_fills_up),
        cmocka_unit_test(order_is_kept_across_both_wraps),
        cmocka_unit_test(single_bytes_mix_with_copies),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}

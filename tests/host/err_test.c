/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/err.c: every status of err.def has its name and its sentence, and what is none does not look like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cambium/client.h>
#include <cmocka.h>

static void every_status_has_its_own_name_and_a_sentence(void **state)
{
    static const struct {
        status_t status;
        const char *name;
    } all[] = {
#define ERR(name, value, text) { name, #name },
#include <abi/err.def>
#undef ERR
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_string_equal(err_name(all[i].status), all[i].name);
        assert_true(strlen(err_text(all[i].status)) > 3);
        assert_string_not_equal(err_text(all[i].status), err_text(-9999));
    }
}

static void what_is_no_status_is_called_so(void **state)
{
    (void)state;
    assert_string_equal(err_name(-9999), "E_?");
    assert_string_equal(err_name(1), "E_?");
    assert_string_equal(err_text(-9999), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_name_and_a_sentence),
        cmocka_unit_test(what_is_no_status_is_called_so),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}

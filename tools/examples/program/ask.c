/* SPDX-License-Identifier: BSD-2-Clause
 * ask - a program outside of Cambium's tree: calls any service by hand, so that a new driver can be tried before it has a
 * client of its own.
 *
 *     ask SERVICE OP [WORD...]     ask flash 1
 *
 * SERVICE is a class, an alias or a tree path; OP and up to eight WORDs are numbers. Prints the status and the words that
 * came back. Exit status: 0 if the answer was E_OK, 1 if it was an error, 2 for wrong usage.
 */
#include <cambium/client.h>
#include <cambium/sys.h>
#include <cambium/match.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

PROGRAM_NEEDS("*"); /* any server: whoever starts it decides how much of that it gets */

#define PATIENCE_NS 3000000000ull

static bool number(const char *text, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 0);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

int main(int argc, char *argv[])
{
    struct msg m = { 0 };
    uint64_t op = 0;
    handle_t service;
    bool is_wrong = argc < 3 || argc > 3 + MSG_WORDS || !number(argv[2], &op) || op > UINT32_MAX;

    for (int i = 3; i < argc && !is_wrong; i++) {
        is_wrong = !number(argv[i], &m.w[i - 3]);
    }
    if (is_wrong) {
        printf("usage: ask SERVICE OP [WORD...]   numbers; at most %d words\n", MSG_WORDS);
        return 2;
    }
    status_t err = service_open(argv[1], &service);
    if (err) {
        printf("ask: %s: %s (%s)\n", argv[1], err_text(err), err_name(err));
        return 1;
    }
    m.info = op;
    err = sys_call_deadline(service, &m, time_deadline(PATIENCE_NS));
    err = err ? err : (status_t)info_op(m.info);
    printf("%s: %s\n", err_name(err), err_text(err));
    for (unsigned i = 0; i < MSG_WORDS && !err; i++) {
        printf("w%u 0x%" PRIx64 " (%" PRIu64 ")\n", i, m.w[i], m.w[i]);
    }
    return err != E_OK;
}

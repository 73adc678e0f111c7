/* SPDX-License-Identifier: BSD-2-Clause
 * Random bytes for whoever needs them (entropy.h), a message at a time.
 */
#include <cambium/entropy.h>
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <string.h>

enum { DEATHS_MAX = 8 }; /* of the server, over one entropy_read */
#define BUSY_PAUSE_NS 1000000ull

static status_t entropy_ask(handle_t service, uint8_t *out, size_t len, uint64_t deadline,
                            size_t *out_len)
{
    size_t wanted = len < ENTROPY_READ_LEN ? len : ENTROPY_READ_LEN;
    struct msg m = { msg_info(ENTROPY_OP_READ, 0, 0), { wanted } };
    status_t err = sys_call_deadline(service, &m, deadline);

    err = err ? err : (status_t)info_op(m.info);
    if (err) {
        return err;
    }
    if (m.w[0] == 0 || m.w[0] > wanted) {
        return E_IO; /* no server says so; the loop must end in any case */
    }
    memcpy(out, &m.w[1], m.w[0]);
    *out_len = m.w[0];
    return E_OK;
}

status_t entropy_read(handle_t service, void *out, size_t len, uint64_t deadline)
{
    unsigned deaths = 0;
    size_t got = 0;

    for (size_t at = 0; at < len;) {
        status_t err = entropy_ask(service, (uint8_t *)out + at, len - at, deadline, &got);
        if (err == E_OK) {
            at += got;
        } else if (err == E_BUSY && time_deadline(BUSY_PAUSE_NS) < deadline) {
            sleep_ns(BUSY_PAUSE_NS);
        } else if (err != E_DEAD || ++deaths == DEATHS_MAX) {
            return err;
        }
    }
    return E_OK;
}

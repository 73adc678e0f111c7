/* SPDX-License-Identifier: BSD-2-Clause
 * Questions to the board's firmware (firmware.h): a message travels in the words of one call.
 */
#include <cambium/firmware.h>
#include <cambium/sys.h>
#include <string.h>

static_assert(FIRMWARE_MESSAGE_LEN == (MSG_WORDS - 1) * sizeof(uint64_t),
              "all words but the first");

status_t firmware_ask_words(handle_t service, void *message, size_t len, uint64_t deadline)
{
    struct msg m = { msg_info(FIRMWARE_OP_ASK, 0, 0), { len } };

    memcpy(&m.w[1], message, len);
    status_t err = sys_call_deadline(service, &m, deadline);
    if (err != E_OK) {
        return err;
    }
    memcpy(message, &m.w[1], len);
    return (status_t)info_op(m.info);
}

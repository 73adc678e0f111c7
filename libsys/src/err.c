/* SPDX-License-Identifier: BSD-2-Clause
 * Names and sentences of status codes, from the one list in kernel/abi/err.def.
 */
#include <cambium/client.h>
#include <stddef.h>

struct err_entry {
    status_t status;
    const char *name;
    const char *text;
};

static const struct err_entry err_entries[] = {
#define ERR(name, value, sentence) { name, #name, sentence },
#include <abi/err.def>
#undef ERR
};

static const struct err_entry *err_find(status_t status)
{
    for (size_t i = 0; i < sizeof(err_entries) / sizeof(err_entries[0]); i++) {
        if (err_entries[i].status == status) {
            return &err_entries[i];
        }
    }
    return NULL;
}

const char *err_name(status_t status)
{
    const struct err_entry *entry = err_find(status);

    return entry != NULL ? entry->name : "E_?";
}

const char *err_text(status_t status)
{
    const struct err_entry *entry = err_find(status);

    return entry != NULL ? entry->text : "unknown status";
}

/* SPDX-License-Identifier: BSD-2-Clause
 * replace - another image of the archive in the place of a server's (INIT_OP_RESTART with an image).
 *
 * What can be known before is looked at before: the file (libsys/image/elf.c), and whether it fits where the old one is
 * (plan_replace.c); so a bad file leaves the old server as it is. What shows only when it runs is answered by going back: an image
 * that is given up, because it fails or dies too often, makes room for the former one, once.
 */
#include <cambium/client.h>
#include <stdio.h>
#include "init.h"

enum { SERVER_NAME_LEN = 96 };

static status_t replace_check(struct init *init, const struct server *s, const struct image *image,
                              char *why, size_t len)
{
    struct plan_image fit = { image->name, image->elf.match, image->elf.match_count };
    const char *reason = NULL;
    status_t err = E_INVAL;

    if (image->error) {
        reason = image->why;
        err = image->error;
    } else if (s->plan == NULL) {
        reason = "only a server can be replaced, not the shell";
    } else if (image->elf.match_count == 0) {
        reason = "it has no match table, so it is no server";
    } else {
        return plan_replace(&init->plan, s->number, &fit, why, len);
    }
    (void)snprintf(why, len, "%s", reason); /* cut if too long */
    return err;
}

status_t replace_server(struct init *init, struct server *s, uint64_t number)
{
    char name[SERVER_NAME_LEN];
    char why[256];

    if (number >= init->image_count) {
        return E_NOTFOUND;
    }
    struct image *image = &init->images[number];
    status_t err = replace_check(init, s, image, why, sizeof(why));
    if (err) {
        (void)snprintf(init->refusal, sizeof(init->refusal), "%s: %s (%s); %s stays", image->name,
                       why, err_name(err), s->image->name); /* cut if too long */
        return err;
    }
    report_server_name(init, s, name, sizeof(name));
    report(init, LOG_INFO, "%s: %s in place of %s", name, image->name, s->image->name);
    if (image != s->image) {
        s->former = s->image;
        s->image = image;
    }
    supervise_restart(init, s);
    return E_OK;
}

bool replace_back(struct init *init, struct server *s, const char *why)
{
    char name[SERVER_NAME_LEN];

    if (s->former == NULL) {
        return false;
    }
    report_server_name(init, s, name, sizeof(name));
    report(init, LOG_ERROR, "%s: %s is given up: %s; back to %s", name, s->image->name, why,
           s->former->name);
    s->image = s->former;
    s->former = NULL;
    supervise_restart(init, s);
    return true;
}

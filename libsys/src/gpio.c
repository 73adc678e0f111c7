/* SPDX-License-Identifier: BSD-2-Clause
 * The client's side of class gpio for the server of a node (gpio.h).
 */
#include <cambium/gpio.h>
#include <cambium/start.h>
#include <stdio.h>

enum { CALL_TRIES = 3 };

/* The handle is the own node's: no other's line can be named. */
static status_t gpio_ask(unsigned index, struct msg *m)
{
    char name[START_HANDLE_NAME];
    status_t err = E_DEAD;
    struct msg asked = *m;

    (void)snprintf(name, sizeof(name), "gpios %u", index); /* fits any unsigned */
    handle_t provider = start_handle(name);
    if (provider == 0) {
        return E_NOTFOUND;
    }
    /* E_DEAD: it was restarted while we asked; its port lives on */
    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        *m = asked;
        err = msg_call(provider, m);
    }
    return err;
}

status_t node_gpio_read(struct node node, unsigned index, bool *out)
{
    struct msg m = { msg_info(GPIO_OP_READ, 0, 0), { index } };
    status_t err = gpio_ask(index, &m);

    (void)node;
    if (err == E_OK) {
        *out = m.w[0] != 0;
    }
    return err;
}

status_t node_gpio_write(struct node node, unsigned index, bool level)
{
    struct msg m = { msg_info(GPIO_OP_WRITE, 0, 0), { index, level } };

    (void)node;
    return gpio_ask(index, &m);
}

status_t node_gpio_subscribe(struct node node, unsigned index, enum gpio_trigger trigger,
                             uint64_t bits, bool *out)
{
    struct msg m = { msg_info(GPIO_OP_SUBSCRIBE, 1, 0),
                     { index, bits, trigger, [7] = start_handle("port notify") } };
    status_t err = gpio_ask(index, &m);

    (void)node;
    if (err == E_OK) {
        *out = m.w[0] != 0;
    }
    return err;
}

status_t node_gpio_take(struct node node, unsigned index, bool *out, uint32_t *out_events)
{
    struct msg m = { msg_info(GPIO_OP_TAKE, 0, 0), { index } };
    status_t err = gpio_ask(index, &m);

    (void)node;
    if (err == E_OK) {
        *out = m.w[0] != 0;
        *out_events = (uint32_t)m.w[1];
    }
    return err;
}

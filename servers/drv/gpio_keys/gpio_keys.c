/* SPDX-License-Identifier: BSD-2-Clause
 * gpio_keys - driver server for keys on GPIO lines. The power button ends the machine.
 *
 * Device:   none of its own: lines of class gpio.
 * Binding:  README.md beside this file (a child per key).
 * Protocol: <cambium/gpio.h> as a client. Class input has no requests yet: other keys than KEY_POWER are logged only.
 * Not here: keys that have an interrupt and no GPIO, repetition, waking from sleep.
 */
#include <cambium/client.h>
#include <cambium/command.h>
#include <cambium/gpio.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <string.h>
#include <tree.h>

enum {
    KEYS_MAX = 16,   /* as many references as init gives a node */
    KEY_POWER = 116, /* dt-bindings/input/linux-event-codes.h */
    EV_KEY = 1,      /* likewise: the type of a key; switches have another */
    DEBOUNCE_MS = 5,
    DEBOUNCE_MS_MAX = 1000,
    BIT_KEY = 16, /* of the first key; the others follow */
    BIT_TIME = 62
};
#define MS            1000000ull
#define LAST_WORDS_NS (50 * MS) /* for the console to print the log's last line */

struct key {
    int holder;     /* the node it stands in */
    int controller; /* whose line it is */
    unsigned index; /* of its GPIO */
    uint32_t code;  /* 0: no key, a switch or so */
    uint64_t debounce_ns;
    uint64_t due_ns; /* when its level counts; 0: it is quiet */
    bool is_down;
};

struct keys {
    struct node node;
    handle_t port;
    struct key key[KEYS_MAX];
    unsigned count;
    uint64_t off_ns; /* when the machine shall end; 0: not now */
};

DEV_MATCH_TABLE struct dev_match keys_match[] = {
    DEV_MATCH("gpio-keys", "input", "gpios uses power", MATCH_POWER_OFF),
};

/* Its node's name; the path up to there stands before every line in the log. */
static const char *key_name(const struct keys *k, const struct key *key)
{
    static char path[TREE_PATH_LEN];

    tree_path(k->node.tree, key->holder, path, sizeof(path));
    return strrchr(path, '/') + 1;
}

/* ---- what the tree says ---- */

static status_t key_read(const struct keys *k, unsigned index, struct key *out)
{
    const void *tree = k->node.tree;
    struct key key = { .index = index };
    uint32_t type = EV_KEY, ms = DEBOUNCE_MS;
    struct tree_ref ref;
    status_t err = tree_gpio(tree, k->node.offset, index, &ref, &key.holder);

    if (err) {
        return err;
    }
    key.controller = ref.node;
    (void)!tree_u32(tree, key.holder, "linux,input-type", &type);
    if (tree_u32(tree, key.holder, "linux,code", &key.code) != E_OK || key.code == 0) {
        log_error("%s has no linux,code: left out", key_name(k, &key));
        return E_INVAL;
    }
    key.code = type == EV_KEY ? key.code : 0;
    if (tree_u32(tree, key.holder, "debounce-interval", &ms) == E_OK && ms > DEBOUNCE_MS_MAX) {
        log_warn("%s: debounce-interval %u ms is cut to %u", key_name(k, &key), (unsigned)ms,
                 DEBOUNCE_MS_MAX);
        ms = DEBOUNCE_MS_MAX;
    }
    key.debounce_ns = ms * MS;
    *out = key;
    return E_OK;
}

static void keys_read(struct keys *k)
{
    status_t err = E_OK;

    k->count = 0;
    for (unsigned i = 0; err != E_NOTFOUND; i++) {
        err = i < KEYS_MAX ? key_read(k, i, &k->key[k->count]) : E_NOTFOUND;
        k->count += err == E_OK;
        if (err == E_FORMAT) {
            log_error("GPIO %u, counted through, is a hole, damaged, or leads nowhere: left out",
                      i);
        }
    }
}

/* ---- what the lines do ---- */

static const char *why_not(status_t err)
{
    switch (err) {
    case E_NOTFOUND:
        return "its gpios leads to no server of class gpio";
    case E_RANGE:
        return "its controller has no such line";
    case E_BUSY:
        return "another node claims its line";
    case E_FORMAT:
        return "its gpios has not two cells";
    default:
        return err_text(err);
    }
}

/* A key that is down when it is looked at first is no press, unless a driver before this one has seen it up. */
static status_t key_watch(struct keys *k, struct key *key, bool is_fresh)
{
    bool level;
    uint64_t bit = 1ull << (BIT_KEY + (key - k->key));
    status_t err = node_gpio_subscribe(k->node, key->index, GPIO_BOTH, bit, &level);

    if (err) {
        log_error("%s not watched: %s", key_name(k, key), why_not(err));
        return err;
    }
    key->is_down = is_fresh ? level : key->is_down;
    if (level != key->is_down) {
        key->due_ns = time_now_ns() + key->debounce_ns;
    }
    return E_OK;
}

/* The level of a key counts when it was not told of for a while. */
static void key_moved(struct keys *k, struct key *key)
{
    uint32_t events;
    bool level;

    /* an error: the controller's server is a new one; *rebind* follows */
    if (node_gpio_take(k->node, key->index, &level, &events) == E_OK &&
        (events != 0 || level != key->is_down)) {
        key->due_ns = time_now_ns() + key->debounce_ns;
    }
}

static void key_settled(struct keys *k, struct key *key)
{
    bool level;

    key->due_ns = 0;
    if (node_gpio_read(k->node, key->index, &level) != E_OK || level == key->is_down) {
        return;
    }
    key->is_down = level;
    if (key->code == KEY_POWER && level) {
        log_warn("%s pressed: switching off", key_name(k, key));
        k->off_ns = time_now_ns() + LAST_WORDS_NS;
    } else {
        log_debug("%s: code %u, %s", key_name(k, key), (unsigned)key->code, level ? "down" : "up");
    }
}

static void power_off(struct keys *k)
{
    status_t err = machine_power(POWER_OFF);

    k->off_ns = 0;
    log_error("not switched off: %s (%s)", err_text(err), err_name(err));
}

/* Does what is due, and comes again for the rest. */
static void keys_time(struct keys *k)
{
    uint64_t now = time_now_ns(), next = UINT64_MAX;

    for (struct key *key = k->key; key < k->key + k->count; key++) {
        if (key->due_ns != 0 && key->due_ns <= now) {
            key_settled(k, key);
        }
        next = key->due_ns != 0 && key->due_ns < next ? key->due_ns : next;
    }
    if (k->off_ns != 0 && k->off_ns <= now) {
        power_off(k);
    }
    next = k->off_ns != 0 && k->off_ns < next ? k->off_ns : next;
    if (next != UINT64_MAX) {
        (void)sys_timer_set(k->port, time_deadline(next > now ? next - now : 0),
                            1ull << BIT_TIME); /* our port */
    }
}

/* ---- events ---- */

/* Controllers that were restarted forgot who watches. */
static status_t keys_rebind(struct keys *k, int controller)
{
    status_t err = E_OK;

    for (struct key *key = k->key; key < k->key + k->count; key++) {
        status_t e = key->controller == controller ? key_watch(k, key, false) : E_OK;
        err = err ? err : e;
    }
    return err;
}

static status_t keys_event(struct keys *k, struct event *ev)
{
    status_t err = ev->kind == EV_CALL || ev->kind == EV_COMMAND ? E_NOSYS : E_OK;

    if (ev->kind == EV_COMMAND && info_op(ev->msg.info) == COMMAND_REBIND) {
        err = keys_rebind(k, (int)ev->msg.w[0]);
    }
    for (unsigned i = 0; ev->kind == EV_NOTIFY && i < k->count; i++) {
        if (ev->bits >> (BIT_KEY + i) & 1) {
            key_moved(k, &k->key[i]);
        }
    }
    return err;
}

int main(void)
{
    static struct keys keys;
    status_t first = E_NOTFOUND; /* error */
    unsigned watched = 0;

    keys.node = driver_node();
    keys.port = start_handle("port");
    keys_read(&keys);
    for (unsigned i = 0; i < keys.count; i++) {
        status_t err = key_watch(&keys, &keys.key[i], start_info->incarnation == 1);
        watched += err == E_OK;
        first = i == 0 ? err : first;
    }
    if (keys.count == 0) {
        log_error("the node has no keys: a child with gpios and linux,code for each");
    }
    if (watched == 0) {
        return first; /* init reports it against the node's path, with the last line that was logged */
    }
    event_accept(0);
    for (;;) {
        keys_time(&keys);
        struct event ev = event_wait();
        event_done(&ev, keys_event(&keys, &ev));
    }
}

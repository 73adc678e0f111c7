/* SPDX-License-Identifier: BSD-2-Clause
 * What programs ask of others (client.h): init for services and programs, class serial for bytes.
 */
#include <cambium/client.h>
#include <cambium/proto/power.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <stdio.h>
#include <string.h>

status_t service_open(const char *name, handle_t *out)
{
    char start_name[START_HANDLE_NAME];
    struct msg m;

    if (snprintf(start_name, sizeof(start_name), "service %s", name) < (int)sizeof(start_name) &&
        start_handle(start_name) != 0) {
        *out = start_handle(start_name);
        return E_OK;
    }
    status_t err = init_name_call(INIT_OP_OPEN, name, 0, &m);
    if (err == E_OK) {
        *out = (handle_t)m.w[7]; /* a word: init put the handle into our table itself */
    }
    return err;
}

/* ---- memory to share ---- */

/* A memory of `len` bytes, mapped; *out_shared is a handle to send (READ, WRITE, TRANSFER, nothing more). */
static status_t shared_create(uint64_t len, uint8_t **out_at, handle_t *out_shared)
{
    handle_t memory, shared = 0;

    status_t err = sys_memory_create(len, 0, 0, &memory);
    if (err != E_OK) {
        return err;
    }
    uint64_t va = vm_reserve(len);
    err = va == 0 ? E_NOMEM : sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
    if (err == E_OK) {
        err = sys_handle_dup(memory, RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER, 0, &shared);
        if (err != E_OK) {
            (void)sys_unmap(HANDLE_SELF, va, len); /* mapped two lines above */
        }
    }
    (void)sys_handle_close(memory); /* the mapping and the duplicate keep it */
    if (err != E_OK) {
        if (va != 0) {
            vm_release(va, len);
        }
        return err;
    }
    *out_at = (uint8_t *)va;
    *out_shared = shared;
    return E_OK;
}

static void shared_unmap(uint8_t *at, uint64_t len)
{
    (void)sys_unmap(HANDLE_SELF, (uint64_t)at, len); /* mapped by shared_create */
    vm_release((uint64_t)at, len);
}

/* ---- names ---- */

status_t init_name_call(uint32_t op, const char *name, uint64_t w6, struct msg *out)
{
    size_t len = strlen(name);
    uint8_t *text;
    handle_t memory;

    if (len < INIT_NAME_LEN) {
        *out = (struct msg){ op, { [6] = w6 } };
        memcpy(out->w, name, len);
        return msg_call(start_handle("init"), out);
    }
    if (len >= INIT_PATH_LEN) {
        return E_NOTFOUND;
    }
    status_t err = shared_create(PAGE_SIZE, &text, &memory);
    if (err != E_OK) {
        return err;
    }
    memcpy(text, name, len + 1);
    *out = (struct msg){ msg_info(op, 1, 0), { [1] = len + 1, [6] = w6, [7] = memory } };
    err = msg_call(start_handle("init"), out);
    (void)sys_handle_close(memory); /* init has a copy of the name */
    shared_unmap(text, PAGE_SIZE);
    return err;
}

/* ---- programs ---- */

static unsigned strings_count(const char *const list[])
{
    unsigned count = 0;

    while (list != NULL && list[count] != NULL) {
        count++;
    }
    return count;
}

static uint64_t strings_len(const char *const list[], unsigned count)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        len += strlen(list[i]) + 1;
    }
    return len;
}

static char *strings_copy(char *to, const char *const list[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(list[i]) + 1;
        memcpy(to, list[i], len);
        to += len;
    }
    return to;
}

status_t spawn(const char *const argv[], const char *const envp[], const char *const allow[],
               handle_t port, uint64_t event_bits, uint32_t *out_job, uint32_t *out_console)
{
    unsigned argc = strings_count(argv), envc = strings_count(envp), words = strings_count(allow);
    uint64_t used = strings_len(argv, argc) + strings_len(envp, envc) + strings_len(allow, words);
    uint64_t len = (used + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint8_t *strings;
    handle_t memory, notify = 0;

    if (argc == 0) {
        return E_INVAL;
    }
    status_t err = shared_create(len, &strings, &memory);
    if (err != E_OK) {
        return err;
    }
    char *end = strings_copy((char *)strings, argv, argc);
    end = strings_copy(end, envp, envc);
    (void)strings_copy(end, allow, words); /* that was the last */
    if (port != 0) {
        err = sys_handle_dup(port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &notify);
    }
    if (err == E_OK) {
        struct msg m = { msg_info(INIT_OP_SPAWN, port != 0 ? 2 : 1, 0),
                         { used, argc, envc, 0, event_bits, words } };
        m.w[6] = notify;
        m.w[7] = memory;
        err = msg_call(start_handle("init"), &m);
        if (err == E_OK) {
            *out_job = (uint32_t)m.w[0];
            *out_console = (uint32_t)m.w[1];
        }
    }
    if (notify != 0) {
        (void)sys_handle_close(notify); /* init has its own */
    }
    (void)sys_handle_close(memory); /* likewise */
    shared_unmap(strings, len);
    return err;
}

status_t job_status(uint32_t job, enum job_state *out_state, int *out_code)
{
    struct msg m = { msg_info(INIT_OP_JOB, 0, 0), { job } };

    status_t err = msg_call(start_handle("init"), &m);
    if (err == E_OK) {
        *out_state = (enum job_state)m.w[0];
        *out_code = (int)m.w[1];
    }
    return err;
}

/* ---- power ---- */

status_t machine_power(uint32_t how)
{
    struct msg m = { msg_info(INIT_OP_POWER, 0, 0), { how } };
    handle_t service = 0;

    status_t err = msg_call(start_handle("init"), &m);
    if (err != E_NOSYS) {
        return err;
    }
    err = service_open("power", &service);
    if (err != E_OK) {
        return err == E_NOTFOUND ? E_NOSYS : err;
    }
    m = (struct msg){ msg_info(POWER_OP_END, 0, 0), { how } };
    err = msg_call(service, &m);
    (void)sys_handle_close(service); /* ours, just opened */
    return err;
}

/* ---- class serial ---- */

/* A server that dies more often within one request is given up. */
enum { SERIAL_TRIES = 8 };

/* Gives the server our buffer, and where to notify us. */
static status_t serial_bind(struct serial *s)
{
    unsigned handles = s->notify != 0 ? 2 : 1;
    struct msg m = { msg_info(SERIAL_OP_ATTACH, handles, 0), { s->base_bit, handles } };

    m.w[6] = s->notify;
    m.w[7] = s->memory;
    return msg_call(s->service, &m);
}

status_t serial_attach(struct serial *s, handle_t service, handle_t port, uint64_t base_bit)
{
    struct serial fresh = { .service = service, .base_bit = base_bit };

    status_t err = shared_create(SERIAL_BUF_LEN, &fresh.buf, &fresh.memory);
    if (err != E_OK) {
        return err;
    }
    if (port != 0) {
        err = sys_handle_dup(port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &fresh.notify);
    }
    err = err != E_OK ? err : serial_bind(&fresh);
    if (err != E_OK) {
        if (fresh.notify != 0) {
            (void)sys_handle_close(fresh.notify);
        }
        (void)sys_handle_close(fresh.memory); /* ours and open */
        shared_unmap(fresh.buf, SERIAL_BUF_LEN);
        return err;
    }
    *s = fresh;
    return E_OK;
}

static inline status_t serial_ask_once(const struct serial *s, uint32_t op, uint32_t len,
                                       uint32_t flags, uint32_t *out)
{
    struct msg m = { op, { len, 0, flags } };

    status_t err = msg_call(s->service, &m); /* inline: the words never see memory */
    *out = err == E_OK ? (uint32_t)m.w[0] : 0;
    return err;
}

/* Asks; once more, attached anew, if the server was restarted in between: E_DEAD for the call in flight, E_NOTFOUND
 * from the new incarnation. Bytes of a write in flight may then go out twice, which beats losing them. */
static status_t serial_ask(struct serial *s, uint32_t op, uint32_t len, uint32_t flags,
                           uint32_t *out)
{
    uint32_t moved = 0;

    status_t err = serial_ask_once(s, op, len, flags, &moved);
    for (unsigned i = 0; i < SERIAL_TRIES && (err == E_DEAD || err == E_NOTFOUND); i++) {
        err = serial_bind(s);
        err = err != E_OK ? err : serial_ask_once(s, op, len, flags, &moved);
    }
    if (err == E_OK) {
        *out = moved;
    }
    return err;
}

status_t serial_write(struct serial *s, const void *data, uint32_t len, uint32_t flags,
                      uint32_t *out)
{
    len = len < SERIAL_HALF ? len : SERIAL_HALF;
    memcpy(s->buf + SERIAL_TX_OFFSET, data, len);
    return serial_ask(s, SERIAL_OP_WRITE, len, flags, out);
}

status_t serial_read(struct serial *s, void *data, uint32_t len, uint32_t flags, uint32_t *out)
{
    uint32_t got;

    len = len < SERIAL_RX_LEN ? len : SERIAL_RX_LEN;
    status_t err = serial_ask(s, SERIAL_OP_READ, len, flags, &got);
    if (err == E_OK) {
        *out = got < len ? got : len; /* the server is not trusted with our memory */
        memcpy(data, s->buf + SERIAL_RX_OFFSET, *out);
    }
    return err;
}

/* SPDX-License-Identifier: BSD-2-Clause
 * What programs and muxes use of others: services by name, child programs, the console.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/proto/init.h>
#include <cambium/sys.h>

/* Opens a service by name, alias, class or tree path: a handle with CALL. Of several servers of a class it is the first
 * that was not given up; a path names one. Errors as INIT_OP_OPEN. */
status_t service_open(const char *name, handle_t *out) WARN_UNUSED;

/* A request to init that names something (OPEN, KILL, RESTART, LOG_LEVEL), whatever the name's length; `w6` as that request has
 * it, *out is the answer. E_NOTFOUND also: no name is that long. Errors: as the request. */
status_t init_name_call(uint32_t op, const char *name, uint64_t w6, struct msg *out) WARN_UNUSED;

/* Starts a program of the archive; argv[0] is its name; argv ends with NULL, and so do envp and allow, which may be NULL.
 * `allow` lists what it may open and do beside the console, at most what we may (words: INIT_OP_SPAWN; "+needs": what it
 * asks for). `event_bits` are set at `port` (0: none) when it ends. *out_console is the badge of its console session. */
status_t spawn(const char *const argv[], const char *const envp[], const char *const allow[],
               handle_t port, uint64_t event_bits, uint32_t *out_job,
               uint32_t *out_console) WARN_UNUSED;
/* State of a job; *out_code is the exit code or, for JOB_FAULTED, the FAULT_* cause. */
status_t job_status(uint32_t job, enum job_state *out_state, int *out_code) WARN_UNUSED;

/* POWER_OFF or POWER_REBOOT (abi.h), by the kernel or, where that cannot, by a server of class power. Does not return when
 * it works. Errors: as INIT_OP_POWER and POWER_OP_END; E_NOSYS: this machine has neither. */
status_t machine_power(uint32_t how);

/* A client of class serial (driver or mux): attaches a buffer of the own process. */
struct serial {
    handle_t service;
    handle_t memory; /* behind buf: attached anew when the server was restarted */
    handle_t notify; /* of the client's port; 0: no events wanted */
    uint64_t base_bit;
    uint8_t *buf; /* SERIAL_BUF_LEN */
};
/* `port` (NOTIFY, TRANSFER) gets SERIAL_EV_* << base: base_bit is the value with that one bit set. 0: no events. */
status_t serial_attach(struct serial *s, handle_t service, handle_t port,
                       uint64_t base_bit) WARN_UNUSED;
/* Bytes taken or placed (fewer than asked is no error); see SERIAL_OP_WRITE and _READ. */
status_t serial_write(struct serial *s, const void *data, uint32_t len, uint32_t flags,
                      uint32_t *out) WARN_UNUSED;
status_t serial_read(struct serial *s, void *data, uint32_t len, uint32_t flags,
                     uint32_t *out) WARN_UNUSED;

/* Level of a line that sys_log_read gave, as the kernel marked it (abi.h); `line` ends with '\n' or NUL. */
enum log_level log_line_level(const char *line);
/* Writes the line "[name] path: text", which a NUL ends and which is changed, to the log. One of level info or debug that is longer than
 * a terminal is wide becomes two, if the second need not be longer than fifty characters. */
void log_fold(handle_t chosen, enum log_level level, char *line);

/* The name of a status ("E_BUDGET") and its sentence. */
const char *err_name(status_t status);
const char *err_text(status_t status);

/* Address space of the own process: a page-aligned range of `len` bytes that nothing uses, with a guard page on either
 * side; 0: none left. */
uint64_t vm_reserve(uint64_t len);
void vm_release(uint64_t va, uint64_t len);

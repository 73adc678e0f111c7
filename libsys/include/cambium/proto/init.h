/* SPDX-License-Identifier: BSD-2-Clause
 * What anybody may ask of init. init has the lowest rank: everybody may call it, it calls nobody and answers at once;
 * what takes time is reported by event. Names travel as up to 48 bytes in w0..w5, zero padded.
 */
#pragma once
#include <stdint.h>

enum { INIT_NAME_LEN = 48 };

enum init_op {
    INIT_OP_OPEN = 1, /* name: a service ("console"), an alias ("serial0"), a class ("irq") or a tree path -> w7 = a handle
                       * with CALL and without TRANSFER, which init put into the caller's table (a word, not a message
                       * handle). E_NOTFOUND; E_RIGHTS: not in the list that this process was started with, or its rank is
                       * not above the server's; E_BROKEN, E_AGAIN (waiting); E_LIMIT: it opened 63 already; E_BUSY: try
                       * again, a former program's session is still being closed; E_FULL, E_BUDGET: the caller's table */
    INIT_OP_SPAWN,    /* w0 = bytes used of the memory, w1 = argc, w2 = envc, w3 = pages of budget (0: default), w4 = event
                       * bits set at the notify port when it ends; handles: w6 = NOTIFY of the caller's port, w7 = memory
                       * holding the strings, NUL-terminated: program name = argv[0], ... -> w0 = job id, w1 = badge of the
                       * program's console session. E_NOTFOUND: no such program in the archive; E_FORMAT, E_ABI as the
                       * loader says; E_RIGHTS: the caller may start none; E_INVAL: not 1 or 2 handles, argc 0, not argc +
                       * envc strings, a name of INIT_NAME_LEN bytes; E_LIMIT: no bytes, or above 32 KiB; E_RANGE: more
                       * than the memory has; E_TYPE: w7 is something else; E_FULL: 32 jobs, those included that ended and
                       * were not asked about; E_BUDGET: so many pages are not left, or servers that are down need them */
    INIT_OP_JOB,      /* w0 = job id -> w0 = JOB_*, w1 = exit code, or fault cause; a job that ended is forgotten by
                       * this. E_NOTFOUND */
    INIT_OP_KILL,     /* name of a server or program, or "job N", or a process id in digits. Servers are restarted and it does not
                       * count as a death. E_NOTFOUND; E_RIGHTS for "init" */
    INIT_OP_RESTART,  /* name: like KILL; also starts a broken or failed server anew */
    INIT_OP_SERVER,   /* w0 = n: the n-th server in rank order -> w0..w3 = name (32 bytes), w4 = node offset (-1: none) as
                       * int32 | process id << 32, w5 = SERVICE_* | restarts << 32, w6 = rank. E_NOTFOUND: no more */
    INIT_OP_NODE,     /* w0 = node offset -> w0 = NODE_*, w1 = server number (for INIT_OP_SERVER) or -1, w2 = offset of the
                       * node it waits for or is covered by, or -1; w3 = status_t */
    INIT_OP_POWER,    /* w0 = POWER_OFF or POWER_REBOOT (abi.h): from the shell. Does not return when it works */
    INIT_OP_MEMSTAT,  /* reserved for DMA accounting */
    INIT_OP_PROGRAM   /* w0 = n: the n-th program of the archive (bin/) -> w0..w5 = its name. E_NOTFOUND: no more */
};

enum job_state { JOB_RUNNING = 0, JOB_EXITED, JOB_FAULTED, JOB_KILLED };
enum service_state {
    SERVICE_WAITING = 0, /* a required reference is not there */
    SERVICE_STARTING,
    SERVICE_RUNNING,
    SERVICE_RESTARTING,  /* died, a pause runs */
    SERVICE_FAILED,      /* its main returned an error */
    SERVICE_BROKEN       /* died too often */
};
enum node_state {
    NODE_NONE = 0,   /* nothing to drive: no compatible */
    NODE_DISABLED,
    NODE_UNCLAIMED,  /* no server in the archive knows it */
    NODE_WAITING,    /* w2: for what */
    NODE_SERVED,
    NODE_KERNEL,     /* cpu, timer, psci, memory, chosen: the kernel's */
    NODE_COVERED,    /* w2: the node that owns the overlapping window */
    NODE_REFUSED     /* w3: bad reg, windows over RAM, ... */
};

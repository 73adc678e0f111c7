/* SPDX-License-Identifier: BSD-2-Clause
 * What anybody may ask of init. init has the lowest rank: everybody may call it, it calls nobody and answers at once;
 * what takes time is reported by event. Names travel as up to 48 bytes in w0..w5, zero padded; longer ones, which paths of what is
 * behind bridges may be, in a memory (handle w7), of which the first w1 bytes are the name with its NUL (E_INVAL: they are not, or
 * more than INIT_PATH_LEN; E_RANGE: the memory is shorter; E_TYPE: it is none). <cambium/client.h> has init_name_call for both.
 */
#pragma once
#include <stdint.h>

enum { INIT_NAME_LEN = 48, INIT_PATH_LEN = 256 };

enum init_op {
    INIT_OP_OPEN = 1, /* name: a service ("console"), an alias ("serial0"), a class ("irq") or a tree path -> w7 = a handle
                       * with CALL and without TRANSFER, which init put into the caller's table (a word, not a message
                       * handle). Of a class: the first in rank that neither waits nor was given up, or else the first,
                       * with its error. E_NOTFOUND; E_RIGHTS: not in the list that this program was started with; the
                       * caller is a server whose match table does not say "opens CLASS", or of lower rank; E_BROKEN, E_AGAIN (waiting); E_LIMIT: it opened 63 already; E_BUSY: try
                       * again, a former program's session is still being closed; E_FULL, E_BUDGET: the caller's table */
    INIT_OP_SPAWN,    /* w0 = bytes used of the memory, w1 = argc, w2 = envc, w3 = pages of budget (0: default), w4 = event
                       * bits set at the notify port when it ends, w5 = words in its list; handles: w6 = NOTIFY of the
                       * caller's port, w7 = memory holding the strings, NUL-terminated: program name = argv[0], ..., then
                       * the environment, then the list (see "Lists") -> w0 = job id, w1 = badge of the program's console
                       * session. E_NOTFOUND: no such program in the archive; E_FORMAT, E_ABI as the loader says, or what
                       * the program needs is nonsense; E_RIGHTS: the caller may start none, or not itself what a word
                       * allows; E_INVAL: a word means nothing, not 1 or 2 handles, argc 0, not argc + envc + w5 strings, a
                       * name or word of INIT_NAME_LEN bytes (init's log names the word); E_LIMIT: no bytes, or above 32 KiB; E_RANGE: more
                       * than the memory has; E_TYPE: w7 is something else; E_FULL: 32 jobs, those included that ended and
                       * were not asked about; E_BUDGET: so many pages are not left, or servers that are down need them */
    INIT_OP_JOB,      /* w0 = job id -> w0 = JOB_*, w1 = exit code, or fault cause; a job that ended is forgotten by
                       * this. E_NOTFOUND */
    INIT_OP_KILL,     /* name of a server or program, or "job N", or a process id in digits. Servers are restarted and it does not
                       * count as a death. E_NOTFOUND; E_RIGHTS for "init" and its id */
    INIT_OP_RESTART,  /* name: like KILL; also starts a broken or failed server anew. w6 = 0, or 1 + the number of an image
                       * (INIT_OP_IMAGE), from which the server is started from now on: the same class, a compatible of the
                       * same node, and no reference required that the server has no handle for. Else it goes on as it is,
                       * and INIT_OP_WHY says why: E_FORMAT, E_ABI, E_LIMIT as the loader says; E_INVAL: it does not fit.
                       * An image that then fails or dies too often makes room for the former one. E_NOTFOUND: no such
                       * image, or no such server; E_AGAIN: it waits */
    INIT_OP_SERVER,   /* w0 = n: the n-th server in rank order -> w0..w3 = name (32 bytes), w4 = node offset (-1: none) as
                       * int32 | process id << 32, w5 = SERVICE_* | restarts << 32, w6 = rank, w7 = the first 8 bytes
                       * of its class. E_NOTFOUND: no more */
    INIT_OP_NODE,     /* w0 = node offset -> w0 = NODE_*, w1 = server number (for INIT_OP_SERVER) or -1, w2 = offset of the
                       * node it waits for or is covered by, or -1; w3 = status_t */
    INIT_OP_POWER,    /* w0 = POWER_OFF or POWER_REBOOT (abi.h): from programs with +control; off only, from servers with
                       * MATCH_POWER_OFF. Does not return when it works. E_RIGHTS: from anybody else */
    INIT_OP_DMA_STAT, /* w0 = n: the first server with number n or above whose node holds DMA memory or clients' buffers ->
                       * w0 = its number, w1 = pages of DMA memory | memories << 32, w2 = pages of buffers | buffers << 32,
                       * w3 = the limit of those | of these << 32 (pages), w4 = node offset. E_NOTFOUND: no more */
    INIT_OP_PROGRAM,  /* w0 = n: the n-th program of the archive (bin/) -> w0..w5 = its name. E_NOTFOUND: no more */

    /* Memory that devices access belongs to the node, not to the process. These four are for the server of a node
     * (anybody else: E_RIGHTS), about its own node; see "DMA" below. */
    INIT_OP_DMA,      /* w0 = index (32 bits), w1 = bytes, w2 = highest physical address allowed + 1 (0: any), w3 =
                       * INIT_DMA_KEEP or 0 -> w0 = INIT_DMA_OLD or 0, w1 = bytes (a power of two of pages), w7 = a handle
                       * with READ, WRITE and MANAGE (memory_info tells its physical address), which init put into the
                       * caller's table (a word, not a message handle). E_INVAL: 0 bytes, unknown flags, index; E_BUSY:
                       * the index has memory of another length, with other flags, or above the limit; E_BUDGET: the
                       * node's limit, or init's pages; E_NOMEM: nothing that fits is free in the DMA pool; E_FULL:
                       * init's table or the caller's; E_DEAD */
    INIT_OP_DMA_RETURN,     /* w0 = index: the caller has reset its device, which does not use that memory any more.
                             * E_NOTFOUND; E_RIGHTS: it was obtained with INIT_DMA_KEEP */
    INIT_OP_DMA_REGISTER,   /* w7 = handle of a client's memory, with MANAGE and TRANSFER -> w0 = number of the
                             * registration, never 0. E_INVAL: not one handle; E_TYPE: of something else; E_RIGHTS: without
                             * MANAGE nobody can learn its address; E_BUDGET: the node's limit; E_FULL: init's table */
    INIT_OP_DMA_UNREGISTER, /* w0 = number: the device is done with that buffer; 0: it was reset, it is done with all that
                             * dead incarnations registered -> w0 = buffers let go. E_NOTFOUND: no such number of this
                             * node */

    INIT_OP_WHY,      /* w0 = node offset, w1 = n -> w0 = bytes of the sentence that says why the node is refused, covered
                       * or waiting, or if it is served what its server refers to ("clocks 0 -> PATH, ..."; 0: nothing to
                       * say), w1..w7 = its bytes from n on; w0 = INIT_WHY_RESTART: why the last RESTART from an image was
                       * refused. E_NOTFOUND: no such node; it was not */
    INIT_OP_LOG_LEVEL, /* name of a server as for KILL, w6 = enum log_level: the least severe that it and its later
                       * incarnations log (LOG_INFO where nobody asked). E_RIGHTS; E_NOTFOUND: no such server, programs
                       * included; E_INVAL: no such level */
    INIT_OP_GROW,     /* from the server of a PCI host bridge, whose node the tree has room below: w0 = bytes; handle: w7 = memory
                       * with a device tree blob, whose root's children become children of the caller's node, with all that is
                       * below them and with properties of names as in the PCI bus binding. A node that is there already, by
                       * name, is left as it is: so a restarted server sends all that it finds. One that the firmware's tree has
                       * gets the properties that it lacks, once. Servers are planned for the
                       * new nodes, and started when the caller runs. -> w0 = nodes that are new, bridges included, w1 =
                       * those of them that get a server. E_RIGHTS: anybody else; E_INVAL: not one handle; E_RANGE: more bytes
                       * than the memory has; E_LIMIT: more than there is room for, or deeper than trees may be; E_FORMAT: no
                       * blob, or another name of a property or node; E_NOMEM, E_TYPE. After an error the tree is as it was */
    INIT_OP_GONE,     /* from the same: w0 = offset of a node that it had added: unplugged, or about to be. Its server is ended
                       * for good, clients get errors, then COMMAND_DMA_OFF comes for it. E_NOTFOUND: no such node, or it has no
                       * server; E_RIGHTS: another's */
    INIT_OP_RENEW,    /* from the same: w0 = offset of a function's node: that was reset, or is back. Its server, those of all that is on
                       * its bus (INIT_OP_CHILDREN), and of nodes that refer to these (their pins, lines, clocks) end now, and begin
                       * anew when the caller runs, broken or unplugged ones too; it does not count as their death. -> w0 = how
                       * many, without those that are to begin anyway.
                       * Errors as INIT_OP_GONE */
    INIT_OP_CHILDREN, /* from the server of a function that a bus found: w0 = offset of a node of the firmware's tree, its own or
                       * another below the same host bridge: the caller speaks for it, as its interrupt controller, and hands out
                       * what is below it. Servers are planned for that and started when the caller runs; its windows may lie in
                       * the caller's. -> w0 = services that are new; a restarted server says it again. E_NOTFOUND: no such node;
                       * E_RIGHTS: it is another bus's or disabled, or the caller is no such server; E_BUSY: it has another
                       * server */
    INIT_OP_MAY,      /* from a mux: w0 = badge of a session at it, w1, w2 = name of one of its units, zero padded. E_OK: the
                       * program behind the session may use it; E_RIGHTS: its list names others, or the caller is no mux;
                       * E_NOTFOUND: nobody has that session */
    INIT_OP_IMAGE     /* w0 = n: the n-th image of the archive (drv/, mux/, bin/, spare/) -> w0..w5 = its name. E_NOTFOUND: no
                       * more */
};
enum { INIT_UNIT_LEN = 16 };
enum { INIT_WHY_LEN = 56 }; /* bytes of one answer */
#define INIT_WHY_RESTART UINT64_MAX

/* Lists. What a program may open and do is what its starter lists, and its session at the console; a starter can list
 * what it may itself, no more. init starts the first program, the shell, with everything.
 *
 *   NAME      as for INIT_OP_OPEN; a class: all its servers; one that nothing here has gives nothing
 *   NAME:UNIT of a service, one of its units and no other: "block:disk0p1" is a partition
 *   *         every server
 *   +spawn    to start programs
 *   +control  to kill and restart what others started, log levels, power
 *   +info     to read log, trace and the kernel's statistics ("chosen" with READ)
 *   +create   to make processes of its own ("self")
 *   +needs    what its image asks for (PROGRAM_NEEDS), as far as the starter may: never too much. Not in PROGRAM_NEEDS
 */

/* DMA. A device goes on writing when its driver is dead, so init holds a handle to everything whose address a device was
 * told, until somebody who can know says that the device is done with it: the driver, after it has reset its device.
 * Until then, and without INIT_OP_DMA_RETURN or _UNREGISTER, it is kept for ever.
 *
 * INIT_OP_DMA with the same index gives every incarnation the same memory, at the same physical address, with
 * INIT_DMA_OLD and with what was in it; fresh memory is zero. It is charged to init's budget and counts against the
 * node's limit. What was returned may still be mapped by the driver: it counts until the incarnation ends, and serves a
 * later INIT_OP_DMA of the same length before. A client's buffer stays charged to the client, dead or not. */
enum {
    INIT_DMA_KEEP = 1, /* asked: never freed (mailbox buffers, tables of an ITS) */
    INIT_DMA_OLD = 1   /* answered: not fresh */
};
enum { INIT_DMA_EARLIER = 0 }; /* INIT_OP_DMA_UNREGISTER: all of dead incarnations */

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
    NODE_REFUSED,    /* w3: bad reg, windows over RAM, ... */
    NODE_EMPTY       /* a socket with nothing in it, as its registers say */
};

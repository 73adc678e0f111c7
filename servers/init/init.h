/* SPDX-License-Identifier: BSD-2-Clause
 * What init's acting files share: the images, the processes made from them, the supervised servers, the jobs.
 *
 * The way of a server: main.c reads the archive and the tree and makes the plan (plan.h); supervise.c decides when a
 * server may start and what its death means; server.c gathers its capabilities and starts it; child.c loads the process;
 * command.c talks to it through its command page; names.c answers everybody's calls, by what allow.c let a program do.
 * What a bus's server finds comes into the tree by grow.c, and then goes the same way.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/command.h>
#include <cambium/proto/init.h>
#include <cambium/start.h>
#include <cambium/sys.h>
#include "archive.h"
#include "elf.h"
#include "plan.h"

enum {
    INIT_PROCESS = 1, /* our own process's id: the first */
    INIT_JOBS_MAX = 32,
    INIT_ARGS_MAX = 32 * 1024,               /* bytes of arguments and environment of a program */
    INIT_REFUSAL_LEN = 320,
    ALLOW_UNITS_LEN = 128, /* bytes of words that name units, of one program */
    INIT_EVENT_TIMER_BIT = 62,               /* beside INIT_EVENT_COMMAND, at init's port */
    INIT_SERVERS_MAX = PLAN_SERVICES_MAX + 1 /* and the shell */
};

/* Memory for DMA (dma.c). The pool has 1 to 4 MiB; a power of two, as the memories in it. */
enum {
    DMA_MEMORIES_MAX = 256,      /* of all nodes, buffers included */
    DMA_NODE_MEMORIES = 64,      /* of one node, likewise */
    DMA_NODE_PAGES = 128,        /* of one node */
    DMA_NODE_BUFFER_PAGES = 1024 /* of clients' buffers that one node may hold back */
};

/* Badges at init's port (also of faults): a server's number + 1, or a job's. Badges of programs at services. */
enum {
    BADGE_JOB = 0x400000,
    BADGE_CONSOLE = 0x800000, /* sessions: a block of them for each program */
    BADGE_SERVICE = 0xf00000,
    BADGE_JOB_COUNT = BADGE_CONSOLE - BADGE_JOB - 1,
    SESSION_BLOCK = 64,
    SESSION_BLOCKS = 0x400000 / SESSION_BLOCK
};

#define MS     1000000ull
#define SECOND 1000000000ull

/* ---- images (child.c) ---- */

struct image {
    const char *name; /* in the archive */
    status_t error;   /* why it cannot be used; it claims nothing then */
    const char *why;  /* the same as a sentence */
    struct elf_image elf;
    unsigned users;   /* processes made from it */
    handle_t shared[ELF_SEGMENTS_MAX]; /* memories of the segments that are not writable; 0: none. A program's go with
                                        * its last process, a server's stay for the next incarnation */
};

/* ---- processes (child.c) ---- */

/* A process, and what init keeps mapped of its memory: command page, start page, data. */
struct child {
    handle_t process; /* 0: none */
    struct image *image;
    handle_t memory;  /* its own (child.c) */
    uint64_t va, len; /* of the memory, here */
    uint32_t id;      /* the kernel's number of the process */
    struct start_info *info;
    struct command_page *command;
    uint64_t entry, stack_top, info_va; /* there */
    uint32_t sessions;                  /* programs: the first of its badges at services; 0: none yet */
    uint32_t session_count;
};

struct child_spec {
    struct image *image;
    uint64_t pages; /* budget */
    unsigned priority, ceiling;
    uint64_t stack_len;
    uint32_t badge; /* of its faults */
    int node;       /* offset in the tree; -1 */
    uint32_t incarnation;
    bool is_program; /* has no command page */
    uint32_t argc, envc;
    const char *strings; /* argc + envc of them, NUL-terminated */
    size_t strings_len;
};

/* ---- servers ---- */

struct server_set {
    uint64_t bits[(INIT_SERVERS_MAX + 63) / 64];
};

/* What a program may: decided when it is started, and the same until it ends. Of the shell: always the same. */
struct allowance {
    struct server_set servers; /* that it may open */
    struct server_set whole;   /* of those: not only units of */
    unsigned may;              /* MAY_* */
    char units[ALLOW_UNITS_LEN]; /* "SERVICE:UNIT" each with a blank behind it */
};
enum {
    MAY_SPAWN = 1,
    MAY_CONTROL = 2, /* kill, restart, log level, power */
    MAY_INFO = 4,    /* /chosen READ */
    MAY_CREATE = 8   /* processes of its own */
};

/* In a round (round.c): proved that it lives, is to be asked, was asked. */
enum asked { ASKED_PROVED = 0, ASKED_NOT_YET, ASKED_OPEN };

struct server {
    unsigned number;                 /* index: the lower, the earlier it came, and so is what it refers to */
    const struct plan_service *plan; /* NULL: the shell */
    struct image *image;
    struct image *former; /* in whose place it was put by hand, and which is taken again if it is given up; NULL */
    uint8_t state;    /* enum service_state */
    bool is_hopeless; /* given up, or down and requires one that is */
    bool is_root;     /* root interrupt controller: restarted without a pause */
    bool is_gone;     /* its device was unplugged: never started again */
    handle_t port;    /* kept over restarts */
    handle_t node_device[PLAN_NODE_WINDOWS / DEVICE_WINDOWS]; /* derived once */
    handle_t
        device[PLAN_NODE_WINDOWS / DEVICE_WINDOWS]; /* of this incarnation; revoked when it dies */
    struct child child;
    struct allowance allow; /* the shell: what it may; muxes: whom they open; others: nothing */
    unsigned grant_step; /* how far starting came; a badge may still be busy */
    uint32_t incarnation;
    uint32_t restarts;
    uint32_t deaths; /* counted ones in a row */
    uint64_t started_ns, ready_ns;
    uint64_t next_ns;      /* RESTARTING: not before */
    uint64_t retry_ns;     /* STARTING with a busy badge: when to try again; 0: not */
    uint64_t disturbed_ns; /* when a server that it uses last went away */
    status_t error;        /* FAILED, BROKEN: why */
    char reason[64];

    /* commands: one at a time, these are still to be sent */
    bool command_open;
    uint32_t command_op;
    uint64_t command_ns;       /* when it was sent */
    unsigned command_about;    /* QUIESCE, REBIND: which server */
    struct server_set quiesce; /* children whose lines must be masked before they start again */
    struct server_set dma_off; /* children whose bus-mastering must be off, likewise */
    struct server_set rebind;  /* servers with a new incarnation */
    uint8_t log_level;         /* enum log_level; where is_level_set */
    bool is_level_set;         /* somebody asked: each new incarnation is told too */
    bool is_level_due;         /* this one is still to be told */
    uint8_t asked;             /* enum asked, in the present round */
    uint64_t round_ticks;      /* CPU time that it had at the beginning of that */
    bool is_full;              /* the log says that its pages are nearly used up */
};

struct job {
    uint32_t id;   /* 0: free */
    uint8_t state; /* enum job_state */
    int code;
    struct image *image;
    struct child child;
    handle_t notify; /* of whoever started it; 0 */
    uint64_t notify_bits;
    uint32_t owner; /* its badge at our port */
    struct allowance allow;
};

enum dma_kind {
    DMA_FREE = 0,
    DMA_OWN,      /* the driver's, by index */
    DMA_RETURNED, /* the living incarnation may still map it */
    DMA_BUFFER    /* a client's, registered */
};

struct dma_memory {
    uint8_t kind; /* enum dma_kind */
    bool is_kept; /* never given back */
    uint16_t server;
    uint32_t index;       /* OWN: the driver's; BUFFER: number of the registration */
    uint32_t incarnation; /* OWN, RETURNED: the last that got a handle; BUFFER: that registered it */
    handle_t handle;
    uint64_t pages;
};

struct init {
    handle_t self, port, chosen, root, power, tree;
    const void *fdt;
    uint64_t tree_len;
    struct archive archive;
    struct image *images;
    struct plan_image *plan_images;
    unsigned image_count;
    struct plan plan;
    struct server *servers; /* by number: those of the plan by rank, the shell, what was found later */
    unsigned server_count, server_max;
    int shell; /* number of the shell; -1 */
    struct job jobs[INIT_JOBS_MAX];
    struct dma_memory dma[DMA_MEMORIES_MAX];
    uint32_t buffer_count;  /* ever registered: the last number */
    uint32_t job_last;      /* id of the last job */
    uint32_t session_last;  /* block of sessions given out last */
    uint32_t last_process;  /* highest process id seen */
    bool dirty;             /* something changed: supervise_turn must look at everybody */
    uint64_t timer_ns;      /* what the port's timer is set to; 0: not set */
    bool is_round;          /* a round is on; it ends at round_ns, else the next begins then */
    uint64_t round_ns;
    int suspect; /* the lowest late server of the last round; -1 */
    char refusal[INIT_REFUSAL_LEN]; /* why the last RESTART from an image was refused; "" */
};

static inline void set_add(struct server_set *set, unsigned number)
{
    set->bits[number / 64] |= 1ull << number % 64;
}
static inline void set_remove(struct server_set *set, unsigned number)
{
    set->bits[number / 64] &= ~(1ull << number % 64);
}
static inline bool set_has(const struct server_set *set, unsigned number)
{
    return set->bits[number / 64] >> number % 64 & 1;
}
static inline bool set_within(const struct server_set *set, const struct server_set *all)
{
    for (unsigned i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++) {
        if ((set->bits[i] & ~all->bits[i]) != 0) {
            return false;
        }
    }
    return true;
}
/* Where it is in the order of who may call whom: calls go down. Of the shell: above all. */
static inline unsigned server_rank(const struct server *s)
{
    return s->plan != NULL ? s->plan->rank : UINT32_MAX;
}
/* The lowest member, -1 if empty. */
static inline int set_first(const struct server_set *set)
{
    for (unsigned i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++) {
        if (set->bits[i] != 0) {
            return (int)(i * 64) + __builtin_ctzll(set->bits[i]);
        }
    }
    return -1;
}

/* ---- report.c ---- */

/* One line "[init] text" into the kernel's log. */
void report(struct init *init, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What a server is called in the log: its node's path, or its service's name. */
void report_server_name(struct init *init, const struct server *s, char *out, size_t len);
/* Lines for what the plan could not give a server. */
void report_plan(struct init *init);
void report_started(struct init *init, const struct server *s);

/* ---- fault.c ---- */

/* Lines for a fault that came as *m and is not answered yet: of `who`, whose process is `c`; s: if it is a server. The
 * cause in a few words, cut at len, in out_why. */
void fault_report(struct init *init, const char *who, const struct server *s, const struct child *c,
                  const struct msg *m, char *out_why, size_t len);
/* A number that an image's code makes: tools/lib/symbolise.py computes the same, to look up addresses in the right file. */
uint32_t fault_image_id(const struct elf_image *elf);

/* ---- child.c ---- */

/* Reads the archive's ELF files into init->images. Damaged ones are reported and carry their error. */
status_t images_read(struct init *init) WARN_UNUSED;
struct image *image_find(struct init *init, const char *name);
/* Creates the process and all its memory; nothing runs yet. On an error nothing is left. */
status_t child_create(struct init *init, struct child *c,
                      const struct child_spec *spec) WARN_UNUSED;
/* Gives it a handle under a name. E_BUSY: the badge is still being closed. */
status_t child_grant(struct child *c, const char *name, handle_t h, uint32_t rights,
                     uint32_t badge) WARN_UNUSED;
status_t child_run(struct child *c) WARN_UNUSED;
/* Ends it and frees everything; harmless if there is none. */
void child_destroy(struct child *c);

/* ---- server.c ---- */

/* Makes the table from the plan. */
status_t servers_create(struct init *init) WARN_UNUSED;
/* Starts (or goes on starting) an incarnation; all that it needs is there. E_BUSY: call again soon. */
status_t server_start(struct init *init, struct server *s) WARN_UNUSED;
/* Ends the incarnation: process, device, queued events. The port and its callers stay. */
void server_stop(struct init *init, struct server *s);
/* The n-th reference of a server to another one. NULL after the last. */
struct server *server_provider(struct init *init, const struct server *s, unsigned index,
                               const struct plan_ref **out_ref);
const char *server_class(const struct server *s);
/* Takes service number init->server_count of the plan, which was found, into the table. */
void server_add(struct init *init);
/* Makes ports and devices for those that have none yet and wait for nothing that is missing in the plan. */
void servers_wake(struct init *init);
/* Pages that starting whoever is down, and will be started by itself, may take. */
uint64_t servers_reserve(const struct init *init);

/* ---- command.c ---- */

/* Sends what waits, if the page is free. */
void command_pump(struct init *init, struct server *s);
/* Looks whether the open command is finished. */
void command_look(struct init *init, struct server *s);
/* Forgets everything about the dead incarnation's commands. */
void command_reset(struct init *init, struct server *s);
/* Asks the interrupt parents of `s` to mask its lines, and the server of its bus to take its bus-mastering away. */
void command_quiesce(struct init *init, struct server *s);
/* True while one of them has not answered. */
bool command_quiescing(struct init *init, const struct server *s);
/* Tells everybody who holds a handle to its port, or may open it, that `s` is new. Of its first incarnation: the latter. */
void command_rebind(struct init *init, const struct server *s);

/* ---- round.c ---- */

/* Begins or ends a round, if that is due. */
void round_turn(struct init *init, uint64_t now);
/* When round_turn has something to do next. */
uint64_t round_time(const struct init *init);
/* A server started: the next round is soon, in case it hangs. */
void round_soon(struct init *init, uint64_t now);

/* ---- supervise.c ---- */

/* Looks at every command page (INIT_EVENT_COMMAND). */
void supervise_pages(struct init *init);
/* Starts what can start, restarts what is due, finds the hung, sets the timer. */
void supervise_turn(struct init *init);
/* A server's process ended by itself: fault or exit. */
void supervise_death(struct init *init, struct server *s, const char *why);
/* Answers with E_DEAD whoever waits for a server that will not come back. */
void supervise_fail_callers(struct init *init);
/* Its device is gone: it ends, and does not come back. */
void supervise_gone(struct init *init, struct server *s);
/* The user wants it (re)started: does not count. */
void supervise_restart(struct init *init, struct server *s);

/* ---- replace.c ---- */

/* Restarts `s` from image number `number`, if that fits; if not, *s goes on and init->refusal says why. Errors: as
 * INIT_OP_RESTART. */
status_t replace_server(struct init *init, struct server *s, uint64_t number) WARN_UNUSED;
/* The image that `s` got by that is given up, since `why`: the former one is started again. False: there is none. */
bool replace_back(struct init *init, struct server *s, const char *why);

/* ---- dma.c ---- */

/* INIT_OP_DMA*, from the server `s`; *m is request, then answer. What came with REGISTER is init's after E_OK. */
status_t dma_serve(struct init *init, struct server *s, struct msg *m) WARN_UNUSED;
status_t dma_stat(struct init *init, struct msg *m) WARN_UNUSED;
/* The incarnation's process is gone: what it had returned can be freed. */
void dma_incarnation_ended(struct init *init, const struct server *s);
/* Its device sends nothing any more, and no incarnation runs: clients' buffers can be freed, and if the server was given up, its
 * own memory, too. */
void dma_is_off(struct init *init, const struct server *s);

/* ---- grow.c ---- */

/* Copies the tree to where there is room below its PCI host bridges. Without any it stays as it is. */
status_t grow_prepare(struct init *init) WARN_UNUSED;
/* INIT_OP_GROW, _GONE, _RENEW and _CHILDREN, from the server `s`. */
status_t grow_serve(struct init *init, const struct server *s, struct msg *m) WARN_UNUSED;

/* ---- job.c ---- */

/* INIT_OP_SPAWN, from `caller`, which may do what `starter` says. */
status_t job_spawn(struct init *init, uint32_t caller, const struct allowance *starter,
                   struct msg *m) WARN_UNUSED;
/* A copy of what a caller's memory begins with, so that it cannot change that any more; free() it. E_LIMIT: no bytes, or above
 * INIT_ARGS_MAX; E_RANGE: the memory has fewer; E_TYPE: it is none; E_NOMEM. */
status_t job_strings_take(handle_t memory, uint64_t len, char **out) WARN_UNUSED;
struct job *job_by_badge(struct init *init, uint32_t badge);
struct job *job_by_id(struct init *init, uint64_t id);
/* Ends a job's process, keeps the record, tells its owner. */
void job_end(struct init *init, struct job *job, enum job_state state, int code);
void job_forget(struct job *job);
/* What was started by `owner` ends with it. */
void jobs_end_owned(struct init *init, uint32_t owner);

/* ---- names.c ---- */

/* Answers one call: *m is request, then answer. */
status_t names_serve(struct init *init, uint32_t badge, struct msg *m);
/* The next badge of a program for a session at a service; nobody who lives has it. E_LIMIT: it had SESSION_BLOCK. */
status_t names_session(struct init *init, struct child *c, uint32_t *out) WARN_UNUSED;
/* The service "console"; NULL: the plan has none. */
struct server *names_console(struct init *init);
/* The server of a service, or of a node, by path or alias. NULL: neither has that name. */
struct server *names_find(struct init *init, const char *name);

/* ---- allow.c ---- */

/* What the shell may, and whom muxes may open: anew whenever there are more servers. */
void allow_renew(struct init *init);
/* What a program made from `image` may, whose starter may do what `starter` says and lists these `count` strings. E_INVAL:
 * one means nothing; E_FORMAT: one in the image does; E_RIGHTS: the starter may not itself. The log says which. */
/* Whether what is allowed includes a unit of the server: of a mux that tells who asks it. */
bool allow_has_unit(const struct allowance *a, const struct server *s, const char *unit);
status_t allow_list(struct init *init, const struct allowance *starter, const struct image *image,
                    const char *list, uint64_t count, struct allowance *out) WARN_UNUSED;

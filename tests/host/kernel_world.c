/* SPDX-License-Identifier: BSD-2-Clause
 * See kernel_world.h.
 */
#include "kernel_world.h"

unsigned fake_asm;
char fake_ram[FAKE_PAGES * 4096] __attribute__((aligned(4096)));
uint64_t fake_now, fake_isr;
uint64_t kernel_l1[512], window_l3[512];
bool trace_on;
struct process *world_init;
struct thread *world_thread;
uint64_t world_self, world_root;
bool fake_icc_absent, fake_icc_gone;
uint64_t fake_icc_intid;
unsigned fake_icc_opened, fake_icc_reads;
static struct frame frames[FAKE_PAGES];
static bool range_added;

/* ---- what assembly, boot/ and log.c provide ---- */

void assert_failed(const char *expression, const char *file, int line)
{
    fail_msg("%s:%d: kernel assertion failed: %s", file, line, expression);
    abort();
}
void stop_at_fault(struct thread *t)
{
    fail_msg("kernel panic: init (thread %u) faulted", t->id);
    abort();
}
bool console_on;
void stop(void)
{
    fail_msg("the kernel halts");
    abort();
}
const uint64_t *word_at(struct process *p, uint64_t va)
{
    (void)p;
    (void)va;
    return NULL;
}
void kprintf(const char *format, ...)
{
    (void)format;
}
bool ram_overlaps(uint64_t pa, uint64_t len)
{
    return pa < FAKE_RAM + sizeof(fake_ram) && FAKE_RAM < pa + len;
}
void log_port_gone(struct port *port)
{
    (void)port;
}
SYSCALL(log)
{
    return E_NOSYS;
}
void trace_record(enum trace_event event, const struct thread *t, uint64_t argument)
{
    (void)event, (void)t, (void)argument;
}
int user_load32(uint64_t va, uint32_t *out)
{
    (void)va;
    *out = 0;
    return 0;
}
int device_access_at(uint64_t va, uint64_t op, uint64_t *inout)
{
    (void)va;
    *inout = op & DEVICE_WRITE ? *inout : 0;
    return 0;
}
void fp_save(struct fp_state *fp)
{
    (void)fp;
}
void fp_load(const struct fp_state *fp)
{
    (void)fp;
}
bool icc_open(void)
{
    fake_icc_opened += !fake_icc_absent;
    return !fake_icc_absent;
}
bool icc_acknowledge(uint64_t *out_intid)
{
    fake_icc_reads++;
    if (!fake_icc_gone) {
        *out_intid = fake_icc_intid;
    }
    return !fake_icc_gone;
}
void kernel_unlock(void) {}
void kernel_lock_take(void) {}
void psci_system(bool reboot)
{
    (void)reboot;
}

/* ---- the world ---- */

int world_up(void **state)
{
    (void)state;
    fake_isr = 0;
    fake_icc_absent = fake_icc_gone = false;
    fake_icc_intid = fake_icc_opened = fake_icc_reads = 0;
    fake_now = 1000;
    memset(&cores[0], 0, sizeof(cores[0]));
    cores[0].armed = (uint64_t)DEADLINE_NEVER;
    if (!range_added) { /* later worlds live in what earlier ones left */
        frames_add_range(FAKE_RAM, sizeof(fake_ram), frames);
        frames_add_free(FAKE_RAM, sizeof(fake_ram) / 2, false);
        frames_add_free(FAKE_RAM + sizeof(fake_ram) / 2, sizeof(fake_ram) / 2, true);
        range_added = true;
    }
    process_all = NULL;
    world_init = process_create(NULL, INIT_NAME, 1500, PRIORITY_COUNT - 1);
    assert_non_null(world_init);
    world_thread = thread_create(world_init, 0x1000, 0x2000, 0, 20, 0);
    assert_non_null(world_thread);
    sched_unready(world_thread);
    cores[0].current = world_thread;
    struct device *root = device_create(world_init, DEVICE_ALL | DERIVE_IRQ_ROOT);
    assert_int_equal(handle_install(world_init, &world_init->object, RIGHT_READ | RIGHT_MANAGE, 0,
                                    world_init, &world_self),
                     E_OK);
    assert_int_equal(handle_install(world_init, &root->object,
                                    RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER, 0,
                                    world_init, &world_root),
                     E_OK);
    return 0;
}

int64_t world_enter(struct thread *t, enum syscall call)
{
    int64_t result;

    cores[0].current = t;
    result = syscall(t, t->x, call);
    if (result < CALL_BLOCKED) {
        t->x[0] = (uint64_t)result;
    }
    return result;
}

int64_t world_call(struct thread *t, enum syscall call, const uint64_t *x, unsigned count)
{
    int64_t result;

    memset(t->x, 0, sizeof(t->x));
    memcpy(t->x, x, count * sizeof(*x));
    t->deadline = (uint64_t)DEADLINE_NEVER;
    do {
        result = world_enter(t, call);
    } while (result == CALL_RESTART);
    return result;
}

struct process *world_process(uint64_t pages, handle_t fault_port, handle_t *out)
{
    assert_int_equal(CALL_OF(process_create, world_self, 0x74736574, 0, pages, 25, fault_port, 7),
                     E_OK);
    *out = (handle_t)world_thread->x[1];
    return (struct process *)handle_lookup(world_init, *out)->object;
}

struct thread *world_first_thread(struct process *p)
{
    return p->threads != NULL ? CONTAINER(p->threads, struct thread, process_link) : NULL;
}

struct thread *world_thread_of(struct process *p, handle_t process)
{
    assert_int_equal(CALL_OF(thread_create, process, 0x1000, 0x2000, 0, 10, 0), E_OK);
    assert_int_equal(CALL_OF(handle_close, world_thread->x[1]), E_OK);
    sched_unready(world_first_thread(p));
    return world_first_thread(p);
}

/* Nothing here is malloc'ed, and the leak checker stumbles over threads and stacks that are none. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

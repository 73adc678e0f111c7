/* SPDX-License-Identifier: BSD-2-Clause
 * From the first instruction of a process to main, and out again.
 *
 * In: x0 = struct start_info (start.h), sp = top of a stack. The image is a static PIE that nobody relocated: the first
 * function applies the R_AARCH64_RELATIVE entries and must itself need none, so it gets all it works on in registers.
 * Order: relocate, check that kernel and program agree on the ABI, thread-local storage, constructors, a driver's pins, main, exit.
 */
#include <cambium/start.h>
#include <cambium/sys.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>
#include <unistd.h>
#include "elf64.h"
#include "frame.h"
#include "tls.h"

/* ELF for the Arm 64-bit Architecture, 5.7.15; the other structures are in libsys/image. */
struct elf64_rela {
    uint64_t r_offset, r_info, r_addend;
};
enum { PT_TLS = 7, DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, R_AARCH64_RELATIVE = 1027 };

enum { CRT_STRINGS = 32, CRT_TLS_LEN = 512, TLS_ALIGN = 64 };

const struct start_info *start_info;

/* Read from the file by init, without relocation (libsys/image/elf.c). */
static const uint32_t crt_abi __attribute__((section(".cambium.abi"), used)) = ABI_VERSION;

/* libgcc's outline atomics ask for it (programs built without -mno-outline-atomics). */
_Bool __aarch64_have_lse_atomics;

/* Makes the linker take lock.c while it is in libsys: once it reads libc, which comes later, it would take the locks of the
 * same names there, which do nothing. Nothing refers to this, so that it goes again, lock.c too where nothing locks. */
static void (*const crt_lock)(_LOCK_T) __attribute__((used)) = __retarget_lock_acquire_recursive;

int main(int argc, char **argv, char **envp);
void crt_relocate(uint64_t base, const struct elf64_dyn *dynamic);
_Noreturn void crt_main(const struct start_info *info);

/* Symbols of server.ld and of the linker itself. Hidden: reached relative to the pc, not through the GOT. */
extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* the whole image */
typedef void (*constructor_t)(void);
extern const constructor_t __init_array_start[] __attribute__((visibility("hidden")));
extern const constructor_t __init_array_end[] __attribute__((visibility("hidden")));

/* void _start(const struct start_info *): EL0, MMU on. No frame above it: fp and lr are zero. */
__asm__(".pushsection .text._start, \"ax\", %progbits\n"
        ".global _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "    mov x29, xzr\n"
        "    mov x30, xzr\n"
        "    mov x19, x0\n"
        "    adrp x0, __ehdr_start\n"
        "    add x0, x0, :lo12:__ehdr_start\n"
        "    adrp x1, _DYNAMIC\n"
        "    add x1, x1, :lo12:_DYNAMIC\n"
        "    bl crt_relocate\n"
        "    mov x0, x19\n"
        "    mov x30, xzr\n"
        "    b crt_main\n"
        ".size _start, . - _start\n"
        ".popsection\n");

void crt_relocate(uint64_t base, const struct elf64_dyn *dynamic)
{
    const struct elf64_rela *rela = NULL;
    uint64_t len = 0;

    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_RELA) {
            rela = (const struct elf64_rela *)(base + dynamic->d_val);
        } else if (dynamic->d_tag == DT_RELASZ) {
            len = dynamic->d_val;
        }
    }
    /* the link allows no other type (-z text, no dynamic symbols); tools/mkarchive's input is our own */
    for (uint64_t i = 0; i < len / sizeof(*rela); i++) {
        if ((uint32_t)rela[i].r_info == R_AARCH64_RELATIVE) {
            *(uint64_t *)(base + rela[i].r_offset) = base + rela[i].r_addend;
        }
    }
}

/* ---- thread-local storage ---- */

static const struct elf64_phdr *tls_segment(void)
{
    const struct elf64_ehdr *header = (const struct elf64_ehdr *)(const void *)__ehdr_start;
    const struct elf64_phdr *ph =
        (const struct elf64_phdr *)(const void *)(__ehdr_start + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (ph[i].p_type == PT_TLS && ph[i].p_memsz != 0) {
            return &ph[i];
        }
    }
    return NULL;
}

/* Where the segment's copy starts behind TP: the 16-byte header, rounded up to the segment's alignment. */
static uint64_t tls_offset(const struct elf64_phdr *ph)
{
    return ph->p_align > 16 ? ph->p_align : 16;
}

uint64_t tls_len(void)
{
    const struct elf64_phdr *ph = tls_segment();
    uint64_t len = ph != NULL ? tls_offset(ph) + ph->p_memsz : 16;

    return (len + TLS_ALIGN - 1) / TLS_ALIGN * TLS_ALIGN;
}

uint64_t tls_init(void *block)
{
    const struct elf64_phdr *ph = tls_segment();

    if (ph != NULL) {
        memcpy((char *)block + tls_offset(ph), __ehdr_start + ph->p_vaddr, ph->p_filesz);
    }
    return (uint64_t)block;
}

/* Not from the heap: its lock asks who runs, and errno is in what is being made here. */
static status_t crt_large_tls(void **out)
{
    uint64_t len = (tls_len() + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE, va = vm_reserve_locked(len);
    handle_t memory;
    status_t err = va == 0 ? E_NOMEM : sys_memory_create(len, 0, 0, &memory);

    if (err != E_OK) {
        return err;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
    (void)sys_handle_close(memory); /* the mapping keeps it */
    *out = (void *)va;
    return err;
}

static status_t crt_first_tls(void)
{
    static char block[CRT_TLS_LEN] __attribute__((aligned(TLS_ALIGN)));
    void *at = block;

    if (tls_len() > sizeof(block)) {
        status_t refused = crt_large_tls(&at);
        if (refused != E_OK) {
            return refused;
        }
    }
    /* by call, so that the kernel restores it at every switch; the register directly too: the call may keep it lazily */
    uint64_t tp = tls_init(at);
    status_t err = sys_thread_control(0, THREAD_SET_TP, tp, NULL);
    __asm__ volatile("msr tpidr_el0, %[tp]" ::[tp] "r"(tp) : "memory");
    return err;
}

/* ---- arguments ---- */

/* argv and envp in one array of pointers, each ended by NULL; the strings stay where the starter wrote them. */
static char **crt_strings(const struct start_info *info)
{
    static char *few[CRT_STRINGS];
    uint64_t count = (uint64_t)info->argc + info->envc;
    char **all = few;

    if (count + 2 > CRT_STRINGS) {
        all = sbrk((ptrdiff_t)((count + 2) * sizeof(char *)));
        if (all == (char **)-1) {
            sys_process_exit(E_NOMEM);
        }
    }
    char *s = (char *)(uintptr_t)info + info->strings;
    for (uint64_t i = 0, at = 0; i < count; i++) {
        if (i == info->argc) {
            all[at++] = NULL;
        }
        all[at++] = s;
        s += strlen(s) + 1;
    }
    return all; /* static or fresh memory: what was not written is NULL */
}

handle_t start_handle(const char *name)
{
    for (uint32_t i = 0; i < start_info->handle_count && i < START_HANDLES; i++) {
        if (strncmp(start_info->handles[i].name, name, START_HANDLE_NAME) == 0) {
            return start_info->handles[i].handle;
        }
    }
    return 0;
}

/* ---- in and out ---- */

/* Present only where the program links the console or the driver frame. */
void stdio_flush(void) __attribute__((weak));
void frame_main_returned(int result) __attribute__((weak));
void node_pins_set(void) __attribute__((weak));

_Noreturn void _exit(int code)
{
    if (stdio_flush != NULL) {
        stdio_flush();
    }
    sys_process_exit(code);
}

_Noreturn void crt_main(const struct start_info *info)
{
    if (info == NULL || info->magic != START_MAGIC) {
        sys_process_exit(E_FORMAT);
    }
    if (info->abi_version != ABI_VERSION) {
        sys_process_exit(E_ABI);
    }
    start_info = info;
    if (crt_first_tls() != E_OK) {
        sys_process_exit(E_NOMEM);
    }
    for (const constructor_t *f = __init_array_start; f < __init_array_end; f++) {
        (*f)();
    }
    char **argv = crt_strings(info);
    environ = argv + info->argc + 1;
    if (node_pins_set != NULL) {
        node_pins_set();
    }
    int result = main((int)info->argc, argv, environ);
    if (frame_main_returned != NULL) {
        frame_main_returned(result);
    }
    exit(result);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * edu - asks QEMU's educational device (class edu).
 *
 *     edu                what it is, how it interrupts, whether it reaches memory
 *     edu factorial N    N!, of which it computes 32 bits: N is 12 at most
 *     edu dma [TEXT]     sends TEXT (48 bytes at most) into its buffer and fetches it from there, both by DMA
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/edu.h>
#include <cambium/proto/pci.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("edu");

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "edu: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* A driver that died is there again with the next call, and asking twice does no harm. */
static status_t ask(handle_t edu, struct msg *m)
{
    struct msg first = *m;
    status_t err = E_DEAD;

    for (int tries = 0; tries < 3 && err == E_DEAD; tries++) {
        *m = first;
        err = msg_call(edu, m);
    }
    return err;
}

static int show(handle_t edu)
{
    static const char *const modes[] = { "no interrupt", "a line (INTx)", "messages (MSI)",
                                         "messages (MSI-X)" };
    struct msg m = { .info = EDU_OP_INFO };
    status_t err = ask(edu, &m);

    if (err) {
        return fail("it does not answer", err);
    }
    printf("identification 0x%08" PRIx64 ", alive\n", m.w[0]);
    printf("%s, %" PRIu64 " interrupts\n", modes[m.w[1] % 4], m.w[3]);
    if (m.w[2] != 0) {
        printf("DMA at 0x%" PRIx64 "\n", m.w[2]);
    } else {
        printf("no DMA: it reaches no memory (see log)\n");
    }
    return 0;
}

static int factorial(handle_t edu, const char *word)
{
    char *end;
    unsigned long n = strtoul(word, &end, 10);

    if (*word < '0' || *word > '9' || *end != '\0' || n > EDU_FACTORIAL_MAX) {
        (void)fprintf(stderr, "edu: %s: a number from 0 to %d is wanted\n", word,
                      EDU_FACTORIAL_MAX);
        return 2;
    }
    struct msg m = { .info = EDU_OP_FACTORIAL, .w = { n } };
    status_t err = ask(edu, &m);
    if (err) {
        return fail("factorial", err);
    }
    printf("%lu! = %" PRIu64 "\n", n, m.w[0]);
    return 0;
}

static int dma(handle_t edu, const char *text)
{
    size_t len = strlen(text);
    struct msg out = { .info = EDU_OP_WRITE, .w = { 0, len } };
    struct msg back = { .info = EDU_OP_READ, .w = { 0, len } };

    if (len == 0 || len > EDU_DATA_LEN) {
        (void)fprintf(stderr, "edu: 1 to %d bytes are wanted\n", EDU_DATA_LEN);
        return 2;
    }
    memcpy(&out.w[2], text, len);
    status_t err = ask(edu, &out);
    if (err) {
        return fail("to the device", err);
    }
    err = ask(edu, &back);
    if (err) {
        return fail("from the device", err);
    }
    printf("%.*s\n", (int)len, (const char *)&back.w[1]);
    if (memcmp(&back.w[1], text, len) != 0) {
        (void)fprintf(stderr, "edu: what came back is not what was sent\n");
        return 1;
    }
    return 0;
}

static const char usage[] =
    "usage: edu               tells what the device is and how it interrupts\n"
    "       edu factorial N   has it computed there, up to 12\n"
    "       edu dma [TEXT]    sends a text there and back\n";

int main(int argc, char *argv[])
{
    const char *what = argc > 1 ? argv[1] : "";
    handle_t edu;

    if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (argc > 1 && !(strcmp(what, "factorial") == 0 && argc == 3) &&
        !(strcmp(what, "dma") == 0 && argc <= 3)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    status_t err = service_open("edu", &edu);
    if (err) {
        return fail("no educational device", err);
    }
    if (argc == 1) {
        return show(edu);
    }
    return strcmp(what, "factorial") == 0 ? factorial(edu, argv[2])
                                          : dma(edu, argc > 2 ? argv[2] : "hello, device");
}

/* SPDX-License-Identifier: BSD-2-Clause
 * States of pins (rp1_pins.h): names of pins, groups and functions, properties to bits.
 */
#include "rp1_pins.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include <tree_chain.h>

/* ---- names ---- */

/* Of each pin its functions, in the order of FUNCSEL from 0 on; "-": none. As Linux 7.2 (drivers/pinctrl/pinctrl-rp1.c) and
 * Raspberry Pi's `pinctrl` utility have them. */
static const char *const functions[RP1_PINS] = {
    [0] = "spi0 dpi uart1 i2c0 - gpio proc_rio pio spi2",
    [1] = "spi0 dpi uart1 i2c0 - gpio proc_rio pio spi2",
    [2] = "spi0 dpi uart1 i2c1 ir gpio proc_rio pio spi2",
    [3] = "spi0 dpi uart1 i2c1 ir gpio proc_rio pio spi2",
    [4] = "gpclk0 dpi uart2 i2c2 uart0 gpio proc_rio pio spi3",
    [5] = "gpclk1 dpi uart2 i2c2 uart0 gpio proc_rio pio spi3",
    [6] = "gpclk2 dpi uart2 i2c3 uart0 gpio proc_rio pio spi3",
    [7] = "spi0 dpi uart2 i2c3 uart0 gpio proc_rio pio spi3",
    [8] = "spi0 dpi uart3 i2c0 - gpio proc_rio pio spi4",
    [9] = "spi0 dpi uart3 i2c0 - gpio proc_rio pio spi4",
    [10] = "spi0 dpi uart3 i2c1 - gpio proc_rio pio spi4",
    [11] = "spi0 dpi uart3 i2c1 - gpio proc_rio pio spi4",
    [12] = "pwm0 dpi uart4 i2c2 aaud gpio proc_rio pio spi5",
    [13] = "pwm0 dpi uart4 i2c2 aaud gpio proc_rio pio spi5",
    [14] = "pwm0 dpi uart4 i2c3 uart0 gpio proc_rio pio spi5",
    [15] = "pwm0 dpi uart4 i2c3 uart0 gpio proc_rio pio spi5",
    [16] = "spi1 dpi dsi0_te_ext - uart0 gpio proc_rio pio -",
    [17] = "spi1 dpi dsi1_te_ext - uart0 gpio proc_rio pio -",
    [18] = "spi1 dpi i2s0 pwm0 i2s1 gpio proc_rio pio gpclk1",
    [19] = "spi1 dpi i2s0 pwm0 i2s1 gpio proc_rio pio -",
    [20] = "spi1 dpi i2s0 gpclk0 i2s1 gpio proc_rio pio -",
    [21] = "spi1 dpi i2s0 gpclk1 i2s1 gpio proc_rio pio -",
    [22] = "sd0 dpi i2s0 i2c3 i2s1 gpio proc_rio pio -",
    [23] = "sd0 dpi i2s0 i2c3 i2s1 gpio proc_rio pio -",
    [24] = "sd0 dpi i2s0 - i2s1 gpio proc_rio pio spi2",
    [25] = "sd0 dpi i2s0 mic i2s1 gpio proc_rio pio spi3",
    [26] = "sd0 dpi i2s0 mic i2s1 gpio proc_rio pio spi5",
    [27] = "sd0 dpi i2s0 mic i2s1 gpio proc_rio pio spi1",
    [28] = "sd1 i2c4 i2s2 spi6 vbus0 gpio proc_rio - -",
    [29] = "sd1 i2c4 i2s2 spi6 vbus0 gpio proc_rio - -",
    [30] = "sd1 i2c5 i2s2 spi6 uart5 gpio proc_rio - -",
    [31] = "sd1 i2c5 i2s2 spi6 uart5 gpio proc_rio - -",
    [32] = "sd1 gpclk3 i2s2 spi6 uart5 gpio proc_rio - -",
    [33] = "sd1 gpclk4 i2s2 spi6 uart5 gpio proc_rio - -",
    [34] = "pwm1 gpclk3 vbus0 i2c4 mic gpio proc_rio - -",
    [35] = "spi8 pwm1 vbus0 i2c4 mic gpio proc_rio - -",
    [36] = "spi8 uart5 pcie_clkreq_n i2c5 mic gpio proc_rio - -",
    [37] = "spi8 uart5 mic i2c5 pcie_clkreq_n gpio proc_rio - -",
    [38] = "spi8 uart5 mic i2c6 aaud gpio proc_rio dsi0_te_ext -",
    [39] = "spi8 uart5 mic i2c6 aaud gpio proc_rio dsi1_te_ext -",
    [40] = "pwm1 uart5 i2c4 spi6 aaud gpio proc_rio - -",
    [41] = "pwm1 uart5 i2c4 spi6 aaud gpio proc_rio - -",
    [42] = "gpclk5 uart5 vbus1 spi6 i2s2 gpio proc_rio - -",
    [43] = "gpclk4 uart5 vbus1 spi6 i2s2 gpio proc_rio - -",
    [44] = "gpclk5 i2c5 pwm1 spi6 i2s2 gpio proc_rio - -",
    [45] = "pwm1 i2c5 spi7 spi6 i2s2 gpio proc_rio - -",
    [46] = "gpclk3 i2c4 spi7 mic i2s2 gpio proc_rio dsi0_te_ext -",
    [47] = "gpclk5 i2c4 spi7 mic i2s2 gpio proc_rio dsi1_te_ext -",
    [48] = "pwm1 pcie_clkreq_n spi7 mic uart5 gpio proc_rio - -",
    [49] = "spi8 spi7 i2c5 aaud uart5 gpio proc_rio - -",
    [50] = "spi8 spi7 i2c5 aaud vbus2 gpio proc_rio - -",
    [51] = "spi8 spi7 i2c6 aaud vbus2 gpio proc_rio - -",
    [52] = "spi8 - i2c6 aaud vbus3 gpio proc_rio - -",
    [53] = "spi8 spi7 - pcie_clkreq_n vbus3 gpio proc_rio - -",
};

#define PIN(n)           ((uint64_t)1 << (n))
#define RUN(first, last) (PIN((last) + 1) - PIN(first))

/* Groups of pins that Linux' binding has names for. */
static const struct {
    const char *name;
    uint64_t pins;
} groups[] = {
    { "uart0", RUN(14, 15) },
    { "uart0_ctrl", RUN(4, 7) | RUN(16, 17) },
    { "uart1", RUN(0, 1) },
    { "uart1_ctrl", RUN(2, 3) },
    { "uart2", RUN(4, 5) },
    { "uart2_ctrl", RUN(6, 7) },
    { "uart3", RUN(8, 9) },
    { "uart3_ctrl", RUN(10, 11) },
    { "uart4", RUN(12, 13) },
    { "uart4_ctrl", RUN(14, 15) },
    { "uart5_0", RUN(30, 31) },
    { "uart5_0_ctrl", RUN(32, 33) },
    { "uart5_1", RUN(36, 37) },
    { "uart5_1_ctrl", RUN(38, 39) },
    { "uart5_2", RUN(40, 41) },
    { "uart5_2_ctrl", RUN(42, 43) },
    { "uart5_3", RUN(48, 49) },
    { "sd0", RUN(22, 27) },
    { "sd1", RUN(28, 33) },
    { "i2s0", RUN(18, 21) },
    { "i2s0_dual", RUN(18, 23) },
    { "i2s0_quad", RUN(18, 27) },
    { "i2s1", RUN(18, 21) },
    { "i2s1_dual", RUN(18, 23) },
    { "i2s1_quad", RUN(18, 27) },
    { "i2s2_0", RUN(28, 31) },
    { "i2s2_0_dual", RUN(28, 33) },
    { "i2s2_1", RUN(42, 45) },
    { "i2s2_1_dual", RUN(42, 47) },
    { "i2c0_0", RUN(0, 1) },
    { "i2c0_1", RUN(8, 9) },
    { "i2c1_0", RUN(2, 3) },
    { "i2c1_1", RUN(10, 11) },
    { "i2c2_0", RUN(4, 5) },
    { "i2c2_1", RUN(12, 13) },
    { "i2c3_0", RUN(6, 7) },
    { "i2c3_1", RUN(14, 15) },
    { "i2c3_2", RUN(22, 23) },
    { "i2c4_0", RUN(28, 29) },
    { "i2c4_1", RUN(34, 35) },
    { "i2c4_2", RUN(40, 41) },
    { "i2c4_3", RUN(46, 47) },
    { "i2c5_0", RUN(30, 31) },
    { "i2c5_1", RUN(36, 37) },
    { "i2c5_2", RUN(44, 45) },
    { "i2c5_3", RUN(49, 50) },
    { "i2c6_0", RUN(38, 39) },
    { "i2c6_1", RUN(51, 52) },
    { "dpi_16bit", RUN(0, 19) },
    { "dpi_16bit_cpadhi", RUN(0, 8) | RUN(12, 17) | RUN(20, 24) },
    { "dpi_16bit_pad666", RUN(0, 3) | RUN(5, 9) | RUN(12, 17) | RUN(21, 25) },
    { "dpi_18bit", RUN(0, 21) },
    { "dpi_18bit_cpadhi", RUN(0, 9) | RUN(12, 17) | RUN(20, 25) },
    { "dpi_24bit", RUN(0, 27) },
    { "spi0", RUN(9, 11) },
    { "spi0_quad", RUN(0, 1) | RUN(9, 11) },
    { "spi1", RUN(19, 21) },
    { "spi2", RUN(1, 3) },
    { "spi3", RUN(5, 7) },
    { "spi4", RUN(9, 11) },
    { "spi5", RUN(13, 15) },
    { "spi6_0", RUN(28, 30) },
    { "spi6_1", RUN(40, 42) },
    { "spi7_0", RUN(46, 48) },
    { "spi7_1", RUN(49, 51) },
    { "spi8_0", RUN(37, 39) },
    { "spi8_1", RUN(49, 51) },
    { "aaud_0", RUN(12, 13) },
    { "aaud_1", RUN(38, 39) },
    { "aaud_2", RUN(40, 41) },
    { "aaud_3", RUN(49, 50) },
    { "aaud_4", RUN(51, 52) },
    { "vbus0_0", RUN(28, 29) },
    { "vbus0_1", RUN(34, 35) },
    { "vbus1", RUN(42, 43) },
    { "vbus2", RUN(50, 51) },
    { "vbus3", RUN(52, 53) },
    { "mic_0", RUN(25, 27) },
    { "mic_1", RUN(34, 36) },
    { "mic_2", RUN(37, 39) },
    { "mic_3", RUN(46, 48) },
    { "ir", RUN(2, 3) },
};

/* The pins that a name means: "gpio14", or a group. 0: none. */
static uint64_t pins_named(const char *name)
{
    if (strncmp(name, "gpio", 4) == 0 && name[4] >= '0' && name[4] <= '9') {
        char *end;
        unsigned long pin = strtoul(name + 4, &end, 10);
        return *end == '\0' && pin < RP1_PINS ? PIN(pin) : 0;
    }
    for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strcmp(groups[i].name, name) == 0) {
            return groups[i].pins;
        }
    }
    return 0;
}

/* Which FUNCSEL of a pin a function is: by its name there, or as altN; -1: the pin has no such function. */
static int funcsel_of(unsigned pin, const char *name)
{
    size_t len = strlen(name);
    int funcsel = 0;

    if (strcmp(name, "none") == 0) {
        return FUNCSEL_NONE;
    }
    if (len == 4 && strncmp(name, "alt", 3) == 0) {
        funcsel = name[3] - '0';
        return funcsel >= 0 && funcsel <= FUNCSEL_LAST ? funcsel : -1;
    }
    for (const char *word = functions[pin]; *word != '\0'; funcsel++) {
        const char *end = word + strcspn(word, " ");
        if ((size_t)(end - word) == len && strncmp(word, name, len) == 0 && *word != '-') {
            return funcsel;
        }
        word = *end == ' ' ? end + 1 : end;
    }
    return -1;
}

/* ---- properties ---- */

/* Bits of PADS that a property sets, among those of its mask. */
static const struct {
    const char *name;
    uint8_t mask, bits;
} pad_properties[] = {
    { "bias-disable", PAD_PDE | PAD_PUE, 0 },
    { "bias-pull-up", PAD_PDE | PAD_PUE, PAD_PUE },
    { "bias-pull-down", PAD_PDE | PAD_PUE, PAD_PDE },
    { "input-enable", PAD_IE, PAD_IE },
    { "input-disable", PAD_IE, 0 },
    { "output-enable", PAD_OD, 0 },
    { "output-disable", PAD_OD, PAD_OD },
    { "input-schmitt-enable", PAD_SCHMITT, PAD_SCHMITT },
    { "input-schmitt-disable", PAD_SCHMITT, 0 },
};

/* What one node of a state says, of its pins. */
struct part {
    uint64_t pins;
    uint8_t pad, pad_mask;
    bool is_driven, is_high;
};

static bool is_name(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* A property with a number. */
static status_t part_number(const void *tree, int node, const char *name, struct part *out)
{
    uint32_t value = 0;
    status_t err = tree_u32(tree, node, name, &value);

    if (!err && strcmp(name, "slew-rate") == 0) {
        out->pad_mask |= PAD_SLEWFAST;
        out->pad |= value != 0 ? PAD_SLEWFAST : 0;
        return value <= 1 ? E_OK : E_FORMAT;
    }
    if (err || (value != 2 && value != 4 && value != 8 && value != 12)) {
        return E_FORMAT;
    }
    out->pad_mask |= PAD_DRIVE;
    out->pad |= (uint8_t)field_put(PAD_DRIVE, value == 2   ? DRIVE_2MA
                                              : value == 4 ? DRIVE_4MA
                                              : value == 8 ? DRIVE_8MA
                                                           : DRIVE_12MA);
    return E_OK;
}

static status_t part_property(const void *tree, int node, const char *name, struct part *out)
{
    static const char *const elsewhere[] = { "function", "pins",          "groups",
                                             "phandle",  "linux,phandle", "name",
                                             "status",   "label",         NULL };

    for (unsigned i = 0; i < sizeof(pad_properties) / sizeof(pad_properties[0]); i++) {
        if (strcmp(pad_properties[i].name, name) == 0) {
            out->pad_mask |= pad_properties[i].mask;
            out->pad = (uint8_t)((out->pad & ~pad_properties[i].mask) | pad_properties[i].bits);
            return E_OK;
        }
    }
    if (strcmp(name, "output-high") == 0 || strcmp(name, "output-low") == 0) {
        out->is_driven = true;
        out->is_high = strcmp(name, "output-high") == 0;
        return E_OK;
    }
    if (strcmp(name, "slew-rate") == 0 || strcmp(name, "drive-strength") == 0) {
        return part_number(tree, node, name, out);
    }
    return is_name(name, elsewhere) ? E_OK : E_FORMAT;
}

/* Says what is wrong, of a node with a name of something in it. */
static status_t refuse(const void *tree, int node, bool is_told, const char *what, const char *name)
{
    char path[TREE_PATH_LEN];

    if (is_told) {
        tree_path(tree, node, path, sizeof(path));
        log_error("%s: %s%s%s%s: nothing of this state is set", path, what,
                  name != NULL ? " \"" : "", name != NULL ? name : "", name != NULL ? "\"" : "");
    }
    return E_FORMAT;
}

static status_t part_pins(const void *tree, int node, bool is_told, struct part *out)
{
    static const char *const lists[] = { "pins", "groups" };

    for (unsigned k = 0; k < 2; k++) {
        const char *name;
        int len;
        for (unsigned i = 0; (name = tree_string_at(tree, node, lists[k], i)) != NULL; i++) {
            uint64_t pins = pins_named(name);
            if (pins == 0) {
                return refuse(tree, node, is_told, "RP1 has no pins called", name);
            }
            out->pins |= pins;
        }
        if (tree_prop(tree, node, lists[k], &len) != NULL &&
            tree_string_at(tree, node, lists[k], 0) == NULL) {
            return refuse(tree, node, is_told, "no list of names is", lists[k]);
        }
    }
    return E_OK;
}

/* ---- states ---- */

static void pins_configure(const struct part *part, struct rp1_pins *out)
{
    for (uint64_t left = part->pins; left != 0; left &= left - 1) {
        unsigned pin = (unsigned)__builtin_ctzll(left);
        out->pad_mask[pin] |= part->pad_mask;
        out->pad[pin] = (uint8_t)((out->pad[pin] & ~part->pad_mask) | part->pad);
    }
    if (part->is_driven) {
        out->driven |= part->pins;
        out->driven_high = (out->driven_high & ~part->pins) | (part->is_high ? part->pins : 0);
    }
}

/* As Linux muxes: input and output of the pad on, before other properties of the pad. */
static status_t pins_mux(const void *tree, int node, bool is_told, uint64_t pins,
                         const char *function, struct rp1_pins *out)
{
    char what[40];

    for (uint64_t left = pins; left != 0; left &= left - 1) {
        unsigned pin = (unsigned)__builtin_ctzll(left);
        int funcsel = funcsel_of(pin, function);
        if (funcsel < 0) {
            (void)snprintf(what, sizeof(what), "gpio%u has no function", pin); /* fits */
            return refuse(tree, node, is_told, what, function);
        }
        out->function[pin] = (uint8_t)funcsel;
        out->pad_mask[pin] |= PAD_IE | PAD_OD;
        out->pad[pin] = (uint8_t)((out->pad[pin] & ~PAD_OD) | PAD_IE);
    }
    out->muxed |= pins;
    return E_OK;
}

static status_t part_read(const void *tree, int node, bool is_told, struct rp1_pins *out)
{
    struct part part = { .pins = 0 };
    const char *function, *name = NULL;
    int property, len;
    status_t err = part_pins(tree, node, is_told, &part);

    out->named |= part.pins;
    if (err) {
        return err;
    }
    fdt_for_each_property_offset(property, tree, node)
    {
        if (fdt_getprop_by_offset(tree, property, &name, &len) != NULL &&
            part_property(tree, node, name, &part) != E_OK) {
            return refuse(tree, node, is_told, "RP1's pins cannot do, or not so:", name);
        }
    }
    function = tree_string_at(tree, node, "function", 0);
    if (function == NULL && tree_prop(tree, node, "function", &len) != NULL) {
        return refuse(tree, node, is_told, "no name is", "function");
    }
    if (part.pins == 0 && (function != NULL || part.pad_mask != 0 || part.is_driven)) {
        return refuse(tree, node, is_told, "it names no pins", NULL);
    }
    if (part.is_driven) { /* a level is driven by SYS_RIO */
        function = "gpio";
    }
    err = function != NULL ? pins_mux(tree, node, is_told, part.pins, function, out) : E_OK;
    if (!err) {
        pins_configure(&part, out);
    }
    return err;
}

status_t rp1_pins_read(const void *tree, int state, bool is_told, struct rp1_pins *out)
{
    status_t err;

    *out = (struct rp1_pins){ .named = 0 };
    err = part_read(tree, state, is_told, out);
    for (int child = tree_next_child(tree, state, -1); child >= 0;
         child = tree_next_child(tree, state, child)) {
        if (tree_status_okay(tree, child)) {
            status_t e = part_read(tree, child, is_told, out);
            err = err ? err : e;
        }
    }
    return err == E_OK && out->named == 0 ? refuse(tree, state, is_told, "it names no pins", NULL)
                                          : err;
}

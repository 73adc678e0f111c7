/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_brcmstb: from a root complex in reset to a link, in the order of Linux' pcie-brcmstb.c; or the link that is there already. Each
 * wait is one sleep, or so many looks; nothing here waits longer than it says.
 */
#include <cambium/client.h>
#include <cambium/thread.h>
#include <string.h>
#include <tree.h>
#include "pcie_brcmstb.h"

/* ---- resets ---- */

static status_t bridge_get(const struct brcm *b, bool *out)
{
    if (b->chip->has_own_resets) {
        *out = (brcm_read(b, RGR1_SW_INIT_1) & RGR1_SW_INIT_1_INIT) != 0;
        return E_OK;
    }
    return node_reset_get(b->node, "bridge", out);
}

static status_t bridge_set(const struct brcm *b, bool is_asserted)
{
    if (b->chip->has_own_resets) {
        brcm_field(b, RGR1_SW_INIT_1, RGR1_SW_INIT_1_INIT, is_asserted);
        sleep_ns(RESET_WAIT_NS);
        return E_OK;
    }
    return node_reset_set(b->node, "bridge", is_asserted);
}

/* What is behind the link is held in reset, or no longer. */
static void perst_set(const struct brcm *b, bool is_asserted)
{
    if (b->chip->has_own_resets) {
        brcm_field(b, RGR1_SW_INIT_1, RGR1_SW_INIT_1_PERST, is_asserted);
    } else {
        brcm_field(b, MISC_PCIE_CTRL, PCIE_CTRL_PERSTB, !is_asserted);
    }
}

/* From any state to a complex that is as after power-on. Its registers hang the bus while it is in reset, so the rescal, which is
 * behind one of three, comes between two resets. */
static status_t complex_reset(struct brcm *b, bool is_in_reset)
{
    status_t err = E_OK;

    if (b->chip->has_own_resets) {
        perst_set(b, true); /* firmware may have released it */
    } else {
        err = is_in_reset ? bridge_set(b, false) : E_OK;
        err = err ? err : node_reset_pulse(b->node, "rescal");
    }
    err = err ? err : bridge_set(b, true);
    err = err ? err : bridge_set(b, false);
    if (err) {
        log_error("its resets do not work (%s)", err_name(err));
        return err;
    }
    b->index = 0;
    log_info("bridge: set, out of reset (found %s)", is_in_reset ? "in reset" : "without a link");
    return E_OK;
}

/* ---- PHY ---- */

static uint32_t mdio_address(uint32_t reg)
{
    return field_put(MDIO_PORT, MDIO_PORT0) | field_put(MDIO_REGAD, reg);
}

static status_t mdio_write(const struct brcm *b, uint32_t reg, uint32_t value)
{
    brcm_write(b, RC_DL_MDIO_ADDR, mdio_address(reg));
    (void)brcm_read(b, RC_DL_MDIO_ADDR); /* it has arrived before the data */
    brcm_write(b, RC_DL_MDIO_WR_DATA, MDIO_DONE | value);
    for (unsigned i = 0; i < MDIO_POLLS; i++) {
        if ((brcm_read(b, RC_DL_MDIO_WR_DATA) & MDIO_DONE) == 0) {
            return E_OK;
        }
        sleep_ns(MDIO_POLL_NS);
    }
    return E_TIMEOUT;
}

static status_t mdio_read(const struct brcm *b, uint32_t reg, uint32_t *out)
{
    brcm_write(b, RC_DL_MDIO_ADDR, mdio_address(reg) | MDIO_READ);
    (void)brcm_read(b, RC_DL_MDIO_ADDR);
    for (unsigned i = 0; i < MDIO_POLLS; i++) {
        uint32_t data = brcm_read(b, RC_DL_MDIO_RD_DATA);
        if ((data & MDIO_DONE) != 0) {
            *out = data & MDIO_DATA;
            return E_OK;
        }
        sleep_ns(MDIO_POLL_NS);
    }
    return E_TIMEOUT;
}

/* L, brcm_pcie_post_setup_bcm2712: the PHY is made for 100 MHz, the board has 54. */
static status_t phy_clock_set(const struct brcm *b)
{
    static const struct {
        uint8_t reg;
        uint16_t value;
    } steps[] = { { 0x16, 0x50b9 }, { 0x17, 0xbda1 }, { 0x18, 0x0094 }, { 0x19, 0x97b4 },
                  { 0x1b, 0x5030 }, { 0x1c, 0x5030 }, { 0x1e, 0x0007 } };
    status_t err = mdio_write(b, MDIO_SET_ADDR, CLOCK_PAGE);

    for (unsigned i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++) {
        err = mdio_write(b, steps[i].reg, steps[i].value);
    }
    if (err) {
        log_error("PHY: MDIO does not answer");
        return err;
    }
    sleep_ns(CLOCK_WAIT_NS);
    brcm_field(b, RC_PL_PHY_CTL_15, PHY_CTL_15_PM_CLK_PERIOD, PM_CLK_PERIOD_54MHZ);
    log_info("PHY: set for 54 MHz");
    return E_OK;
}

/* L, brcm_pcie_set_ssc. Without it the link works as well. */
static void ssc_set(const struct brcm *b)
{
    uint32_t control = 0, status = 0;
    status_t err = mdio_write(b, MDIO_SET_ADDR, SSC_PAGE);

    err = err ? err : mdio_read(b, SSC_CONTROL, &control);
    err =
        err ? err : mdio_write(b, SSC_CONTROL, control | SSC_CONTROL_OVERRIDE | SSC_CONTROL_ENABLE);
    sleep_ns(SSC_WAIT_NS);
    err = err ? err : mdio_read(b, SSC_STATUS, &status);
    if (err || (status & (SSC_STATUS_SSC | SSC_STATUS_PLL_LOCK)) !=
                   (SSC_STATUS_SSC | SSC_STATUS_PLL_LOCK)) {
        log_warn("spread spectrum could not be had");
    }
}

/* ---- the complex ---- */

/* What functions reach, and how a failed access ends: with ones, not with an abort. An adopted link keeps what firmware chose beside. */
static void access_set(const struct brcm *b)
{
    uint32_t wanted = MISC_CTRL_SCB_ACCESS_EN | MISC_CTRL_CFG_READ_UR_MODE |
                      MISC_CTRL_PCIE_RCB_MPS_MODE | MISC_CTRL_PCIE_RCB_64B_MODE;
    uint32_t found = brcm_read(b, MISC_MISC_CTRL);
    uint32_t value = found | wanted;

    if (!b->is_adopted) {
        value = (value & ~MISC_CTRL_MAX_BURST_SIZE) |
                field_put(MISC_CTRL_MAX_BURST_SIZE, b->chip->max_burst);
    }
    if (!b->chip->has_remap && b->in[1].len != 0) {
        value = (value & ~MISC_CTRL_SCB0_SIZE) |
                field_put(MISC_CTRL_SCB0_SIZE, (uint32_t)(63 - __builtin_clzll(b->in[1].len)) - 15);
    }
    if (value != found) {
        brcm_write(b, MISC_MISC_CTRL, value);
    }
    log_info("SCB access: %s on (MISC_CTRL %x)", brcm_how((found & MISC_CTRL_SCB_ACCESS_EN) != 0),
             (unsigned)value);
    brcm_write(b, MISC_UBUS_CTRL,
               brcm_read(b, MISC_UBUS_CTRL) | UBUS_CTRL_REPLY_ERR_DIS | UBUS_CTRL_REPLY_DECERR_DIS);
    if (b->chip->has_remap) {
        brcm_write(b, MISC_AXI_READ_ERROR_DATA, ~0u);
        brcm_write(b, MISC_UBUS_TIMEOUT, UBUS_TIMEOUT_250MS);
        brcm_write(b, MISC_RC_CONFIG_RETRY_TIMEOUT, CONFIG_RETRY_TIMEOUT_240MS);
    }
}

/* R, brcm_pcie_post_setup_bcm2712: a C1, which does not have what a D0 sets these bits for, can stop for ever while functions write. */
static void axi_set(const struct brcm *b)
{
    uint32_t value = brcm_read(b, MISC_AXI_INTF_CTRL) & ~AXI_INTF_CTRL_QOS_PROPAGATION;

    brcm_write(b, MISC_AXI_INTF_CTRL, value | AXI_INTF_CTRL_D0_FIXES);
    value = brcm_read(b, MISC_AXI_INTF_CTRL);
    if ((value & AXI_INTF_CTRL_D0_FIXES) != AXI_INTF_CTRL_D0_FIXES) {
        brcm_field(b, MISC_AXI_INTF_CTRL, AXI_INTF_CTRL_OUTSTANDING, OUTSTANDING_C1);
    }
}

/* One of the values that are allowed, a bit for each; 0: none is there, or it is none of them. */
static uint32_t limit_of(const struct brcm *b, const char *name, uint32_t allowed)
{
    uint32_t value = node_u32_or(b->node, name, 0);

    if (value != 0 && (value > 31 || (allowed >> value & 1) == 0)) {
        log_warn("%s: there is no %u: not limited", name, (unsigned)value);
        return 0;
    }
    return value;
}

/* What the root port says of itself, and the link that it tries for. */
static void port_set(const struct brcm *b)
{
    uint32_t speed = limit_of(b, "max-link-speed", BIT(1) | BIT(2) | BIT(3));
    uint32_t lanes = limit_of(b, "num-lanes", BIT(1) | BIT(2) | BIT(4));
    int len = 0;
    bool has_l0s = tree_prop(b->node.tree, b->node.offset, "aspm-no-l0s", &len) == NULL;

    brcm_field(b, RC_CFG_PRIV1_ID_VAL3, PRIV1_ID_VAL3_CLASS_CODE, CLASS_BRIDGE);
    brcm_field(b, RC_CFG_VENDOR_SPECIFIC_REG1, VENDOR_REG1_ENDIAN_MODE_BAR2, 0);
    brcm_field(b, RC_CFG_PRIV1_LINK_CAPABILITY, PRIV1_LINK_CAPABILITY_ASPM,
               has_l0s ? ASPM_L0S_L1 : ASPM_L1);
    if (lanes != 0) {
        brcm_field(b, RC_CFG_PRIV1_LINK_CAPABILITY, PRIV1_LINK_CAPABILITY_WIDTH, lanes);
    }
    if (speed != 0) {
        brcm_field(b, RC_CFG_PRIV1_LINK_CAPABILITY, PRIV1_LINK_CAPABILITY_SPEED, speed);
        brcm_field(b, RC_CFG_LNKCTL2, LNKCTL2_TARGET_SPEED, speed);
    }
}

/* Who asks for the reference clock: "safe", which works with every card, unless the tree says otherwise. */
static void clkreq_set(const struct brcm *b)
{
    const char *mode = tree_string(b->node.tree, b->node.offset, "brcm,clkreq-mode");
    bool is_debug = mode != NULL && strcmp(mode, "no-l1ss") == 0;
    bool is_l1ss = mode != NULL && strcmp(mode, "default") == 0;

    if (mode != NULL && !is_debug && !is_l1ss && strcmp(mode, "safe") != 0) {
        log_warn("brcm,clkreq-mode: \"%s\" is none: \"safe\"", mode);
    }
    brcm_field(b, b->chip->hard_debug, HARD_DEBUG_CLKREQ_DEBUG_ENABLE, is_debug);
    brcm_field(b, b->chip->hard_debug, HARD_DEBUG_CLKREQ_L1SS_ENABLE, is_l1ss);
}

/* ---- the link ---- */

bool brcm_link_is_up(const struct brcm *b)
{
    const uint32_t up = PCIE_STATUS_PHYLINKUP | PCIE_STATUS_DL_ACTIVE;

    return (brcm_read(b, MISC_PCIE_STATUS) & up) == up;
}

static status_t link_await(const struct brcm *b)
{
    sleep_ns(PERST_WAIT_NS);
    for (unsigned i = 0; i < LINK_POLLS && !brcm_link_is_up(b); i++) {
        sleep_ns(LINK_POLL_NS);
    }
    if (brcm_link_is_up(b)) {
        return E_OK;
    }
    uint32_t status = brcm_read(b, MISC_PCIE_STATUS);
    log_error("link down: nobody trains within 200 ms (PHY %s, data link %s)",
              (status & PCIE_STATUS_PHYLINKUP) != 0 ? "up" : "down",
              (status & PCIE_STATUS_DL_ACTIVE) != 0 ? "up" : "down");
    return E_TIMEOUT;
}

static void link_say(const struct brcm *b)
{
    static const char *const speeds[] = { "?", "2.5", "5.0", "8.0" };
    uint32_t status = brcm_read(b, RC_CFG_LNKCTL);
    uint32_t speed = field_get(LNKSTA_SPEED, status);

    log_info("link: %s up, %s GT/s x%u", brcm_how(b->is_adopted), speeds[speed < 4 ? speed : 0],
             (unsigned)field_get(LNKSTA_WIDTH, status));
}

/* Nobody is there: the PHY is off, what is behind it in reset. The bridge stays out of reset, as others' rescal needs. */
static void link_give_up(const struct brcm *b)
{
    perst_set(b, true);
    brcm_field(b, b->chip->hard_debug, HARD_DEBUG_SERDES_IDDQ, 1);
}

static status_t link_bring_up(struct brcm *b, bool is_in_reset)
{
    status_t err = complex_reset(b, is_in_reset);

    if (err) {
        return err;
    }
    brcm_field(b, b->chip->hard_debug, HARD_DEBUG_SERDES_IDDQ, 0);
    sleep_ns(SERDES_WAIT_NS);
    access_set(b);
    brcm_inbound_write(b);
    if ((brcm_read(b, MISC_PCIE_STATUS) & PCIE_STATUS_PORT) == 0) {
        log_error("not a root complex: PCIE_STATUS %x", (unsigned)brcm_read(b, MISC_PCIE_STATUS));
        return E_IO;
    }
    port_set(b);
    brcm_outbound_write(b);
    err = b->chip->has_54mhz ? phy_clock_set(b) : E_OK;
    if (err) {
        return err;
    }
    if (b->chip->has_54mhz) {
        axi_set(b);
    }
    perst_set(b, false);
    err = link_await(b);
    if (err) {
        link_give_up(b);
        return err;
    }
    clkreq_set(b);
    int len;
    if (b->chip->has_ssc &&
        tree_prop(b->node.tree, b->node.offset, "brcm,enable-ssc", &len) != NULL) {
        ssc_set(b);
    }
    return E_OK;
}

/* Firmware's, or an earlier incarnation's: functions behind it may be at work. */
static void link_adopt(struct brcm *b)
{
    log_info("bridge: found out of reset, with a link: adopted");
    access_set(b);
    brcm_inbound_write(b);
    brcm_field(b, RC_CFG_PRIV1_ID_VAL3, PRIV1_ID_VAL3_CLASS_CODE, CLASS_BRIDGE);
    brcm_outbound_write(b);
}

status_t brcm_link_start(struct brcm *b)
{
    bool is_in_reset = true;
    status_t err = bridge_get(b, &is_in_reset);

    if (err) {
        log_error("its bridge's reset cannot be asked (%s)", err_name(err));
        return err;
    }
    b->is_adopted = !is_in_reset && brcm_link_is_up(b);
    if (b->is_adopted) {
        link_adopt(b);
    } else {
        err = link_bring_up(b, is_in_reset);
    }
    if (!err) {
        link_say(b);
    }
    return err;
}

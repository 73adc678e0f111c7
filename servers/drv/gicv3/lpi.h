/* SPDX-License-Identifier: BSD-2-Clause
 * LPIs of a GICv3: interrupts that come as messages through an ITS, and whose state lies in two tables in memory. Arm IHI
 * 0069H, 5.1. The tables are never freed: EnableLPIs cannot be cleared, so the redistributor writes to them for ever.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/mmio.h>
#include <stdint.h>

enum { LPI_COUNT = 256 }; /* that can be told, of the thousands that there are */

struct lpi {
    uint32_t count;           /* 0: there are none, or nobody who sends them */
    uint8_t *properties;      /* NULL: likewise */
    void *pending;
    uint64_t properties_at, pending_at; /* for the redistributor */
    const struct mmio *redist;
    uint32_t typer;           /* GICR_TYPER's lower half */
    bool can_invalidate;      /* INVLPIR is there */
};

/* Memory for the tables, if the distributor has LPIs and an ITS below `node` is enabled. Asks init: before the server registers as
 * root. What is missing is said, and then there are no LPIs; all else works. */
void lpi_claim(struct lpi *l, struct node node, uint32_t gicd_typer);
/* Gives the tables to the redistributor, or finds that a predecessor did. */
void lpi_start(struct lpi *l, const struct mmio *redist);
/* LPI INTID_LPI + n. It takes effect when the redistributor reads it: at once if it can be told so, else with the ITS's next INV. */
void lpi_enable(struct lpi *l, uint32_t n, bool is_on);
/* As the table has it. */
unsigned lpi_priority(const struct lpi *l, uint32_t n);

/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of class msi (<cambium/proto/msi.h>): frames below an interrupt controller, to which devices write. It knows
 * who may have vectors (by the caller's msi-map or msi-parent), which are whose, and whom they tell; the controller above tells
 * (IRQ_OP_MESSAGE), so that no interrupt comes this way. What a frame itself does is a handful of functions, msi_server_ops.
 *
 * A vector is a *slot*: slot n raises line `first_line` + n of the controller. What one function has is a run of slots. The port that
 * came with an attach is kept, so that a restarted controller can be told all of it again. One thread uses a server.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/msi.h>
#include <stdbool.h>

enum { MSI_SLOTS_MAX = 256 };

struct msi_server;

/* What one function has: `count` slots from `first` on. `device` is what the tree calls it here (its DeviceID, if the frame has such),
 * else the requester ID that its writes arrive with; is_shared: others behind the same bridge have that, too. */
struct msi_run {
    uint32_t device, first, count;
    bool is_shared;
};

/* The frame's part. None of them waits without a bound. */
struct msi_server_ops {
    /* From now on the device's writes of *out_data + n raise slot `first` + n, for n below `count`; *out_data is a multiple of
     * `count` rounded up to a power of two. Errors: those of MSI_OP_ALLOC. */
    status_t (*map)(struct msi_server *s, const struct msi_run *run, uint64_t *out_data);
    /* And no longer. */
    void (*unmap)(struct msi_server *s, const struct msi_run *run);
    /* The run's vector was not attached, and now the controller is asked: a line for the log. NULL: nothing is said. */
    void (*say)(struct msi_server *s, const struct msi_run *run, uint32_t vector);
    /* The controller changed whether the run's vector is delivered. NULL: that concerns nobody here. */
    void (*changed)(struct msi_server *s, const struct msi_run *run, uint32_t vector);
};

struct msi_slot {
    uint32_t caller;    /* whose badge; 0: free (the root's node has no functions) */
    uint16_t requester;
    uint16_t vector;    /* which of the function's */
    uint32_t device;    /* as in its run */
    bool is_shared;
    handle_t port;      /* 0: nobody is told */
    uint64_t bits;
};

/* The server fills the first group. */
struct msi_server {
    const struct msi_server_ops *ops;
    struct node node;        /* the frame's */
    uint64_t address;        /* where devices write */
    uint32_t first_line;     /* as the controller above calls it */
    uint32_t slot_count;     /* at most MSI_SLOTS_MAX */
    uint32_t first_data;     /* what a device writes for slot 0, if that counts with the slots: runs are aligned by it */

    handle_t parent;         /* the controller's server */
    struct msi_slot slots[MSI_SLOTS_MAX];
};

/* Before the loop. E_NOTFOUND: there is no handle to the controller. */
status_t msi_server_open(struct msi_server *s) WARN_UNUSED;
/* Every event of the frame's loop: requests, *closed*, COMMAND_REBIND. The result is for event_done. */
status_t msi_server_event(struct msi_server *s, struct event *ev) WARN_UNUSED;

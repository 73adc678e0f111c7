/* SPDX-License-Identifier: BSD-2-Clause
 * What every model uses. BUG is the number of the seeded mutation compiled in, 0 = none.
 *
 * PROVE names a property: check_model expects a mutation to violate the one that its line names.
 * COVER marks an essential state: a check fails if the search never came there. Both print from the verifier itself,
 * because SPIN's own report of unreached states leaves out the inside of a d_step.
 */
#ifndef BUG
#define BUG 0
#endif
#define PROVE(name, condition) \
    if \
    :: (condition) \
    :: else -> c_code { printf("violated: %s\n", #name); }; assert(false) \
    fi
#define COVER(name) c_code { static char reached; if (!reached) { reached = 1; printf("reached: %s\n", #name); } }

/* SPDX-License-Identifier: BSD-2-Clause
 * Two intrusive lists, both with removal in constant time: links in any order, and queues of threads.
 */
#pragma once
#include <stddef.h>

/* The struct `type` whose member `member` is at `link`. */
#define CONTAINER(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

struct link {
    struct link *next, **prev; /* prev: what points at this one */
};

static inline void link_add(struct link **head, struct link *l)
{
    l->next = *head;
    l->prev = head;
    if (l->next != NULL) {
        l->next->prev = &l->next;
    }
    *head = l;
}

static inline void link_remove(struct link *l)
{
    *l->prev = l->next;
    if (l->next != NULL) {
        l->next->prev = l->prev;
    }
}

/* Threads linked through next and prev; a thread is in one queue at a time. */
struct queue {
    struct thread *head, *tail;
};

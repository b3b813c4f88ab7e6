/* SPDX-License-Identifier: Apache-2.0
 *
 * One check of an index: what was found, and which items it touches. check_index.c runs it and
 * makes the JSON of it, check_segments.c looks into the segments, repair_*.c rebuild by it.
 */
#ifndef MGP_ENGINE_CHECK_H
#define MGP_ENGINE_CHECK_H

#include "base/base.h"
#include "store/check_store.h"

typedef struct mgp_finding {
  const char *file, *section, *what; /* in the arena */
  uint64_t *items;                   /* catalog numbers, ascending; heap; NULL for a claim's */
  size_t count;
  size_t claim; /* the segment it is about, or SIZE_MAX: then `items` are its own */
  bool is_thumb;
} mgp_finding;

typedef struct mgp_finding_list {
  mgp_finding *items;
  size_t count, capacity;
} mgp_finding_list;

/* What is known of one segment, beside the account's claim of it. */
typedef struct mgp_segment_state {
  size_t space; /* of the account; SIZE_MAX: unknown */
  bool is_damaged;
  bool is_slow;         /* only what makes it faster is damaged: its rows are whole */
  bool is_kept;         /* damaged, but repair gets all of its sections out of it */
  bool is_wrong;        /* what it says contradicts itself: its bytes are not worth keeping */
  bool knows_items;     /* its ids can be trusted */
  uint64_t first, last; /* of its ids; first > last: none */
  uint64_t *items;      /* live ones that it touches, when damaged; ascending */
  size_t count, capacity;
} mgp_segment_state;

typedef struct mgp_check {
  mgp_alloc *alloc;
  mgp_store *store;
  bool deep;
  magpie_progress progress;
  void *progress_context;
  const volatile int *cancel;

  mgp_arena *arena;
  mgp_account account;
  mgp_segment_state *states; /* [account.claim_count] */
  unsigned char **whole;     /* [account.space_count]: bit i: item i has a row in a whole segment */
  unsigned char **named;     /* the same of damaged segments whose ids are known */
  bool (*kinds)[256];        /* [account.space_count]: kinds that whole segments hold */
  mgp_finding_list findings, leftovers;
  bool is_catalog_damaged, is_live_damaged;
  char wal_fault[160]; /* seen before the index was opened; "": none */
  bool is_outdated;    /* a merge took a file away meanwhile */
  uint64_t bytes;
  double started;
} mgp_check;

/* Fails only when the check cannot be done; damage is in `findings`. Finish it in any case. */
magpie_status mgp_check_run(mgp_check *check, magpie_error *err);
void mgp_check_fini(mgp_check *check);
/* The segments and what the catalog expects of them. (check_segments.c) */
magpie_status mgp_check_segments(mgp_check *check, magpie_error *err);
magpie_status mgp_check_note(mgp_check *check, mgp_finding_list *list, const mgp_damage *damage,
                             size_t claim, magpie_error *err);
bool mgp_check_is_whole(const mgp_check *check, size_t space, uint64_t item);
void mgp_check_mark_whole(mgp_check *check, size_t space, uint64_t item);
/* The items of a finding. */
const uint64_t *mgp_finding_items(const mgp_check *check, const mgp_finding *finding,
                                  size_t *count);
/* SIZE_MAX when the index has no such space. */
size_t mgp_check_space(const mgp_check *check, const char *name);
magpie_status mgp_check_tell(const mgp_check *check, uint64_t done, uint64_t total,
                             const char *file, magpie_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking an index that may be damaged: what the catalog says, what the files hold, and where the
 * two differ. Nothing here changes anything, but for the last part, which repair uses. What is
 * found goes to a callback; a status other than 0 means that the check itself could not be done.
 */
#ifndef MGP_STORE_CHECK_STORE_H
#define MGP_STORE_CHECK_STORE_H

#include "store/segment.h"

/* A segment as the catalog names it. */
typedef struct mgp_claim {
  int64_t number;
  uint64_t count, size, checksum, generation;
  char file[SEGMENT_NAME_SIZE], space[64];
} mgp_claim;

/* What the catalog says, read in one transaction. */
typedef struct mgp_account {
  mgp_alloc *alloc;
  uint64_t generation, item_count, kinds_size;
  unsigned char *kinds; /* [kinds_size]: kind of the item of this number; 0: none */
  char *kind_names[256];
  mgp_claim *claims;
  size_t claim_count, claim_capacity;
  mgp_space *spaces;
  size_t space_count;
} mgp_account;
magpie_status mgp_account_read(mgp_store *s, mgp_alloc *a, mgp_account *out, magpie_error *err);
void mgp_account_fini(mgp_account *account);

/* Everything in it lives for the call. `section` is "" when the whole file is meant; `items` are
 * catalog numbers, as far as they are known. */
typedef struct mgp_damage {
  const char *file, *section, *what;
  const uint64_t *items;
  size_t count;
} mgp_damage;
typedef magpie_status (*mgp_damage_fn)(void *context, const mgp_damage *damage);

/* Before the index is opened, which recovers the WAL: what is wrong with it, or "". (check_wal.c)
 */
magpie_status mgp_check_wal(const char *index, char *what, size_t size, magpie_error *err);
/* SQLite's own check (deep: the long one), the header, and the numbers in the tables.
 * (check_catalog.c) */
magpie_status mgp_check_catalog(mgp_store *s, bool deep, mgp_damage_fn fn, void *context,
                                magpie_error *err);
/* The table of living items against the rows of the items. (check_live.c) */
magpie_status mgp_check_live(mgp_store *s, mgp_damage_fn fn, void *context, magpie_error *err);
/* Every thumbnail against its row. (check_files.c) */
magpie_status mgp_check_thumbs(mgp_store *s, mgp_alloc *a, mgp_damage_fn fn, void *context,
                               uint64_t *bytes, magpie_error *err);
/* Files that no catalog names, unless a live writer may be about to name them. */
magpie_status mgp_check_leftovers(mgp_store *s, mgp_alloc *a, mgp_damage_fn fn, void *context,
                                  magpie_error *err);

/* One segment file, mapped as far as it can be. (check_segment.c) */
typedef struct mgp_checked {
  const mgp_claim *claim;
  mgp_segment_bytes file;
  mgp_segment_parsed parsed;
  bool is_readable; /* header and table hold: the sections may be looked at */
  bool is_damaged;  /* something is wrong with the file */
  bool is_missing;  /* there is no such file */
  uint32_t bad;     /* bit i: the bytes of section i are not those that were written */
  magpie_error why; /* of the first thing that is wrong */
  uint64_t bytes;   /* read */
} mgp_checked;
/* Header, table, the catalog's row and the ids; deep: all sections and the padding too. */
void mgp_check_segment(mgp_store *s, const mgp_claim *claim, bool deep, mgp_checked *out);
void mgp_checked_fini(mgp_store *s, mgp_checked *checked);
/* A section whose bytes are whole, or NULL. */
const mgp_section *mgp_checked_section(const mgp_checked *checked, uint32_t kind);
/* Bit i: section i is one that only speed depends on. */
uint32_t mgp_checked_extras(const mgp_checked *checked);
/* Does the last commit still name it? A merge may have taken it away meanwhile. */
magpie_status mgp_check_is_named(mgp_store *s, int64_t number, bool *out, magpie_error *err);

/* ---- what repair changes (repair_rows.c) ------------------------------------------------------
 */

/* A damaged file whose sections are all whole (its padding, its magic or its end is not): the
 * sections as bytes of `*block`, which is the caller's to mgp_free. False when it is worse. */
bool mgp_segment_salvage(mgp_store *s, mgp_alloc *a, const mgp_claim *claim, char **block,
                         mgp_segment_parsed *out);
/* These need a transaction. */
magpie_status mgp_store_live_rebuild(mgp_store *s, magpie_error *err);
magpie_status mgp_store_thumb_forget(mgp_store *s, uint64_t item, magpie_error *err);
/* The next index run or import takes the source again, even if it looks unchanged. */
magpie_status mgp_store_source_doubt(mgp_store *s, int64_t number, magpie_error *err);
/* Deletes what no catalog names, thumbnails too. Needs the lock, and no transaction. */
magpie_status mgp_store_tidy(mgp_store *s, magpie_error *err);

#endif

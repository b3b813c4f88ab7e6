/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a batch: their language, and the segment that finds them.
 */
#ifndef MGP_INGEST_WORDS_H
#define MGP_INGEST_WORDS_H

#include "engine/ingest_batch.h"

/* Fills `row.language` of the queued items that have none yet, on the search pool, and notes whose
 * stemmers this index uses. */
void mgp_ingest_detect_languages(mgp_ingest *in);

/* A lexical segment in memory. */
typedef struct mgp_batch_words {
  mgp_ingest *in;
  uint64_t first; /* the number of the first item; they are numbered in order */
  mgp_lexical_builder *builder;
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  magpie_status status;
  magpie_error error;
} mgp_batch_words;

/* Builds it without touching the store, so that rows may be written meanwhile. `status` says how
 * it went. */
void mgp_batch_words_build(mgp_batch_words *words);
/* Adds it to the transaction. */
magpie_status mgp_batch_words_add(mgp_batch_words *words, magpie_error *err);
void mgp_batch_words_fini(mgp_batch_words *words);

#endif

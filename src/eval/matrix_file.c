/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices in files: which format, and rows of any type as floats. Nothing of a file is believed
 * before it is compared with the file's size; a mapped row costs memory only while it is read.
 */
#include "eval/matrix_file.h"

#include <math.h>
#include <strings.h>

#define LENGTH_SIZE 4 /* of the int32 before each row of .fvecs and the like */

static const size_t sizes[] = {
    [MGP_F32] = 4, [MGP_F64] = 8, [MGP_F16] = 2, [MGP_U8] = 1, [MGP_S8] = 1, [MGP_S32] = 4};

size_t mgp_number_size(mgp_number type) {
  return sizes[type];
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

/* IEEE 754 binary16. */
static float from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexpf((float)fraction, -24);
  return sign * ldexpf((float)(fraction | 1024), exponent - 25);
}

static float number_at(const unsigned char *data, mgp_number type) {
  uint16_t half;
  int32_t whole;
  double wide;
  float value = 0;
  switch (type) {
  case MGP_F32:
    memcpy(&value, data, sizeof value);
    break;
  case MGP_F64:
    memcpy(&wide, data, sizeof wide), value = (float)wide;
    break;
  case MGP_F16:
    memcpy(&half, data, sizeof half), value = from_half(half);
    break;
  case MGP_S32:
    memcpy(&whole, data, sizeof whole), value = (float)whole;
    break;
  case MGP_S8:
    value = (float)(signed char)*data;
    break;
  case MGP_U8:
    value = (float)*data;
    break;
  }
  return value;
}

void mgp_matrix_row(const mgp_matrix *m, size_t row, float *out) {
  const unsigned char *data = m->data + row * m->pitch;
  const size_t size = sizes[m->type];
  if (m->type == MGP_F32) memcpy(out, data, m->dim * sizeof *out);
  else
    for (size_t i = 0; i < m->dim; i++) out[i] = number_at(data + i * size, m->type);
}

const float *mgp_matrix_floats(const mgp_matrix *m) {
  const bool is_aligned = (uintptr_t)m->data % sizeof(float) == 0 && m->pitch % sizeof(float) == 0;
  return m->type == MGP_F32 && is_aligned ? (const float *)(const void *)m->data : NULL;
}

/* ---- files --------------------------------------------------------------------------------------
 */

static uint32_t length_at(const unsigned char *data) {
  return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
         (uint32_t)data[3] << 24;
}

static magpie_status fail_at(const char *file, size_t byte, magpie_error *err, const char *what,
                             uint32_t found, size_t expected) {
  const magpie_status status = mgp_fail(err, MAGPIE_FORMAT, "%s, byte %zu: %s: %u, expected %zu",
                                        file, byte, what, found, expected);
  mgp_fail_place(err, "%s", file);
  return status;
}

magpie_status mgp_vecs_matrix(const char *file, mgp_number type, const unsigned char *data,
                              size_t size, mgp_matrix *out, magpie_error *err) {
  *out = (mgp_matrix){0};
  MGP_RETURN_IF(size < LENGTH_SIZE, err, MAGPIE_FORMAT, "%s: there are no vectors in the file",
                file);
  const uint32_t dim = length_at(data);
  if (dim == 0 || dim > MGP_MATRIX_DIM_MAX)
    return fail_at(file, 0, err, "the length of the first row is impossible", dim,
                   MGP_MATRIX_DIM_MAX);
  const size_t pitch = LENGTH_SIZE + dim * sizes[type], whole = size / pitch;
  for (size_t i = 1; i < whole; i++) {
    const uint32_t length = length_at(data + i * pitch);
    if (length != dim)
      return fail_at(file, i * pitch, err, "a row of another length than the first", length, dim);
  }
  MGP_RETURN_IF(size % pitch != 0, err, MAGPIE_FORMAT,
                "%s: %zu rows of %zu bytes are followed by %zu bytes from byte %zu on, %zu are "
                "expected: is it cut short?",
                file, whole, pitch, size % pitch, whole * pitch, pitch);
  *out = (mgp_matrix){.data = data + LENGTH_SIZE,
                      .pitch = pitch,
                      .n = whole,
                      .dim = dim,
                      .type = type,
                      .offset = LENGTH_SIZE};
  return MAGPIE_OK;
}

static bool ends_with(const char *name, const char *ending) {
  const size_t size = strlen(name), tail = strlen(ending);
  return size >= tail && strcasecmp(name + size - tail, ending) == 0;
}

static const struct {
  const char *ending;
  mgp_number type;
} vecs_kinds[] = {{".fvecs", MGP_F32}, {".bvecs", MGP_U8}, {".ivecs", MGP_S32}};
#define VECS_KINDS (sizeof vecs_kinds / sizeof *vecs_kinds)

bool mgp_matrix_is_file(const char *file) {
  for (size_t i = 0; i < VECS_KINDS; i++)
    if (ends_with(file, vecs_kinds[i].ending)) return true;
  return ends_with(file, ".npy");
}

magpie_status mgp_matrix_parse(const char *file, const unsigned char *data, size_t size,
                               mgp_matrix *out, magpie_error *err) {
  for (size_t i = 0; i < VECS_KINDS; i++)
    if (ends_with(file, vecs_kinds[i].ending))
      return mgp_vecs_matrix(file, vecs_kinds[i].type, data, size, out, err);
  if (ends_with(file, ".npy") || (size > 0 && data[0] == 0x93))
    return mgp_npy_matrix(file, data, size, out, err);
  *out = (mgp_matrix){0};
  const magpie_status status = mgp_fail(
      err, MAGPIE_FORMAT,
      "%s: vectors are read from .npy, .fvecs, .bvecs and .ivecs; of Parquet or Arrow make "
      "a .npy first (docs/howto/own-vectors.md)",
      file);
  mgp_fail_place(err, "%s", file);
  return status;
}

magpie_status mgp_matrix_file_open(const char *file, mgp_matrix_file *out, magpie_error *err) {
  *out = (mgp_matrix_file){0};
  MGP_RETURN_IF(!file || !*file, err, MAGPIE_INVALID, "no file of vectors is named");
  MGP_FORWARD(mgp_map_open(file, &out->map, err));
  const magpie_status status =
      mgp_matrix_parse(file, out->map.data, out->map.size, &out->matrix, err);
  if (status != MAGPIE_OK) mgp_matrix_file_close(out);
  return status;
}

void mgp_matrix_file_close(mgp_matrix_file *f) {
  mgp_map_close(&f->map);
  *f = (mgp_matrix_file){0};
}

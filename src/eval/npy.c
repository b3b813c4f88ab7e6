/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices of numpy.save: versions 1.0 to 3.0 of the format (NEP 1), f4 or f8, little endian, C
 * order. The header is a Python literal; what is read is exactly the dictionary that NumPy writes,
 * in any order of its keys, and nothing is guessed: the sizes must add up to the file's.
 */
#include <math.h>

#include "eval/measures.h"

#define HEADER_MAX 65536
#define MAGIC_SIZE 6

typedef struct header {
  const char *file;
  const char *at, *end;
  bool has_type, has_order, has_shape;
  size_t item; /* 4 or 8 */
  size_t n, dim;
} header;

static magpie_status broken(const char *file, magpie_error *err, const char *what) {
  const magpie_status status = mgp_fail(err, MAGPIE_FORMAT, "%s: %s", file, what);
  mgp_fail_place(err, "%s", file);
  return status;
}

static void skip_blanks(header *h) {
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\n')) h->at++;
}

static bool take(header *h, const char *text) {
  skip_blanks(h);
  const size_t size = strlen(text);
  if ((size_t)(h->end - h->at) < size || memcmp(h->at, text, size) != 0) return false;
  h->at += size;
  return true;
}

static bool take_size(header *h, size_t *out) {
  skip_blanks(h);
  const char *start = h->at;
  uint64_t value = 0;
  for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
    if (value > (uint64_t)1 << 40) return false;
    value = value * 10 + (uint64_t)(*h->at - '0');
  }
  *out = (size_t)value;
  return h->at > start;
}

static magpie_status take_type(header *h, magpie_error *err) {
  if (take(h, "'<f4'")) h->item = 4;
  else if (take(h, "'<f8'")) h->item = 8;
  else return broken(h->file, err, "the numbers must be '<f4' or '<f8': x.astype('float32')");
  h->has_type = true;
  return MAGPIE_OK;
}

static magpie_status take_order(header *h, magpie_error *err) {
  if (!take(h, "False"))
    return broken(h->file, err, "the array is not in C order: numpy.ascontiguousarray(x)");
  h->has_order = true;
  return MAGPIE_OK;
}

static magpie_status take_shape(header *h, magpie_error *err) {
  if (!take(h, "(") || !take_size(h, &h->n) || !take(h, ",") || !take_size(h, &h->dim) ||
      !(take(h, ")") || (take(h, ",") && take(h, ")"))))
    return broken(h->file, err, "the shape must be (rows, dimensions)");
  h->has_shape = true;
  return MAGPIE_OK;
}

static magpie_status parse_header(header *h, magpie_error *err) {
  if (!take(h, "{")) return broken(h->file, err, "the header is not a dictionary");
  while (!take(h, "}")) {
    if (!h->has_type && take(h, "'descr'") && take(h, ":")) MGP_FORWARD(take_type(h, err));
    else if (!h->has_order && take(h, "'fortran_order'") && take(h, ":"))
      MGP_FORWARD(take_order(h, err));
    else if (!h->has_shape && take(h, "'shape'") && take(h, ":")) MGP_FORWARD(take_shape(h, err));
    else return broken(h->file, err, "the header has a key that NumPy does not write");
    if (!take(h, ",") && !(h->at < h->end && *h->at == '}'))
      return broken(h->file, err, "the header is not a dictionary");
  }
  skip_blanks(h);
  if (h->at != h->end) return broken(h->file, err, "the header goes on after its dictionary");
  if (!h->has_type || !h->has_order || !h->has_shape)
    return broken(h->file, err, "the header lacks 'descr', 'fortran_order' or 'shape'");
  return MAGPIE_OK;
}

/* Little endian, at any alignment. */
static uint64_t little(const unsigned char *data, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; i--) value = value << 8 | data[i - 1];
  return value;
}

static double number_at(const unsigned char *data, size_t item) {
  if (item == 4) {
    const uint32_t bits = (uint32_t)little(data, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
  }
  const uint64_t bits = little(data, 8);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static magpie_status copy_rows(const header *h, const unsigned char *data, mgp_vectors *out,
                               magpie_error *err) {
  out->n = h->n, out->dim = h->dim;
  out->rows = mgp_calloc(NULL, h->n * h->dim, sizeof *out->rows);
  MGP_RETURN_IF(!out->rows, err, MAGPIE_NO_MEMORY, "no memory for the vectors of %s", h->file);
  for (size_t i = 0; i < h->n * h->dim; i++) {
    out->rows[i] = (float)number_at(data + i * h->item, h->item);
    if (isfinite(out->rows[i])) continue;
    const magpie_status status =
        mgp_fail(err, MAGPIE_FORMAT, "%s: row %zu, column %zu is not a finite float", h->file,
                 i / h->dim, i % h->dim);
    mgp_fail_place(err, "%s", h->file);
    mgp_vectors_fini(out);
    return status;
  }
  return MAGPIE_OK;
}

magpie_status mgp_npy_parse(const char *file, const unsigned char *data, size_t size,
                            mgp_vectors *out, magpie_error *err) {
  *out = (mgp_vectors){0};
  if (size < MAGIC_SIZE + 4 || memcmp(data, "\x93NUMPY", MAGIC_SIZE) != 0)
    return broken(file, err, "not a .npy file");
  const unsigned version = data[MAGIC_SIZE];
  if (version < 1 || version > 3 || data[MAGIC_SIZE + 1] != 0)
    return broken(file, err, "a version of .npy that is not 1.0, 2.0 or 3.0");
  const size_t field = version == 1 ? 2 : 4, start = MAGIC_SIZE + 2 + field;
  if (size < start) return broken(file, err, "the file ends within its header");
  const uint64_t length = little(data + MAGIC_SIZE + 2, field);
  if (length > HEADER_MAX || length > size - start)
    return broken(file, err, "the file ends within its header, or its header is over 64 KiB");
  const char *text = (const char *)data + start;
  header h = {.file = file, .at = text, .end = text + length};
  MGP_FORWARD(parse_header(&h, err));
  if (h.n == 0 || h.dim == 0) return broken(file, err, "there are no vectors in the array");
  if (h.n > MGP_VALUES_MAX || h.dim > MGP_DIMENSIONS_MAX)
    return mgp_fail(err, MAGPIE_LIMIT, "%s: %zu x %zu is more than %d x %d", file, h.n, h.dim,
                    MGP_VALUES_MAX, MGP_DIMENSIONS_MAX);
  size_t bytes = 0;
  MGP_FORWARD(mgp_check_product(h.n * h.dim, h.item, &bytes, err));
  if (bytes != size - start - (size_t)length)
    return broken(file, err, "the file's size does not follow from its shape: is it cut short?");
  return copy_rows(&h, data + start + length, out, err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices of numpy.save: versions 1.0 to 3.0 of the format (NEP 1), little endian, C order. The
 * header is a Python literal; what is read is exactly the dictionary that NumPy writes, in any
 * order of its keys, and nothing is guessed: the sizes must add up to the file's.
 */
#include <math.h>

#include "eval/matrix_file.h"
#include "eval/measures.h"

#define HEADER_MAX 65536
#define MAGIC_SIZE 6

typedef struct header {
  const char *file;
  const char *at, *end;
  bool has_type, has_order, has_shape;
  mgp_number type;
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
  static const struct {
    const char *text;
    mgp_number type;
  } types[] = {{"'<f4'", MGP_F32}, {"'<f8'", MGP_F64}, {"'<f2'", MGP_F16},
               {"'|u1'", MGP_U8},  {"'|i1'", MGP_S8},  {"'<i4'", MGP_S32}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!take(h, types[i].text)) continue;
    h->type = types[i].type;
    h->has_type = true;
    return MAGPIE_OK;
  }
  return broken(h->file, err,
                "the numbers must be '<f4', '<f8', '<f2', '|u1', '|i1' or '<i4': "
                "x.astype('float32')");
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

/* Little endian. */
static uint64_t length_field(const unsigned char *data, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; i--) value = value << 8 | data[i - 1];
  return value;
}

magpie_status mgp_npy_matrix(const char *file, const unsigned char *data, size_t size,
                             mgp_matrix *out, magpie_error *err) {
  *out = (mgp_matrix){0};
  if (size < MAGIC_SIZE + 4 || memcmp(data, "\x93NUMPY", MAGIC_SIZE) != 0)
    return broken(file, err, "not a .npy file");
  const unsigned version = data[MAGIC_SIZE];
  if (version < 1 || version > 3 || data[MAGIC_SIZE + 1] != 0)
    return broken(file, err, "a version of .npy that is not 1.0, 2.0 or 3.0");
  const size_t field = version == 1 ? 2 : 4, start = MAGIC_SIZE + 2 + field;
  if (size < start) return broken(file, err, "the file ends within its header");
  const uint64_t length = length_field(data + MAGIC_SIZE + 2, field);
  if (length > HEADER_MAX || length > size - start)
    return broken(file, err, "the file ends within its header, or its header is over 64 KiB");
  const char *text = (const char *)data + start;
  header h = {.file = file, .at = text, .end = text + length};
  MGP_FORWARD(parse_header(&h, err));
  if (h.n == 0 || h.dim == 0) return broken(file, err, "there are no vectors in the array");
  if (h.n > MGP_MATRIX_ROWS_MAX || h.dim > MGP_MATRIX_DIM_MAX)
    return mgp_fail(err, MAGPIE_LIMIT, "%s: %zu x %zu is more than %llu x %d", file, h.n, h.dim,
                    (unsigned long long)MGP_MATRIX_ROWS_MAX, MGP_MATRIX_DIM_MAX);
  const size_t pitch = h.dim * mgp_number_size(h.type), body = size - start - (size_t)length;
  if (body % pitch != 0 || body / pitch != h.n) {
    const magpie_status status = mgp_fail(
        err, MAGPIE_FORMAT,
        "%s: the file's size does not follow from its shape: %zu rows of %zu bytes are expected "
        "from byte %zu on, there are %zu bytes; is it cut short?",
        file, h.n, pitch, start + (size_t)length, body);
    mgp_fail_place(err, "%s", file);
    return status;
  }
  *out = (mgp_matrix){.data = data + start + length,
                      .pitch = pitch,
                      .n = h.n,
                      .dim = h.dim,
                      .type = h.type,
                      .offset = start + (size_t)length};
  return MAGPIE_OK;
}

magpie_status mgp_npy_parse(const char *file, const unsigned char *data, size_t size,
                            mgp_vectors *out, magpie_error *err) {
  mgp_matrix m;
  *out = (mgp_vectors){0};
  MGP_FORWARD(mgp_npy_matrix(file, data, size, &m, err));
  MGP_RETURN_IF(m.n > MGP_VALUES_MAX, err, MAGPIE_LIMIT, "%s: %zu rows are more than %d", file, m.n,
                MGP_VALUES_MAX);
  out->n = m.n, out->dim = m.dim;
  out->rows = mgp_calloc(NULL, m.n * m.dim, sizeof *out->rows);
  MGP_RETURN_IF(!out->rows, err, MAGPIE_NO_MEMORY, "no memory for the vectors of %s", file);
  for (size_t i = 0; i < m.n * m.dim; i++) {
    if (i % m.dim == 0) mgp_matrix_row(&m, i / m.dim, out->rows + i);
    if (isfinite(out->rows[i])) continue;
    const magpie_status status =
        mgp_fail(err, MAGPIE_FORMAT, "%s: row %zu, column %zu is not a finite float", file,
                 i / m.dim, i % m.dim);
    mgp_fail_place(err, "%s", file);
    mgp_vectors_fini(out);
    return status;
  }
  return MAGPIE_OK;
}

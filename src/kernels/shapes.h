/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of a kernel (pair, rows, gather, block) once for every tier and kind of score. A tier
 * includes this after it has defined, for its registers:
 *
 *   VEC, CHUNK       the register and its bytes
 *   ROWS_AT_ONCE     rows that one query meets at once (4 or 2), four sums each
 *   TILE_QUERIES     queries that meet 4 rows at once in a block, one sum each
 *   vec_zero(), load_bytes(at, left)     zeros behind `left` bytes; left >= CHUNK: a plain load
 *   add_term(op, sum, query, row)        one chunk; `query` holds 1, 2 or 4 registers
 *   add_sums(op, a, b), store_sums(op, s, fix, out)   four registers become four results
 *   query_fix(op)    what a biased integer kind adds to a result, times the sum of the query
 *
 * `op` is a constant wherever this is inlined, so no test of it is left. Float kinds add in one
 * order in all shapes: four chains over full groups of four chunks, the rest into the first chain.
 * A block walks the chains one after the other, so that a tile needs one register a pair, and
 * still gives the same bits.
 */
#ifndef MGP_KERNELS_SHAPES_H
#define MGP_KERNELS_SHAPES_H
#if defined(VEC) /* the registers are known */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernel_ops.h"
#include "kernels/tiers.h"

#define TILE_ROWS 4
#define GROUP_BYTES ((size_t)16384) /* rows of a block that stay in the first-level cache */

typedef struct operand {
  VEC v[4];
} operand;

/* How many bytes ahead a stream asks for memory: its next row, or of short ones the first that is
 * far enough to arrive in time. */
FOLDED size_t prefetch_ahead(size_t stride) {
  if (stride == 0) return 0;
  if (stride < 512) return (512 / stride + 1) * stride;
  return stride < MGP_KERNELS_AHEAD_MAX ? stride : MGP_KERNELS_AHEAD_MAX;
}

FOLDED operand load_query(mgp_op op, const char *at, size_t pitch, size_t left) {
  operand q;
  q.v[0] = load_bytes(at, left);
  q.v[1] = q.v[2] = q.v[3] = q.v[0];
  if (op == MGP_OP_DOT_U4S8 || op == MGP_OP_DOT_B1Q4) q.v[1] = load_bytes(at + pitch, left);
  if (op == MGP_OP_DOT_B1Q4) {
    q.v[2] = load_bytes(at + 2 * pitch, left);
    q.v[3] = load_bytes(at + 3 * pitch, left);
  }
  return q;
}

FOLDED int32_t fix_of(mgp_op op, const char *query, size_t bytes) {
  const int32_t factor = query_fix(op);
  int32_t sum = 0;
  for (size_t i = 0; factor && i < bytes; i++) sum += (int8_t)query[i];
  return factor * sum;
}

/* One query, `rows` rows, four chains each: their number hides the latency of an addition. */
FOLDED void sum_rows(mgp_op op, const char *query, const char *const row[4], size_t rows,
                     size_t bytes, size_t ahead, VEC sums[4]) {
  VEC s[ROWS_AT_ONCE][4];
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < 4; j++) s[r][j] = vec_zero();
  size_t i = 0;
  for (; i + (size_t)4 * CHUNK <= bytes; i += (size_t)4 * CHUNK)
    for (size_t j = 0; j < 4; j++) {
      const operand q = load_query(op, query + i + j * CHUNK, bytes, CHUNK);
      for (size_t r = 0; r < rows; r++) {
        const char *at = row[r] + i + j * CHUNK;
        if (rows > 1 && j * CHUNK % 64 == 0)
          __builtin_prefetch((const void *)((uintptr_t)at + ahead));
        s[r][j] = add_term(op, s[r][j], q.v, load_bytes(at, CHUNK));
      }
    }
  for (; i < bytes; i += CHUNK) {
    const operand q = load_query(op, query + i, bytes, bytes - i);
    for (size_t r = 0; r < rows; r++) {
      if (rows > 1 && i % 64 == 0)
        __builtin_prefetch((const void *)((uintptr_t)(row[r] + i) + ahead));
      s[r][0] = add_term(op, s[r][0], q.v, load_bytes(row[r] + i, bytes - i));
    }
  }
  for (size_t r = 0; r < rows; r++)
    sums[r] = add_sums(op, add_sums(op, s[r][0], s[r][1]), add_sums(op, s[r][2], s[r][3]));
  for (size_t r = rows; r < 4; r++) sums[r] = sums[0];
}

FOLDED void score_one(mgp_op op, const char *query, const char *row, size_t bytes, int32_t fix,
                      void *out) {
  VEC sums[4];
  char four[16];
  const char *const rows[4] = {row, row, row, row};
  sum_rows(op, query, rows, 1, bytes, 0, sums);
  store_sums(op, sums, fix, four);
  memcpy(out, four, 4);
}

/* Rows row[0..3], results to out[0..3], wherever each stands. */
FOLDED void score_four(mgp_op op, const char *query, const char *const row[4], size_t bytes,
                       size_t ahead, int32_t fix, char *const out[4]) {
  for (size_t r = 0; r < 4; r += ROWS_AT_ONCE) {
    VEC sums[4];
    char four[16];
    sum_rows(op, query, row + r, ROWS_AT_ONCE, bytes, ahead, sums);
    store_sums(op, sums, fix, four);
    for (size_t i = 0; i < ROWS_AT_ONCE; i++) memcpy(out[r + i], four + 4 * i, 4);
  }
}

/* Rows shorter than this follow each other; longer ones come from four places: see tiers.h. */
#define SHORT_ROW ((size_t)128)

/* Four rows that follow each other at a time; one prefetch a line of them. */
FOLDED void score_short_rows(mgp_op op, const char *query, const char *from, size_t bytes,
                             size_t stride, size_t count, int32_t fix, char *to) {
  const size_t ahead = 1024;
  for (size_t i = 0; i + 4 <= count; i += 4) {
    const char *const row[4] = {from + i * stride, from + (i + 1) * stride, from + (i + 2) * stride,
                                from + (i + 3) * stride};
    char *const put[4] = {to + 4 * i, to + 4 * i + 4, to + 4 * i + 8, to + 4 * i + 12};
    score_four(op, query, row, bytes, ahead, fix, put);
  }
  for (size_t i = count / 4 * 4; i < count; i++)
    score_one(op, query, from + i * stride, bytes, fix, to + 4 * i);
}

/* One row of each quarter at a time: see tiers.h. */
FOLDED void score_rows(mgp_op op, const void *query, const void *rows, size_t dim, size_t stride,
                       size_t count, void *out) {
  const size_t bytes = mgp_op_bytes(op, dim), part = count / 4;
  const int32_t fix = fix_of(op, query, bytes);
  const char *from = rows;
  char *to = out;
  if (stride < SHORT_ROW) {
    score_short_rows(op, query, from, bytes, stride, count, fix, to);
    return;
  }
  for (size_t i = 0; i < part; i++) {
    const size_t ahead = i + 1 < part ? prefetch_ahead(stride) : 0;
    const char *const row[4] = {from + i * stride, from + (part + i) * stride,
                                from + (2 * part + i) * stride, from + (3 * part + i) * stride};
    char *const put[4] = {to + 4 * i, to + 4 * (part + i), to + 4 * (2 * part + i),
                          to + 4 * (3 * part + i)};
    score_four(op, query, row, bytes, ahead, fix, put);
  }
  for (size_t i = 4 * part; i < count; i++)
    score_one(op, query, from + i * stride, bytes, fix, to + 4 * i);
}

FOLDED void score_gather(mgp_op op, const void *query, const void *rows, size_t dim, size_t stride,
                         const uint32_t *at, size_t count, void *out) {
  const size_t bytes = mgp_op_bytes(op, dim), near = bytes < 1024 ? bytes : 1024;
  const int32_t fix = fix_of(op, query, bytes);
  const char *from = rows;
  char *to = out;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t next = i + 4; next < i + 8 && next < count; next++)
      for (size_t b = 0; b < near; b += 64) __builtin_prefetch(from + at[next] * stride + b);
    const char *const row[4] = {from + at[i] * stride, from + at[i + 1] * stride,
                                from + at[i + 2] * stride, from + at[i + 3] * stride};
    char *const put[4] = {to + 4 * i, to + 4 * i + 4, to + 4 * i + 8, to + 4 * i + 12};
    score_four(op, query, row, bytes, 0, fix, put);
  }
  for (; i < count; i++) score_one(op, query, from + at[i] * stride, bytes, fix, to + 4 * i);
}

/* Adds the chunks from `i` on, `step` apart, while they end before `end`. */
FOLDED void add_chain(mgp_op op, const char *query, size_t query_stride, const char *row,
                      size_t stride, size_t bytes, size_t i, size_t step, size_t end,
                      VEC s[TILE_QUERIES][TILE_ROWS]) {
  for (; i + CHUNK <= end; i += step) {
    VEC r[TILE_ROWS];
    for (size_t n = 0; n < TILE_ROWS; n++) r[n] = load_bytes(row + n * stride + i, CHUNK);
    for (size_t m = 0; m < TILE_QUERIES; m++) {
      const operand q = load_query(op, query + m * query_stride + i, bytes, CHUNK);
      for (size_t n = 0; n < TILE_ROWS; n++) s[m][n] = add_term(op, s[m][n], q.v, r[n]);
    }
  }
}

FOLDED void add_tail(mgp_op op, const char *query, size_t query_stride, const char *row,
                     size_t stride, size_t bytes, size_t i, VEC s[TILE_QUERIES][TILE_ROWS]) {
  if (i >= bytes) return;
  for (size_t m = 0; m < TILE_QUERIES; m++) {
    const operand q = load_query(op, query + m * query_stride + i, bytes, bytes - i);
    for (size_t n = 0; n < TILE_ROWS; n++)
      s[m][n] = add_term(op, s[m][n], q.v, load_bytes(row + n * stride + i, bytes - i));
  }
}

FOLDED void zero_tile(VEC s[TILE_QUERIES][TILE_ROWS]) {
  for (size_t m = 0; m < TILE_QUERIES; m++)
    for (size_t n = 0; n < TILE_ROWS; n++) s[m][n] = vec_zero();
}

FOLDED void add_tiles(mgp_op op, VEC to[TILE_QUERIES][TILE_ROWS],
                      VEC from[TILE_QUERIES][TILE_ROWS]) {
  for (size_t m = 0; m < TILE_QUERIES; m++)
    for (size_t n = 0; n < TILE_ROWS; n++) to[m][n] = add_sums(op, to[m][n], from[m][n]);
}

FOLDED void sum_tile(mgp_op op, const char *query, size_t query_stride, const char *row,
                     size_t stride, size_t bytes, VEC sums[TILE_QUERIES][TILE_ROWS]) {
  const size_t group = (size_t)4 * CHUNK, even = bytes / group * group;
  const size_t full = bytes / CHUNK * CHUNK;
  zero_tile(sums);
  if (!mgp_op_is_float(op)) { /* exact in any order: one chain */
    add_chain(op, query, query_stride, row, stride, bytes, 0, CHUNK, full, sums);
    add_tail(op, query, query_stride, row, stride, bytes, full, sums);
    return;
  }
  VEC chain[TILE_QUERIES][TILE_ROWS], back[TILE_QUERIES][TILE_ROWS];
  add_chain(op, query, query_stride, row, stride, bytes, 0, group, even, sums);
  add_chain(op, query, query_stride, row, stride, bytes, even, CHUNK, full, sums);
  add_tail(op, query, query_stride, row, stride, bytes, full, sums);
  zero_tile(chain);
  add_chain(op, query, query_stride, row, stride, bytes, CHUNK, group, even, chain);
  add_tiles(op, sums, chain);
  zero_tile(back);
  add_chain(op, query, query_stride, row, stride, bytes, (size_t)2 * CHUNK, group, even, back);
  zero_tile(chain);
  add_chain(op, query, query_stride, row, stride, bytes, (size_t)3 * CHUNK, group, even, chain);
  add_tiles(op, back, chain);
  add_tiles(op, sums, back);
}

/* TILE_QUERIES queries by `count` rows, a multiple of TILE_ROWS. */
FOLDED void score_tiles(mgp_op op, const char *query, size_t query_stride, const char *rows,
                        size_t stride, size_t count, size_t bytes, char *out, size_t out_stride) {
  int32_t fix[TILE_QUERIES];
  for (size_t m = 0; m < TILE_QUERIES; m++) fix[m] = fix_of(op, query + m * query_stride, bytes);
  for (size_t i = 0; i < count; i += TILE_ROWS) {
    VEC sums[TILE_QUERIES][TILE_ROWS];
    sum_tile(op, query, query_stride, rows + i * stride, stride, bytes, sums);
    for (size_t m = 0; m < TILE_QUERIES; m++)
      store_sums(op, sums[m], fix[m], out + 4 * (m * out_stride + i));
  }
}

FOLDED void score_block(mgp_op op, const void *queries, size_t query_stride, size_t query_count,
                        const void *rows, size_t dim, size_t stride, size_t count, void *out,
                        size_t out_stride) {
  const size_t bytes = mgp_op_bytes(op, dim), tiled = count / TILE_ROWS * TILE_ROWS;
  const size_t fit = bytes ? GROUP_BYTES / bytes / TILE_ROWS * TILE_ROWS : count;
  const size_t group = fit > TILE_ROWS ? fit : TILE_ROWS;
  const size_t tiled_queries = query_count / TILE_QUERIES * TILE_QUERIES;
  const char *query = queries, *row = rows;
  char *to = out;
  for (size_t i = 0; i < tiled; i += group) {
    const size_t n = tiled - i < group ? tiled - i : group;
    for (size_t q = 0; q < tiled_queries; q += TILE_QUERIES)
      score_tiles(op, query + q * query_stride, query_stride, row + i * stride, stride, n, bytes,
                  to + 4 * (q * out_stride + i), out_stride);
  }
  for (size_t q = 0; q < query_count; q++) {
    const size_t first = q < tiled_queries ? tiled : 0;
    score_rows(op, query + q * query_stride, row + first * stride, dim, stride, count - first,
               to + 4 * (q * out_stride + first));
  }
}

/* The four functions of a kernel, typed, and its entry in the table. */
#define MGP_KERNEL(name, op, type)                                                                 \
  static type name##_pair(const void *query, const void *row, size_t dim) {                        \
    type out;                                                                                      \
    const size_t bytes = mgp_op_bytes(op, dim);                                                    \
    score_one(op, query, row, bytes, fix_of(op, query, bytes), &out);                              \
    return out;                                                                                    \
  }                                                                                                \
  static void name##_rows(const void *query, const void *rows, size_t dim, size_t stride,          \
                          size_t count, type *out) {                                               \
    score_rows(op, query, rows, dim, stride, count, out);                                          \
  }                                                                                                \
  static void name##_gather(const void *query, const void *rows, size_t dim, size_t stride,        \
                            const uint32_t *at, size_t count, type *out) {                         \
    score_gather(op, query, rows, dim, stride, at, count, out);                                    \
  }                                                                                                \
  static void name##_block(const void *queries, size_t query_stride, size_t query_count,           \
                           const void *rows, size_t dim, size_t stride, size_t count, type *out,   \
                           size_t out_stride) {                                                    \
    score_block(op, queries, query_stride, query_count, rows, dim, stride, count, out,             \
                out_stride);                                                                       \
  }
#define MGP_ENTRY(name)                                                                            \
  { name##_pair, name##_rows, name##_gather, name##_block }

#endif
#endif

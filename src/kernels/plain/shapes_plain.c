/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference of every precision, one element after another: floats in double, rounded once;
 * integers exactly. Also the helpers that prepare queries, which no tier needs faster.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel_ops.h"
#include "kernels/tiers.h"

#define FOLDED static inline __attribute__((always_inline))

/* ---- conversions ---- */

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t to_f16(float value) {
  const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (size >> 13 & 0x3ffu));
  if (size >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and above: infinity */
  if (size < 0x38800000u) { /* denormal: counts of 2^-24, rounded by the addition of 1.5 * 2^-1 */
    const uint32_t units = bits_of(float_of(size) + 0.5f) - 0x3f000000u;
    return (uint16_t)(sign | units);
  }
  const uint32_t rounded = size + 0xfffu + (size >> 13 & 1);
  return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

static float from_f16(uint16_t value) {
  const uint32_t sign = (uint32_t)(value & 0x8000u) << 16, exponent = value >> 10 & 31u;
  const uint32_t mantissa = value & 0x3ffu;
  if (exponent == 31 && mantissa) return float_of(sign | 0x7fc00000u | mantissa << 13);
  if (exponent == 31) return float_of(sign | 0x7f800000u);
  if (exponent) return float_of(sign | ((exponent + 112) << 23 | mantissa << 13));
  return float_of(sign | bits_of((float)mantissa * 0x1p-24f));
}

static void f32_to_f16_plain(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = to_f16(from[i]);
}

static void f16_to_f32_plain(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = from_f16(from[i]);
}

static void f32_to_bf16_plain(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_to_bf16(from[i]);
}

static void bf16_to_f32_plain(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = mgp_from_bf16(from[i]);
}

/* ---- scores ---- */

FOLDED double element(mgp_op op, const unsigned char *at, size_t i) {
  if (op <= MGP_OP_L2_F32) {
    float value;
    memcpy(&value, at + 4 * i, sizeof value);
    return value;
  }
  uint16_t bits;
  memcpy(&bits, at + 2 * i, sizeof bits);
  return op <= MGP_OP_L2_F16 ? from_f16(bits) : mgp_from_bf16(bits);
}

FOLDED bool is_l2(mgp_op op) {
  return op == MGP_OP_L2_F32 || op == MGP_OP_L2_F16 || op == MGP_OP_L2_BF16 || op == MGP_OP_L2_S8 ||
         op == MGP_OP_L2_U4 || op == MGP_OP_L2_B1;
}

FOLDED float score_floats(mgp_op op, const void *a, const void *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) {
    const double x = element(op, a, i), y = element(op, b, i);
    sum += is_l2(op) ? (x - y) * (x - y) : x * y;
  }
  return (float)sum;
}

FOLDED int32_t count_bits(unsigned value) {
  return __builtin_popcount(value);
}

FOLDED int signed_byte(unsigned char byte) {
  return byte < 128 ? byte : byte - 256;
}

/* Byte i of the rows, with that of the query or of its planes, `pitch` apart. */
FOLDED int32_t byte_term(mgp_op op, const unsigned char *a, const unsigned char *b, size_t i,
                         size_t pitch) {
  const int x = signed_byte(a[i]), y = op == MGP_OP_DOT_U8S8 ? b[i] : signed_byte(b[i]);
  const int low = b[i] & 15, high = b[i] >> 4;
  const int d = x - y, d_low = (a[i] & 15) - low, d_high = (a[i] >> 4) - high;
  switch (op) {
  case MGP_OP_L2_S8:
    return d * d;
  case MGP_OP_DOT_U4:
    return (a[i] & 15) * low + (a[i] >> 4) * high;
  case MGP_OP_L2_U4:
    return d_low * d_low + d_high * d_high;
  case MGP_OP_DOT_U4S8:
    return x * low + (int8_t)a[pitch + i] * high;
  case MGP_OP_DOT_B1:
    return count_bits(a[i] & b[i]);
  case MGP_OP_L2_B1:
    return count_bits(a[i] ^ b[i]);
  case MGP_OP_DOT_B1Q4:
    return count_bits(a[i] & b[i]) + 2 * count_bits(a[pitch + i] & b[i]) +
           4 * count_bits(a[2 * pitch + i] & b[i]) + 8 * count_bits(a[3 * pitch + i] & b[i]);
  default:
    return x * y;
  }
}

FOLDED int32_t score_bytes(mgp_op op, const void *a, const void *b, size_t dim) {
  const size_t bytes = mgp_op_bytes(op, dim);
  int32_t sum = 0;
  for (size_t i = 0; i < bytes; i++) sum += byte_term(op, a, b, i, bytes);
  return sum;
}

#define KERNEL_PLAIN(name, op, type, score)                                                        \
  static type name##_pair(const void *query, const void *row, size_t dim) {                        \
    return score(op, query, row, dim);                                                             \
  }                                                                                                \
  static void name##_rows(const void *query, const void *rows, size_t dim, size_t stride,          \
                          size_t count, type *out) {                                               \
    for (size_t i = 0; i < count; i++)                                                             \
      out[i] = name##_pair(query, (const char *)rows + i * stride, dim);                           \
  }                                                                                                \
  static void name##_gather(const void *query, const void *rows, size_t dim, size_t stride,        \
                            const uint32_t *at, size_t count, type *out) {                         \
    for (size_t i = 0; i < count; i++)                                                             \
      out[i] = name##_pair(query, (const char *)rows + at[i] * stride, dim);                       \
  }                                                                                                \
  static void name##_block(const void *queries, size_t query_stride, size_t query_count,           \
                           const void *rows, size_t dim, size_t stride, size_t count, type *out,   \
                           size_t out_stride) {                                                    \
    for (size_t q = 0; q < query_count; q++)                                                       \
      name##_rows((const char *)queries + q * query_stride, rows, dim, stride, count,              \
                  out + q * out_stride);                                                           \
  }
#define ENTRY(name)                                                                                \
  { name##_pair, name##_rows, name##_gather, name##_block }

KERNEL_PLAIN(f32_dot, MGP_OP_DOT_F32, float, score_floats)
KERNEL_PLAIN(f32_l2, MGP_OP_L2_F32, float, score_floats)
KERNEL_PLAIN(f16_dot, MGP_OP_DOT_F16, float, score_floats)
KERNEL_PLAIN(f16_l2, MGP_OP_L2_F16, float, score_floats)
KERNEL_PLAIN(bf16_dot, MGP_OP_DOT_BF16, float, score_floats)
KERNEL_PLAIN(bf16_l2, MGP_OP_L2_BF16, float, score_floats)
KERNEL_PLAIN(s8_dot, MGP_OP_DOT_S8, int32_t, score_bytes)
KERNEL_PLAIN(s8_l2, MGP_OP_L2_S8, int32_t, score_bytes)
KERNEL_PLAIN(u8s8_dot, MGP_OP_DOT_U8S8, int32_t, score_bytes)
KERNEL_PLAIN(u4_dot, MGP_OP_DOT_U4, int32_t, score_bytes)
KERNEL_PLAIN(u4_l2, MGP_OP_L2_U4, int32_t, score_bytes)
KERNEL_PLAIN(u4s8_dot, MGP_OP_DOT_U4S8, int32_t, score_bytes)
KERNEL_PLAIN(b1_dot, MGP_OP_DOT_B1, int32_t, score_bytes)
KERNEL_PLAIN(b1_l2, MGP_OP_L2_B1, int32_t, score_bytes)
KERNEL_PLAIN(b1q4_dot, MGP_OP_DOT_B1Q4, int32_t, score_bytes)

static void fast_scan_plain(const uint8_t *codes, const uint8_t *table, size_t groups,
                            uint32_t out[MGP_FAST_SCAN_ROWS]) {
  for (size_t r = 0; r < MGP_FAST_SCAN_ROWS; r++) {
    const size_t byte = r % 16, shift = r < 16 ? 0 : 4;
    out[r] = 0;
    for (size_t g = 0; g < groups; g++)
      out[r] += table[16 * g + (codes[16 * g + byte] >> shift & 15)];
  }
}

void mgp_kernels_fill_plain_narrow(mgp_kernels *table) {
  table->f32_dot = (mgp_float_kernel)ENTRY(f32_dot);
  table->f32_l2 = (mgp_float_kernel)ENTRY(f32_l2);
  table->f16_dot = (mgp_float_kernel)ENTRY(f16_dot);
  table->f16_l2 = (mgp_float_kernel)ENTRY(f16_l2);
  table->bf16_dot = (mgp_float_kernel)ENTRY(bf16_dot);
  table->bf16_l2 = (mgp_float_kernel)ENTRY(bf16_l2);
  table->s8_dot = (mgp_int_kernel)ENTRY(s8_dot);
  table->s8_l2 = (mgp_int_kernel)ENTRY(s8_l2);
  table->u8s8_dot = (mgp_int_kernel)ENTRY(u8s8_dot);
  table->u4_dot = (mgp_int_kernel)ENTRY(u4_dot);
  table->u4_l2 = (mgp_int_kernel)ENTRY(u4_l2);
  table->u4s8_dot = (mgp_int_kernel)ENTRY(u4s8_dot);
  table->b1_dot = (mgp_int_kernel)ENTRY(b1_dot);
  table->b1_l2 = (mgp_int_kernel)ENTRY(b1_l2);
  table->b1q4_dot = (mgp_int_kernel)ENTRY(b1q4_dot);
  table->f32_to_f16 = f32_to_f16_plain;
  table->f16_to_f32 = f16_to_f32_plain;
  table->f32_to_bf16 = f32_to_bf16_plain;
  table->bf16_to_f32 = bf16_to_f32_plain;
  table->fast_scan = fast_scan_plain;
}

float mgp_cosine_of_dots(double dot, double length_a_squared, double length_b_squared) {
  if (isnan(dot)) return NAN;
  if (length_a_squared == 0 || length_b_squared == 0) return 0;
  return (float)(dot / (sqrt(length_a_squared) * sqrt(length_b_squared)));
}

void mgp_split_s8(const int8_t *from, size_t dim, int8_t *to) {
  const size_t half = dim / 2 + dim % 2;
  for (size_t i = 0; i < dim; i++) to[i % 2 * half + i / 2] = from[i];
  if (dim % 2) to[2 * half - 1] = 0;
}

void mgp_planes_u4(const uint8_t *from, size_t dim, uint8_t *to) {
  const size_t bytes = mgp_op_bytes(MGP_OP_DOT_B1, dim);
  memset(to, 0, 4 * bytes);
  for (size_t i = 0; i < dim; i++)
    for (size_t plane = 0; plane < 4; plane++)
      to[plane * bytes + i / 8] |= (uint8_t)((from[i] >> plane & 1) << (i % 8));
}

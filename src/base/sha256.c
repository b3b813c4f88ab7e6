/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4): for files that come from elsewhere, where trust is needed.
 */
#include <unistd.h>

#include "base/base.h"
#include "base/file_open.h"

#define READ_SIZE (1u << 20)

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

static void expand(const unsigned char block[64], uint32_t w[64]) {
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    const uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
}

static void compress(uint32_t state[8], const unsigned char block[64]) {
  uint32_t w[64], s[8];
  expand(block, w);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    const uint32_t e = s[4], a = s[0];
    const uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                        ((e & s[5]) ^ (~e & s[6])) + round_constants[i] + w[i];
    const uint32_t t2 =
        (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

void mgp_sha256_init(mgp_sha256 *h) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  *h = (mgp_sha256){0};
  memcpy(h->state, start, sizeof start);
}

void mgp_sha256_add(mgp_sha256 *h, const void *bytes, size_t size) {
  const unsigned char *in = bytes;
  while (size > 0) {
    const size_t have = (size_t)(h->size % 64);
    if (have == 0 && size >= 64) { /* a whole block: no copy */
      compress(h->state, in);
      h->size += 64;
      in += 64;
      size -= 64;
      continue;
    }
    const size_t take = size < 64 - have ? size : 64 - have;
    memcpy(h->block + have, in, take);
    h->size += take;
    in += take;
    size -= take;
    if (have + take == 64) compress(h->state, h->block);
  }
}

void mgp_sha256_hex(mgp_sha256 *h, char out[65]) {
  const uint64_t bits = h->size * 8;
  const unsigned char one = 0x80, zero = 0;
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(bits >> (56 - 8 * i));
  mgp_sha256_add(h, &one, 1);
  while (h->size % 64 != 56) mgp_sha256_add(h, &zero, 1);
  mgp_sha256_add(h, length, sizeof length);
  for (int i = 0; i < 8; i++) snprintf(out + 8 * i, 9, "%08x", h->state[i]);
}

magpie_status mgp_sha256_file(const char *path, char out[65], uint64_t *size, magpie_error *err) {
  int fd = -1;
  uint64_t expected = 0;
  MGP_FORWARD(mgp_file_open(path, &fd, &expected, err));
  unsigned char *block = mgp_malloc(NULL, READ_SIZE);
  mgp_sha256 h;
  mgp_sha256_init(&h);
  magpie_status status =
      block ? MAGPIE_OK : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to read %s", path);
  size_t got = READ_SIZE;
  while (status == MAGPIE_OK && got == READ_SIZE) {
    status = mgp_file_fill(fd, path, block, READ_SIZE, &got, err);
    if (status == MAGPIE_OK) mgp_sha256_add(&h, block, got);
  }
  mgp_free(NULL, block);
  close(fd);
  if (status != MAGPIE_OK) return status;
  if (size) *size = h.size;
  mgp_sha256_hex(&h, out);
  return MAGPIE_OK;
}

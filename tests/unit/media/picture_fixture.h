/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_fixture: pictures that tests make with libvips, and PNG files put together chunk by chunk
 * where a picture must be one that no library would write.
 */
#ifndef MGP_PICTURE_FIXTURE_H
#define MGP_PICTURE_FIXTURE_H

#include "media_fixture.h"

#if __has_include(<vips/vips.h>)
#include <vips/vips.h>
#define HAS_PICTURES 1

/* Red upper left, green upper right, blue lower left, grey lower right. */
FIXTURE VipsImage *make_quarters(int width, int height) {
  assert_int_equal(mgp_media_init(NULL), MAGPIE_OK);
  unsigned char *rgb = calloc((size_t)width * (size_t)height, 3);
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      unsigned char *p = rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);
      const bool right = x >= width / 2, low = y >= height / 2;
      if (right && low) p[0] = p[1] = p[2] = 128;
      if (!right || !low) p[low ? 2 : right ? 1 : 0] = 250;
    }
  }
  VipsImage *view = vips_image_new_from_memory_copy(rgb, (size_t)width * (size_t)height * 3, width,
                                                    height, 3, VIPS_FORMAT_UCHAR);
  free(rgb);
  assert_non_null(view);
  VipsImage *image = NULL;
  assert_int_equal(vips_copy(view, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
  g_object_unref(view);
  return image;
}

/* Writes by the name's ending; false when libvips cannot write it. Takes the image over. */
FIXTURE bool save_picture(VipsImage *image, const char *name) {
  const int failed = vips_image_write_to_file(image, at(name), NULL);
  g_object_unref(image);
  if (failed) vips_error_clear();
  return !failed;
}

/* CRC-32 of the PNG specification, annex D. */
FIXTURE uint32_t png_crc(uint32_t crc, const void *bytes, size_t size) {
  static uint32_t table[256];
  for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
    table[i] = i;
    for (int k = 0; k < 8; k++) table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xEDB88320U : 0);
  }
  const unsigned char *p = bytes;
  crc = ~crc;
  for (size_t i = 0; i < size; i++) crc = table[(crc ^ p[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

FIXTURE void put_be32(mgp_buffer *b, uint32_t v) {
  const unsigned char bytes[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                                  (unsigned char)(v >> 8), (unsigned char)v};
  mgp_buffer_add(b, bytes, 4);
}

FIXTURE void add_chunk(mgp_buffer *b, const char *type, const void *data, size_t size) {
  put_be32(b, (uint32_t)size);
  mgp_buffer_add(b, type, 4);
  mgp_buffer_add(b, data, size);
  put_be32(b, png_crc(png_crc(0, type, 4), data, size));
}

/* `count` zero bytes as a zlib stream (RFC 1950, 1951): one literal, then copies of 258 bytes from
 * one byte back, in the fixed code; what is left over as literals. */
FIXTURE void add_packed_zeros(mgp_buffer *b, uint64_t count) {
  uint32_t bits = 3, used = 3; /* last block, fixed code */
  mgp_buffer_add(b, "\x78\xDA", 2);
#define PUT_BITS(value, n)                                                                         \
  do {                                                                                             \
    bits |= (uint32_t)(value) << used;                                                             \
    for (used += (n); used >= 8; used -= 8, bits >>= 8)                                            \
      mgp_buffer_add_char(b, (char)(bits & 255));                                                  \
  } while (0)
  const uint64_t copies = count > 0 ? (count - 1) / 258 : 0;
  for (uint64_t i = 0; i < count - 258 * copies; i++) PUT_BITS(0x0C, 8); /* literal 0: 00110000 */
  for (uint64_t i = 0; i < copies; i++) PUT_BITS(0xA3, 13); /* length 285: 11000101, distance 0 */
  PUT_BITS(0, 7);                                           /* the end */
  if (used > 0) PUT_BITS(0, 8 - used);
#undef PUT_BITS
  put_be32(b, (uint32_t)(count % 65521) << 16 | 1); /* Adler-32 of zeros */
}

/* An 8-bit grey PNG of the size named, all black: a hundredth of its pixels in bytes. */
FIXTURE const char *write_blank_png(const char *name, uint32_t width, uint32_t height) {
  mgp_buffer b, header, packed;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_init(&header, NULL);
  mgp_buffer_init(&packed, NULL);
  put_be32(&header, width);
  put_be32(&header, height);
  mgp_buffer_add(&header, "\x08\0\0\0\0", 5);
  add_packed_zeros(&packed, ((uint64_t)width + 1) * height);
  mgp_buffer_add(&b, "\x89PNG\r\n\x1A\n", 8);
  add_chunk(&b, "IHDR", header.data, header.size);
  add_chunk(&b, "IDAT", packed.data, packed.size);
  add_chunk(&b, "IEND", "", 0);
  const char *path = write_bytes(name, b.data, b.size);
  mgp_buffer_fini(&b);
  mgp_buffer_fini(&header);
  mgp_buffer_fini(&packed);
  return path;
}

/* The pixel at a place given in hundredths of the picture. */
FIXTURE const unsigned char *pixel_at(const kept_item *k, int across, int down) {
  const size_t x = (size_t)(k->width * across / 100), y = (size_t)(k->height * down / 100);
  return k->rgb + 3 * (y * (size_t)k->width + x);
}

FIXTURE void assert_colour(const unsigned char *p, int r, int g, int b, int slack) {
  if (abs(p[0] - r) > slack || abs(p[1] - g) > slack || abs(p[2] - b) > slack)
    print_error("colour %d %d %d, wanted %d %d %d\n", p[0], p[1], p[2], r, g, b);
  assert_true(abs(p[0] - r) <= slack && abs(p[1] - g) <= slack && abs(p[2] - b) <= slack);
}
#endif

#endif

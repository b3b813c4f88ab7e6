/* SPDX-License-Identifier: Apache-2.0
 *
 * html_blocks: a web page as a row of text blocks, each knowing what speaks for or against its
 * being content. html_file.c turns the blocks that stay into sections.
 */
#ifndef MGP_HTML_BLOCKS_H
#define MGP_HTML_BLOCKS_H

#include "media/media_job.h"

#if MGP_WITH_LIBXML
#include <libxml/HTMLparser.h>

typedef struct mgp_html_block {
  size_t start, size; /* of mgp_html_blocks.text */
  size_t link_size;   /* bytes of it inside links */
  int64_t line;       /* of the source, 0 when not known */
  int level;          /* 1..6 of a heading, else 0 */
  int links;
  bool is_row;     /* a list entry or table row: stands close to its neighbours */
  bool is_in_main; /* inside main or article */
  bool is_dropped;
} mgp_html_block;

typedef struct mgp_html_blocks {
  mgp_alloc *alloc;
  mgp_buffer text;
  mgp_html_block *blocks;
  size_t count, capacity;
  json_t *links, *images; /* arrays of {href, text} and {src, alt} */
} mgp_html_blocks;

/* Walks the tree under `root`. `blocks` is zero but for alloc; fini in any case. */
magpie_status mgp_html_blocks_read(const mgp_media_job *job, xmlNode *root, mgp_html_blocks *out,
                                   magpie_error *err);
void mgp_html_blocks_fini(mgp_html_blocks *b);
/* An attribute's value into out, cut to fit; false when absent. */
bool mgp_html_attribute(const xmlNode *node, const char *name, char *out, size_t size);
#endif

#endif

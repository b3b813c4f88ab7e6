/* SPDX-License-Identifier: Apache-2.0
 *
 * The long check of a lexical segment, for `magpie check --deep`.
 */
#ifndef MGP_INDEX_LEXICAL_CHECK_H
#define MGP_INDEX_LEXICAL_CHECK_H

#include "index/index.h"

/* CORRUPT with the first term or item whose numbers contradict each other. */
magpie_status mgp_lexical_check(mgp_alloc *a, const mgp_lexical_view *v, magpie_error *err);

#endif

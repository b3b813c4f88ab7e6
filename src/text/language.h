/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to CLD2, whose interface is C++.
 */
#ifndef MGP_LANGUAGE_H
#define MGP_LANGUAGE_H

#include "text/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(MGP_WITH_CLD2)
/* ISO 639-1 code when CLD2 is sure, else "". Static string. */
const char *mgp_language_cld2(const char *text, size_t size);
#endif

#ifdef __cplusplus
}
#endif
#endif

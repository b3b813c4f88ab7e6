# SPDX-License-Identifier: Apache-2.0
# packs/catalogue.json as bytes in the library: what `magpie models list` offers without any file.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/packs/catalogue.json)
file(READ ${CMAKE_SOURCE_DIR}/packs/catalogue.json catalogue HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," catalogue "${catalogue}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/catalogue_data.c CONTENT
"/* SPDX-License-Identifier: Apache-2.0
 * Generated from packs/catalogue.json. */
#include <stddef.h>
extern const unsigned char mgp_catalogue_data[];
extern const size_t mgp_catalogue_size;
const unsigned char mgp_catalogue_data[] = {@catalogue@};
const size_t mgp_catalogue_size = sizeof mgp_catalogue_data;
" @ONLY)
target_sources(mgp_encode PRIVATE ${CMAKE_BINARY_DIR}/generated/catalogue_data.c)

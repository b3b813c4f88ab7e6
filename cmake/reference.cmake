# SPDX-License-Identifier: Apache-2.0
# Small programs that the Python tests compare with reference implementations.
if(TARGET mgp_text)
  add_executable(tokenize_tool EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/reference/tokenize_tool.c)
  target_link_libraries(tokenize_tool PRIVATE mgp_text)
endif()

# SPDX-License-Identifier: Apache-2.0
# tests/reference/NAME_tool.c: small programs that the Python tests there compare with reference
# implementations. Each is linked with the modules of the library, so far as they exist.
get_property(MGP_MODULES GLOBAL PROPERTY MGP_MODULES)
set(MGP_TARGETS ${MGP_MODULES})
list(REMOVE_ITEM MGP_TARGETS engine)
list(TRANSFORM MGP_TARGETS PREPEND mgp_)
add_custom_target(reference_tools)
file(GLOB TOOL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/reference/*_tool.c)
foreach(source ${TOOL_SOURCES})
  get_filename_component(tool ${source} NAME_WE)
  add_executable(${tool} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${tool} PRIVATE ${MGP_TARGETS} m)
  add_dependencies(reference_tools ${tool})
endforeach()

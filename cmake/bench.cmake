# SPDX-License-Identifier: Apache-2.0
# bench/micro/bench_*.c: one program each, built by `ninja bench_programs` and run by bench/run.sh.
# Each prints CSV rows. Linked with the folders they time, so far as they exist.
add_custom_target(bench_programs)
file(GLOB BENCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/micro/bench_*.c)
foreach(source ${BENCH_SOURCES})
  get_filename_component(bench ${source} NAME_WE)
  add_executable(${bench} EXCLUDE_FROM_ALL ${source})
  foreach(target mgp_eval mgp_index mgp_kernels mgp_base)
    if(TARGET ${target})
      target_link_libraries(${bench} PRIVATE ${target})
    endif()
  endforeach()
  target_link_libraries(${bench} PRIVATE m)
  add_dependencies(bench_programs ${bench})
endforeach()
# bench/system/bench_*.c: through the public API, linked with everything.
file(GLOB SYSTEM_BENCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/system/bench_*.c)
foreach(source ${SYSTEM_BENCH_SOURCES})
  get_filename_component(bench ${source} NAME_WE)
  add_executable(${bench} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${bench} PRIVATE mgp_engine PkgConfig::SQLITE m)
  add_dependencies(bench_programs ${bench})
endforeach()

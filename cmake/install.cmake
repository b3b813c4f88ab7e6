# SPDX-License-Identifier: Apache-2.0
# What `make install` puts under PREFIX: library, headers, magpie.pc, the command and its man page,
# the pack recipes (`magpie models pull` runs them) and the packs that setup made.
if(NOT TARGET magpie)
  return()
endif()
set(MGP_LIBDIR lib)
set(MGP_SHARE share/magpie)

set_target_properties(magpie PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS magpie magpie-media LIBRARY DESTINATION ${MGP_LIBDIR})
if(TARGET magpie-archive)
  install(TARGETS magpie-archive LIBRARY DESTINATION ${MGP_LIBDIR})
endif()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/magpie DESTINATION include
        FILES_MATCHING PATTERN "*.h")
configure_file(${CMAKE_SOURCE_DIR}/cmake/magpie.pc.in ${CMAKE_BINARY_DIR}/magpie.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/magpie.pc DESTINATION ${MGP_LIBDIR}/pkgconfig)

if(TARGET magpie_cli)
  # found beside the command even where ldconfig has not run
  set_target_properties(magpie_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${MGP_LIBDIR}")
  install(TARGETS magpie_cli RUNTIME DESTINATION bin)
  # the manual comes from the command's own table; a build for another machine cannot run it
  if(NOT CMAKE_CROSSCOMPILING)
    set(MGP_MAN ${CMAKE_BINARY_DIR}/magpie.1)
    add_custom_command(OUTPUT ${MGP_MAN} DEPENDS magpie_cli VERBATIM
      COMMAND magpie_cli help --man > ${MGP_MAN}.new
      COMMAND ${CMAKE_COMMAND} -E rename ${MGP_MAN}.new ${MGP_MAN})
    add_custom_target(manual ALL DEPENDS ${MGP_MAN})
    install(FILES ${MGP_MAN} DESTINATION share/man/man1)
  endif()
endif()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/magpie)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/packs/ DESTINATION ${MGP_SHARE}/recipes
        PATTERN "__pycache__" EXCLUDE)
# read at install time: a pack made after configuring is taken along
install(CODE "set(MGP_PACKS \"${CMAKE_SOURCE_DIR}/.deps/packs\")")
install(CODE [[
  if(IS_DIRECTORY "${MGP_PACKS}")
    file(INSTALL "${MGP_PACKS}/" DESTINATION "${CMAKE_INSTALL_PREFIX}/share/magpie/packs")
  endif()
]])

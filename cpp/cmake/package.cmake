# The shared library of the C interface, and what `cmake --install` puts where a host can find it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_source_files_properties(src/abi.cpp PROPERTIES COMPILE_DEFINITIONS MWRT_VERSION="${PROJECT_VERSION}")

# The major number of the file is the version of the C interface (metaworld_rt.h), not of the project.
add_library(metaworld_rt SHARED src/abi.cpp)
target_include_directories(metaworld_rt PUBLIC
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> PRIVATE src)
target_link_libraries(metaworld_rt PRIVATE $<BUILD_INTERFACE:mwrt_core> $<BUILD_INTERFACE:mwrt_flags>)
set_target_properties(metaworld_rt PROPERTIES VERSION 1.${PROJECT_VERSION} SOVERSION 1
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
if(UNIX AND NOT APPLE)
  target_link_options(metaworld_rt PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/abi.map)
  set_target_properties(metaworld_rt PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/abi.map)
endif()
set_target_properties(mwrt_core PROPERTIES OUTPUT_NAME metaworld_rt EXPORT_NAME core)

# A wheel carries the extension alone.
if(MWRT_BUILD_PYTHON)
  return()
endif()
install(TARGETS mwrt_core metaworld_rt EXPORT metaworld_rt-targets)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(MWRT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/metaworld_rt)
install(EXPORT metaworld_rt-targets NAMESPACE metaworld_rt:: DESTINATION ${MWRT_CMAKE_DIR})
configure_package_config_file(cmake/metaworld_rt-config.cmake.in metaworld_rt-config.cmake
  INSTALL_DESTINATION ${MWRT_CMAKE_DIR})
write_basic_package_version_file(metaworld_rt-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/metaworld_rt-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/metaworld_rt-config-version.cmake DESTINATION ${MWRT_CMAKE_DIR})
configure_file(cmake/metaworld_rt.pc.in metaworld_rt.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/metaworld_rt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Installs the build, builds the examples against what was installed, runs them on a bundle, and looks at what they need.
# cmake -DBUILD=... -DEXAMPLES=... -DBUNDLE=... -DSYMBOLS=... -DCC=... -DCXX=... -DGENERATOR=... -DBUILD_TYPE=... -P package_test.cmake
set(ROOT ${BUILD}/package_test)
set(PREFIX ${ROOT}/prefix)
file(REMOVE_RECURSE ${ROOT})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nfailed with ${code}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})
file(GLOB_RECURSE library ${PREFIX}/libmetaworld_rt.so ${PREFIX}/*/libmetaworld_rt.so)
list(GET library 0 library)
get_filename_component(libdir ${library} DIRECTORY)

# Only the C interface is exported, all of it, and nothing else.
run(nm -D --defined-only --format=posix ${library})
string(REGEX REPLACE " [^\n]*" "" names "${output}")
string(STRIP "${names}" names)
string(REPLACE "\n" ";" names "${names}")
list(SORT names)
file(STRINGS ${SYMBOLS} expected)
if(NOT names STREQUAL expected)
  message(FATAL_ERROR "exported symbols differ from ${SYMBOLS}:\n${names}")
endif()

# Nothing is needed but libc, libm, libstdc++ (with libgcc_s) and pthreads.
run(readelf -d ${library})
string(REGEX MATCHALL "NEEDED[^\n]*" needed "${output}")
foreach(line ${needed})
  if(NOT line MATCHES "\\[(libc|libm|libstdc\\+\\+|libgcc_s|libpthread|libdl|ld-linux[-a-z0-9_]*)\\.so")
    message(FATAL_ERROR "unexpected dependency: ${line}")
  endif()
endforeach()

# Each library under 3 MB: the shared one with its symbols stripped, the static one as it is installed.
file(REAL_PATH ${library} real)
run(strip -o ${ROOT}/stripped.so ${real})
foreach(file ${ROOT}/stripped.so ${libdir}/libmetaworld_rt.a)
  file(SIZE ${file} size)
  message("${file}: ${size} bytes")
  if(size GREATER 3000000 AND BUILD_TYPE STREQUAL "Release")
    message(FATAL_ERROR "${file} is ${size} bytes: over 3 MB")
  endif()
endforeach()

# find_package
run(${CMAKE_COMMAND} -S ${EXAMPLES} -B ${ROOT}/examples -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${PREFIX}
  -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror" "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
run(${CMAKE_COMMAND} --build ${ROOT}/examples)
foreach(host firmware_host host)
  run(${ROOT}/examples/${host} ${BUNDLE} walk 1)
  message("${host}: ${output}")
endforeach()
execute_process(COMMAND ${ROOT}/examples/firmware_host ${BUNDLE} fly RESULT_VARIABLE code ERROR_VARIABLE said)
if(code EQUAL 0 OR NOT said MATCHES "no skill \"fly\"")
  message(FATAL_ERROR "an unknown skill gave ${code}: ${said}")
endif()

# pkg-config
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${libdir}/pkgconfig)
  run(${PKG_CONFIG} --cflags --libs metaworld_rt)
  string(STRIP "${output}" flags)
  separate_arguments(flags)
  run(${CC} -std=c99 ${EXAMPLES}/firmware_host.c -o ${ROOT}/by_pkg_config ${flags} -Wl,-rpath,${libdir})
  run(${ROOT}/by_pkg_config ${BUNDLE} stand 0.2)
endif()

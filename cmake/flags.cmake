# How every Tamis file is compiled. -ffp-contract=off and no -ffast-math: the same source must give the same bits.
add_library(tamis_flags INTERFACE)
target_compile_definitions(tamis_flags INTERFACE _GNU_SOURCE)
target_compile_options(tamis_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
  -ffp-contract=off -fno-math-errno -fvisibility=hidden
  -fstack-protector-strong)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # Assertions stay on in release: what only we can do wrong must stop us there too.
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
  if(NOT TAMIS_SANITIZE)
    target_compile_options(tamis_flags INTERFACE -D_FORTIFY_SOURCE=2)
  endif()
endif()
if(TAMIS_SANITIZE)
  target_compile_options(tamis_flags INTERFACE
    -fsanitize=${TAMIS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tamis_flags INTERFACE -fsanitize=${TAMIS_SANITIZE})
endif()

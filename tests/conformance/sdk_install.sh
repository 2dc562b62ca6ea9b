#!/bin/bash
# An outsider's first hour: installs libtamis into an empty prefix, then builds examples/minimal.c with pkg-config
# and with CMake, and a few lines as C++. usage: sdk_install.sh SOURCE BUILD
set -eu
source=$1 build=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/usr" --component tamis-sdk >/dev/null
library=$(dirname "$(find "$folder/usr" -name libtamis.so)")
export PKG_CONFIG_PATH=$library/pkgconfig LD_LIBRARY_PATH=$library
example=$source/client-sdk/examples/minimal.c
runs() { "$1" "$folder/state" 2>&1 | grep -q usage || { echo "$1 does not run"; exit 1; }; }

flags=$(pkg-config --cflags --libs tamis) # the .pc file finds its own prefix
${CC:-cc} -std=c99 -Wall -Wextra -Wpedantic -Werror "$example" -o "$folder/by-pkg-config" $flags
runs "$folder/by-pkg-config"

printf '#include <stdio.h>\n#include <tamis/tamis.h>\nint main(void) { return puts(tamis_version()) < 0; }\n' >"$folder/version.c"
${CC:-cc} -Wall -Wextra -Wpedantic -Werror "$folder/version.c" -o "$folder/by-version" $flags
if command -v c++ >/dev/null; then
  c++ -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror "$folder/version.c" -o "$folder/by-cxx" $flags
fi
[ "$(pkg-config --modversion tamis)" = "$("$folder/by-version")" ]

mkdir "$folder/project"
cat >"$folder/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(outsider C)
find_package(tamis REQUIRED)
add_executable(device ${EXAMPLE})
target_link_libraries(device PRIVATE tamis::tamis)
END
cmake -G Ninja -S "$folder/project" -B "$folder/project/build" -DEXAMPLE="$example" -DCMAKE_PREFIX_PATH="$folder/usr" >/dev/null
cmake --build "$folder/project/build" >/dev/null
runs "$folder/project/build/device"

[ "$(find "$folder/usr" -type f -o -type l | wc -l)" -ge 8 ]
! grep -rl '"proto/' "$folder/usr/include" || { echo "an installed header includes from the tree"; exit 1; }

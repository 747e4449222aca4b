# shellcheck shell=bash disable=SC2034
# What the scripts in this folder share. Sourced by them, from the root of the checkout.

# How many compilers or tests at once: MESG_JOBS, or one for each processor.
jobs=${MESG_JOBS:-$(nproc)}

# Rooms whose unit tests run under the address sanitizer (the rest is gRPC's and the drivers').
sanitized_rooms=(base model app engine store broker runtime)
# Rooms that link neither gRPC nor RocksDB, which Debian does not build for the thread sanitizer.
threaded_rooms=(base model engine store broker runtime)

# Prints the comment a script opens with: its help.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# The C++ files git knows, and those it would add.
cpp_files() {
  git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' |
    while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}

# configure PRESET [CMAKE ARGUMENT...]: quick when nothing changed.
configure() {
  local preset=$1
  shift
  cmake --preset "$preset" "$@" >"build/$preset-configure.log" 2>&1 || {
    cat "build/$preset-configure.log"
    return 1
  }
}

# build PRESET [TARGET...]: goes on after a failure, to show all of them.
build() {
  local preset=$1
  shift
  cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"} -- -k 0
}

# The modules declared in the given rooms, as a ctest expression matching their unit tests.
tests_of() {
  local room folders=() names
  for room in "$@"; do [ ! -d "src/$room" ] || folders+=("src/$room"); done
  names=$(grep -rhoE 'mesg_module\([a-z0-9_]+' --include CMakeLists.txt "${folders[@]}" |
    sed 's/.*(//' | sort -u | paste -sd '|')
  echo "^($names)\\."
}

mkdir -p build

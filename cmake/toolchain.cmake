# What every target is compiled and linked with.
add_library(mesg_warnings INTERFACE)
target_compile_options(mesg_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# With optimization g++ 12 sees a std::variant's other members when one is moved, and overlaps in
# std::string::insert. clang, which lints and fuzzes all of this, has no such faults.
target_compile_options(mesg_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>)

add_compile_options(-fdiagnostics-color=auto -fno-omit-frame-pointer)

find_program(MESG_CCACHE ccache)
if(MESG_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MESG_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MESG_CCACHE})
endif()

find_program(MESG_MOLD mold)
if(MESG_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--as-needed)

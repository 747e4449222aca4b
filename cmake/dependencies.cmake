# Debian 12 packages. Each is found once, here; rooms name the target in their DEPENDS.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(CURL REQUIRED)
find_package(date REQUIRED)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(git2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
add_library(re2::re2 ALIAS PkgConfig::re2)  # The name under which Debian's gRPC looks for it.

if(MESG_WITH_GRPC)
  find_package(gRPC CONFIG REQUIRED)
  pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
  find_package(Boost 1.74 REQUIRED)
  # What the standard services connect with.
  pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
  pkg_check_modules(mosquitto REQUIRED IMPORTED_TARGET libmosquitto)
  pkg_check_modules(cnats REQUIRED IMPORTED_TARGET libnats)
  pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
  pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
  pkg_check_modules(etpan REQUIRED IMPORTED_TARGET libetpan)
  pkg_check_modules(pugixml REQUIRED IMPORTED_TARGET pugixml)
  # Core's own allocator: its requests are made on one thread and freed on another, which glibc's is
  # slow at. A sanitizer brings its own.
  add_library(mesg_allocator INTERFACE)
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
    target_link_libraries(mesg_allocator INTERFACE PkgConfig::jemalloc)
  endif()
endif()

# CLI11 is header-only; its one user is src/cli.
find_path(MESG_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
add_library(cli11 INTERFACE)
target_include_directories(cli11 SYSTEM INTERFACE ${MESG_CLI11_INCLUDE})

# libjq has no pkg-config file in Debian 12; its one user is libexec/mesg-eval.
find_path(MESG_JQ_INCLUDE jq.h REQUIRED)
find_library(MESG_JQ_LIBRARY jq REQUIRED)
add_library(jq INTERFACE)
target_include_directories(jq SYSTEM INTERFACE ${MESG_JQ_INCLUDE})
target_link_libraries(jq INTERFACE ${MESG_JQ_LIBRARY})

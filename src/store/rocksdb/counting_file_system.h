#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <rocksdb/file_system.h>

namespace mesg::store::rocks {

struct DiskFaults;

/// What RocksDB did to the disk.
struct DiskCounters {
  std::atomic<std::uint64_t> fsyncs{0};  ///< fsync and fdatasync, of files and directories.
  std::atomic<std::uint64_t> bytes{0};   ///< Appended to any file but the information log.
};

/// The system's files, with every sync and every appended byte counted: exact, and cheaper than
/// RocksDB's own statistics. `faults`, which may be null, makes write-ahead logs fail.
std::shared_ptr<rocksdb::FileSystem> NewCountingFileSystem(std::shared_ptr<DiskCounters> counters,
                                                           std::shared_ptr<DiskFaults> faults);

}  // namespace mesg::store::rocks

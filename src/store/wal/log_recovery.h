#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/wal/wal_inspector.h"

namespace mesg::store::wal {

/// Reads the file with a WalInspector. Unavailable when it cannot be read.
Result<Inspection> InspectFile(const std::string& path, Contents contents);

/// Checks the MANIFEST and every write-ahead log (*.log) of a RocksDB directory and cuts the torn
/// tail a crash left, durably. Returns how many bytes were cut, 0 for a directory without logs.
///
/// DataLoss, and nothing is changed, when something is damaged that a crash cannot have damaged:
/// the message names the file and the place and says what to do. Call only while holding the
/// store's lock and before RocksDB opens the directory.
Result<std::uint64_t> RecoverLogs(const std::string& directory);

}  // namespace mesg::store::wal

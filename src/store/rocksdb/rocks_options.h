#pragma once

#include <string>
#include <string_view>

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include "base/result.h"
#include "store/rocksdb/rocks_database.h"

namespace mesg::store::rocks {

/// How the database is opened. `environment` must outlive it.
rocksdb::Options DatabaseOptions(const RocksOptions& options, rocksdb::Env* environment);

/// A status of RocksDB as what it means for Core: DataLoss for damage, ResourceExhausted for a full
/// disk, FailedPrecondition for a lock or missing permission, Unavailable for other trouble.
Error ToError(const rocksdb::Status& status, std::string_view doing);

/// The key of `key` within the database: two bytes of partition, high byte first, then the key.
std::string DatabaseKey(std::uint16_t partition, std::string_view key);

/// Holds what concerns the database as a whole; no store has it.
inline constexpr std::uint16_t kReservedPartition = 0xffff;

/// Where the number of a partition's last commit is kept, and its form.
std::string SequenceKey(std::uint16_t partition);
std::string EncodeSequence(std::uint64_t sequence);
Result<std::uint64_t> DecodeSequence(std::string_view value);

}  // namespace mesg::store::rocks

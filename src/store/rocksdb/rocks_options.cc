#include "store/rocksdb/rocks_options.h"

#include <algorithm>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

namespace mesg::store::rocks {
namespace {

rocksdb::CompressionType BestCompression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

void SetTable(const RocksOptions& from, rocksdb::Options& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(from.block_cache_bytes, /*num_shard_bits=*/2);
  // Within the cache, so that memory is bounded however large the store is.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  table.block_size = 16 * 1024;
  table.checksum = rocksdb::kXXH3;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

void SetRecovery(rocksdb::Options& options) {
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  // The inspector knows plain records only, and a recycled file would end in old ones.
  options.recycle_log_file_num = 0;
  options.wal_compression = rocksdb::kNoCompression;
  // After an error nobody knows what reached the disk: stop, never go on by itself.
  options.max_bgerror_resume_count = 0;
}

}  // namespace

rocksdb::Options DatabaseOptions(const RocksOptions& from, rocksdb::Env* environment) {
  rocksdb::Options options;
  options.env = environment;
  SetRecovery(options);
  SetTable(from, options);

  options.write_buffer_size = from.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.allow_concurrent_memtable_write = false;  // There is one writer.
  options.compression = BestCompression();
  options.level_compaction_dynamic_level_bytes = true;

  // Large values leave in the order they came, so whole files become free by themselves. Collecting
  // garbage would copy the oldest quarter of the history in every compaction instead; Compact()
  // does it when asked.
  options.enable_blob_files = true;
  options.min_blob_size = from.min_blob_bytes;
  options.blob_compression_type = options.compression;
  options.enable_blob_garbage_collection = false;

  options.max_background_jobs = 2;
  options.bytes_per_sync =
      1 << 20;  // Spread, so that the log's syncs do not wait for a whole table.
  options.max_open_files = 256;
  options.avoid_unnecessary_blocking_io = true;
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;  // No timer thread in an idle daemon.
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 3;
  options.max_log_file_size = 1 << 20;
  return options;
}

Error ToError(const rocksdb::Status& status, std::string_view doing) {
  const std::string message = fmt::format("{}: {}", doing, status.ToString());
  if (status.IsCorruption() || status.IsPathNotFound()) {  // Damaged, or a file is missing.
    return DataLoss(
        "{}. The store is damaged. Check the disk and the memory of this machine, "
        "then "
        "restore the whole data directory from a backup",
        message);
  }
  if (status.IsNoSpace()) return ResourceExhausted("{}. Free space on that disk", message);
  if (message.find("/LOCK") != std::string::npos) {
    return FailedPrecondition("{}. Another program has the database open", message);
  }
  if (message.find("Permission denied") != std::string::npos ||
      message.find("Read-only file system") != std::string::npos) {
    return FailedPrecondition("{}. Core needs to read and write its data directory", message);
  }
  return Unavailable("{}", message);
}

std::string DatabaseKey(std::uint16_t partition, std::string_view key) {
  std::string full;
  full.reserve(2 + key.size());
  full += static_cast<char>(partition >> 8);
  full += static_cast<char>(partition & 0xff);
  full += key;
  return full;
}

std::string SequenceKey(std::uint16_t partition) {
  return DatabaseKey(kReservedPartition, DatabaseKey(partition, ""));
}

std::string EncodeSequence(std::uint64_t sequence) {
  std::string value;
  for (int shift = 56; shift >= 0; shift -= 8) value += static_cast<char>(sequence >> shift);
  return value;
}

Result<std::uint64_t> DecodeSequence(std::string_view value) {
  if (value.size() != 8) {
    return DataLoss("a commit number has {} bytes instead of 8", value.size());
  }
  std::uint64_t sequence = 0;
  for (const char byte : value) sequence = (sequence << 8) | static_cast<unsigned char>(byte);
  return sequence;
}

}  // namespace mesg::store::rocks

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesg::store::wal {

/// Files of the log format are divided into blocks of this size; each begins with a fragment.
inline constexpr std::size_t kBlockBytes = 32 * 1024;

/// What the records of a file hold.
enum class Contents : std::uint8_t {
  kWriteBatches,  ///< A write-ahead log: each record states its sequence number and length.
  kOpaque,        ///< A MANIFEST: the same format around other contents.
};

/// What was found in one file.
struct Inspection {
  std::uint64_t records = 0;      ///< Whole ones, before any damage.
  std::uint64_t size = 0;         ///< Of the file.
  std::uint64_t intact_size = 0;  ///< Where the last whole record ends.
  std::uint64_t last_record = 0;  ///< Where the last whole record begins.

  /// Where the first fragment that cannot be read lies, or the first one of a record without an
  /// end.
  std::optional<std::uint64_t> damaged_at;

  /// A record that begins behind the damage and can be read. With one the damage lies in the middle
  /// of the file, and to cut there would lose it; without one the file has a torn tail.
  std::optional<std::uint64_t> intact_after;

  /// The search behind the damage was given up: nobody can tell the two apart.
  bool search_exhausted = false;

  /// What a cut at intact_size removes, preallocated zeros left aside.
  std::uint64_t TornBytes() const { return damaged_at ? size - intact_size : 0; }
  bool DamagedInTheMiddle() const { return intact_after.has_value() || search_exhausted; }
};

/// Reads a RocksDB log file (write-ahead log or MANIFEST) block by block and tells a torn tail,
/// which a crash leaves and which was never acknowledged, from damage in the middle.
///
/// RocksDB itself takes a broken length near the end of a file for the end of the file, and drops
/// intact records behind it without a word; therefore this look before it opens.
///
/// A commit is one record, synced before the next one begins, so a crash can tear the last record
/// only, though possibly several fragments of it in any order. Any record that *begins* behind a
/// damaged fragment and is intact was thus written after the damaged one was acknowledged.
/// Source of the format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
class WalInspector {
 public:
  explicit WalInspector(Contents contents);

  /// The next block of the file. All but the last have kBlockBytes.
  void Add(std::string_view block);

  Inspection Finish();

 private:
  struct Fragment {
    std::uint8_t type = 0;
    std::size_t size = 0;  ///< With its header.
    std::string_view payload;
  };
  static std::optional<Fragment> Parse(std::string_view rest);

  void Walk(std::string_view block, std::uint64_t base);
  bool Take(const Fragment& fragment, std::uint64_t offset);
  bool EndRecord(std::uint64_t offset, std::size_t size);
  void Damage(std::uint64_t offset);
  void WalkBehindDamage(std::string_view block, std::uint64_t base);
  void Search(std::string_view block, std::uint64_t base, std::size_t from);
  bool BeginsLaterRecord(const Fragment& fragment) const;

  const Contents contents_;
  Inspection found_;
  std::optional<std::uint64_t> record_begin_;  ///< Of a record whose end has not come yet.
  std::string record_head_;                    ///< Its first bytes, up to the batch header's size.
  std::optional<std::uint64_t> zeros_at_;      ///< Where nothing but zeros began.
  std::optional<std::uint64_t> next_sequence_;
  bool last_was_empty_ = false;
  std::uint64_t search_budget_;
  bool short_block_seen_ = false;
};

}  // namespace mesg::store::wal

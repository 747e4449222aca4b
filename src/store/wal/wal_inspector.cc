#include "store/wal/wal_inspector.h"

#include <algorithm>

#include "base/result.h"
#include "store/wal/crc32c.h"

namespace mesg::store::wal {
namespace {

// A fragment is: checksum (4 bytes, of the type and the payload), payload length (2), type (1),
// payload. Less than a header's room at the end of a block is filled with zeros.
constexpr std::size_t kHeaderBytes = 7;
enum FragmentType : std::uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// A write batch begins with its sequence number (8 bytes) and the number of its changes (4); the
// next batch has the sum of both.
constexpr std::size_t kBatchHeadBytes = 12;

// Every byte behind a damage is tried as the begin of a record. Real data needs some megabytes of
// checksums for that; the limit stops made-up data from holding up the start for minutes.
constexpr std::uint64_t kSearchBudget = std::uint64_t{1} << 30;

std::uint64_t LittleEndian(std::string_view bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

}  // namespace

WalInspector::WalInspector(Contents contents)
    : contents_(contents), search_budget_(kSearchBudget) {}

std::optional<WalInspector::Fragment> WalInspector::Parse(std::string_view rest) {
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const std::size_t length = LittleEndian(rest.substr(4), 2);
  const auto type = static_cast<std::uint8_t>(rest[6]);
  if (type < kFull || type > kLast || length > rest.size() - kHeaderBytes) return std::nullopt;
  // The type stands right before the payload, so one pass covers both.
  const auto stored = static_cast<std::uint32_t>(LittleEndian(rest, 4));
  if (MaskCrc(Crc32c(rest.substr(6, 1 + length))) != stored) return std::nullopt;
  return Fragment{type, kHeaderBytes + length, rest.substr(kHeaderBytes, length)};
}

void WalInspector::Add(std::string_view block) {
  MESG_CHECK(block.size() <= kBlockBytes && !short_block_seen_, "only the last block may be short");
  short_block_seen_ = block.size() < kBlockBytes;
  const std::uint64_t base = found_.size;
  found_.size += block.size();
  if (found_.DamagedInTheMiddle()) return;
  if (found_.damaged_at) {
    WalkBehindDamage(block, base);
  } else {
    Walk(block, base);
  }
}

void WalInspector::Walk(std::string_view block, std::uint64_t base) {
  if (zeros_at_) {
    if (AllZero(block)) return;
    Damage(*zeros_at_);
    WalkBehindDamage(block, base);
    return;
  }
  std::size_t at = 0;
  while (at < block.size()) {
    const std::string_view rest = block.substr(at);
    if (rest.size() < kHeaderBytes && block.size() == kBlockBytes) return;  // The filler.
    if (AllZero(rest.substr(0, kHeaderBytes)) && AllZero(rest)) {
      zeros_at_ = base + at;
      return;
    }
    const auto fragment = Parse(rest);
    if (!fragment) {
      Damage(base + at);
      Search(block, base, at + 1);
      return;
    }
    if (!Take(*fragment, base + at)) {
      Search(block, base, at);
      return;
    }
    at += fragment->size;
  }
}

/// False when the fragment is intact but does not belong there; the damage is then noted.
bool WalInspector::Take(const Fragment& fragment, std::uint64_t offset) {
  const bool begins = fragment.type == kFull || fragment.type == kFirst;
  if (begins == record_begin_.has_value()) {
    Damage(begins ? *record_begin_ : offset);
    return false;
  }
  if (begins) {
    record_begin_ = offset;
    record_head_.clear();
  }
  record_head_.append(fragment.payload.substr(0, kBatchHeadBytes - record_head_.size()));
  if (fragment.type == kFull || fragment.type == kLast) return EndRecord(offset, fragment.size);
  return true;
}

bool WalInspector::EndRecord(std::uint64_t offset, std::size_t size) {
  if (contents_ == Contents::kWriteBatches) {
    if (record_head_.size() < kBatchHeadBytes) {
      Damage(*record_begin_);
      return false;
    }
    const std::uint64_t sequence = LittleEndian(record_head_, 8);
    const std::uint64_t count = LittleEndian(std::string_view(record_head_).substr(8), 4);
    // RocksDB may begin a file with an empty batch that only notes a sequence number.
    if (next_sequence_ && sequence != *next_sequence_ && !last_was_empty_) {
      // A record in between has vanished, or this one is a leftover of an older file.
      if (sequence > *next_sequence_) found_.intact_after = record_begin_;
      Damage(*record_begin_);
      return false;
    }
    next_sequence_ = sequence + count;
    last_was_empty_ = count == 0;
  }
  found_.records += 1;
  found_.last_record = *record_begin_;
  found_.intact_size = offset + size;
  record_begin_.reset();
  return true;
}

void WalInspector::Damage(std::uint64_t offset) {
  found_.damaged_at = offset;
  record_begin_.reset();
}

void WalInspector::WalkBehindDamage(std::string_view block, std::uint64_t base) {
  std::size_t at = 0;
  while (block.size() - at >= kHeaderBytes) {
    const auto fragment = Parse(block.substr(at));
    if (!fragment) {
      if (!AllZero(block.substr(at))) Search(block, base, at + 1);
      return;
    }
    if (BeginsLaterRecord(*fragment)) {
      found_.intact_after = base + at;
      return;
    }
    at += fragment->size;
  }
}

void WalInspector::Search(std::string_view block, std::uint64_t base, std::size_t from) {
  for (std::size_t at = from; at + kHeaderBytes <= block.size(); ++at) {
    const auto type = static_cast<std::uint8_t>(block[at + 6]);
    if (type != kFull && type != kFirst) continue;
    const std::string_view rest = block.substr(at);
    const std::size_t length = LittleEndian(rest.substr(4), 2);
    if (length > rest.size() - kHeaderBytes) continue;
    if (length > search_budget_) {
      found_.search_exhausted = true;
      return;
    }
    search_budget_ -= length;
    const auto fragment = Parse(rest);
    if (fragment && BeginsLaterRecord(*fragment)) {
      found_.intact_after = base + at;
      return;
    }
  }
}

bool WalInspector::BeginsLaterRecord(const Fragment& fragment) const {
  if (fragment.type != kFull && fragment.type != kFirst) return false;
  if (contents_ == Contents::kOpaque) return true;
  // A payload may hold what looks like a record, for instance a copy of a log. A later record of
  // this file has a later sequence number than the damaged one, which has the next.
  if (fragment.payload.size() < kBatchHeadBytes) return fragment.type == kFirst;
  return !next_sequence_ || LittleEndian(fragment.payload, 8) > *next_sequence_;
}

Inspection WalInspector::Finish() {
  if (record_begin_) Damage(*record_begin_);
  return found_;
}

}  // namespace mesg::store::wal

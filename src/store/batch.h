#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesg::store {

/// The changes of one commit, in order; a later change of a key wins. Flat, so that thousands of
/// small changes cost one growing buffer.
class Batch {
 public:
  enum class Kind : std::uint8_t { kPut, kDelete, kDeleteRange };

  void Put(std::string_view key, std::string_view value) { Add(Kind::kPut, key, value); }
  void Delete(std::string_view key) { Add(Kind::kDelete, key, {}); }
  /// Removes every key in [from, to): nothing when `to` <= `from`, so also when `to` is empty.
  void DeleteRange(std::string_view from, std::string_view to) {
    Add(Kind::kDeleteRange, from, to);
  }

  /// A fact in stored form. Stores that ship a log (JetStream) append them; others ignore them.
  void AddRecord(std::string record) { records_.push_back(std::move(record)); }
  const std::vector<std::string>& Records() const { return records_; }

  /// visit(kind, key, value) for each change in order; for kDeleteRange `value` is the end.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    std::string_view rest = buffer_;
    for (const Header& header : headers_) {
      visit(header.kind, rest.substr(0, header.key), rest.substr(header.key, header.value));
      rest.remove_prefix(static_cast<std::size_t>(header.key) + header.value);
    }
  }

  bool empty() const { return headers_.empty() && records_.empty(); }
  std::size_t size() const { return headers_.size(); }
  /// What it weighs against Store::MaxBatchBytes.
  std::size_t bytes() const { return buffer_.size() + headers_.size() * sizeof(Header); }
  void clear() {
    buffer_.clear();
    headers_.clear();
    records_.clear();
  }

 private:
  struct Header {
    Kind kind;
    std::uint32_t key;
    std::uint32_t value;
  };
  void Add(Kind kind, std::string_view key, std::string_view value) {
    headers_.push_back(
        {kind, static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size())});
    buffer_.append(key).append(value);
  }
  std::string buffer_;
  std::vector<Header> headers_;
  std::vector<std::string> records_;
};

}  // namespace mesg::store

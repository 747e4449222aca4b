#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/keys.h"
#include "store/batch.h"
#include "store/store.h"

namespace mesg::engine {

/// The committed store, and over it what has been decided since: a value that was put is read back
/// before it is durable. What is kept in memory for as long as it lives needs no overlay; it goes
/// into Direct().
///
/// Threads: one. Lifetime: borrows `store`.
class Overlay {
 public:
  Overlay(const store::Store& store, std::uint64_t last_commit)
      : store_(store), taken_(last_commit) {}
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  Result<std::optional<std::string>> Get(const std::string& key) const;
  void Put(std::string key, std::string value);
  void Delete(std::string key);
  void DeleteRange(keys::Range range);
  /// The changes of the commit under construction, for what Get is never asked for.
  store::Batch& Direct() { return batch_; }
  const store::Batch& Direct() const { return batch_; }

  /// Closes the commit under construction; its number is the last one plus one.
  store::Batch Take();
  /// Everything up to `commit` is read from the store from now on.
  void Committed(std::uint64_t commit);
  const store::Store& Storage() const { return store_; }

 private:
  struct Value {
    std::uint64_t commit = 0;
    std::optional<std::string> value;
  };
  struct Range {
    std::uint64_t commit = 0;
    keys::Range range;
  };
  struct Keys {
    std::uint64_t commit = 0;
    std::vector<std::string> keys;
  };

  const store::Store& store_;
  store::Batch batch_;
  std::unordered_map<std::string, Value> values_;
  std::vector<Range> ranges_;  // Deleted: what the store still shows of them is gone too.
  std::vector<Keys> uncommitted_;
  std::vector<std::string> keys_;  // Of the commit under construction.
  std::uint64_t taken_;            // The last commit that was closed.
};

}  // namespace mesg::engine

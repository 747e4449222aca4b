#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "store/secrets/secret_file.h"

namespace mesg::store {

/// What may be shown of a secret: never its value.
struct SecretInfo {
  std::string name;
  TimePoint created{};
  TimePoint updated{};
  bool operator==(const SecretInfo&) const = default;
};

/// The named secrets of one Core, in one encrypted file.
///
/// A change is durable when its call returns, and not there at all when it fails; a failed sync of
/// the disk leaves open which, as the error says. No error and no log ever holds a value, nor a
/// name that is none, which may be a value in the wrong place.
///
/// Threads: any. Reading never waits for the disk. Lifetime: borrows `clock`.
class SecretStore {
 public:
  struct Options {
    std::filesystem::path file;             ///< Need not exist: there are no secrets then.
    std::filesystem::path key_file;         ///< Made with the first secret.
    std::filesystem::path passphrase_file;  ///< In the place of a key file; "": a key file.
    PassphraseCost cost = {};               ///< For a new file; an old one keeps its own.
  };

  /// Reads file and key. FailedPrecondition when others may read them, the key is missing or is not
  /// the right one, or the file wants another kind of key; DataLoss when one is damaged. Each names
  /// the file and what to do, and nothing was changed.
  static Result<std::unique_ptr<SecretStore>> Open(Options options, const Clock& clock);
  ~SecretStore();

  struct Outcome {
    SecretInfo secret;
    bool created = false;  ///< There was none of this name.
  };
  /// InvalidArgument for a wrong name, or a value that is empty, too large, or no UTF-8 text (it is
  /// to stand in JSON and environments, so no NUL either). ResourceExhausted for too many, too much
  /// or a full disk; FailedPrecondition for a disk that refuses.
  Result<Outcome> Set(std::string_view name, std::string_view value);

  /// NotFound, with the nearest name, when there is none.
  Result<void> Remove(std::string_view name);

  /// In the order of their names.
  std::vector<SecretInfo> List() const;

  /// The value: for a dispatch, and nothing else. Nothing when there is no such secret.
  Result<std::optional<std::string>> Get(std::string_view name) const;

 private:
  using Table = std::shared_ptr<const SecretTable>;
  struct Sealing;
  SecretStore(Options options, const Clock& clock, Sealing sealing, SecretTable table);

  /// Writes `entries`, then shows them to readers.
  Result<void> Keep(Sealing& sealing, const SecretTable::Entries& entries);
  Table Now() const;

  const Options options_;
  const Clock& clock_;
  std::unique_ptr<Guarded<Sealing>> sealing_;  // Its lock is the writers'.
  Guarded<Table> table_;
};

}  // namespace mesg::store

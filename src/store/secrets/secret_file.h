#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "store/secrets/locked_bytes.h"

namespace mesg::store {

inline constexpr std::size_t kMaxSecretName = 128;
inline constexpr std::size_t kMaxSecretValue = std::size_t{64} << 10;
inline constexpr std::size_t kMaxSecrets = 10'000;
/// Of all secrets of a Core together, names and times included: the file is written whole.
inline constexpr std::size_t kMaxSecretBytes = std::size_t{16} << 20;

/// [A-Za-z_][A-Za-z0-9_]*, at most kMaxSecretName.
bool IsSecretName(std::string_view name);

/// What Argon2id takes to make a key of a passphrase. Memory is used for a moment only.
struct PassphraseCost {
  std::uint64_t operations = 3;
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;
  bool operator==(const PassphraseCost&) const = default;
};

/// What the file says in the clear: how to come to its key.
struct SecretFileHeader {
  enum class KeyKind : std::uint8_t { kKeyFile = 1, kPassphrase = 2 };
  KeyKind key_kind = KeyKind::kKeyFile;
  PassphraseCost cost = {};  ///< Of a passphrase.
  std::string salt;          ///< kSaltBytes, random, of this file.
  bool operator==(const SecretFileHeader&) const = default;
};
inline constexpr std::size_t kSaltBytes = 16;
inline constexpr std::size_t kSecretKeyBytes = 32;

/// The secrets themselves, by name. Values lie in locked memory; immutable, so any thread may read.
class SecretTable {
 public:
  struct Entry {
    TimePoint created{};
    TimePoint updated{};
    std::string_view value;  ///< Lives as long as the table it is of.
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  SecretTable() = default;
  /// A copy of them all. ResourceExhausted when they are too many or too large.
  static Result<SecretTable> Of(const Entries& entries);
  /// Reads what `plain` returns. DataLoss for anything that `Of` would not have made.
  static Result<SecretTable> Parse(LockedBytes plain);

  const Entries& entries() const { return entries_; }
  /// The encoded form, which is what gets encrypted.
  const LockedBytes& plain() const { return plain_; }

 private:
  LockedBytes plain_;
  Entries entries_;  // Their values are in plain_.
};

/// A whole file: `header` in the clear, `table` encrypted under `key` (kSecretKeyBytes) and a new
/// nonce. All of it is authenticated as one, so that no part can come from another file.
std::string SealSecrets(const SecretFileHeader& header, const LockedBytes& key,
                        const SecretTable& table);

/// The header of a file. FailedPrecondition when a newer version wrote it, DataLoss when it is no
/// such file, or its checksum says that it is damaged.
Result<SecretFileHeader> ReadSecretHeader(std::string_view file);

/// What is in a file whose header was read. PermissionDenied when `key` is not the one it was
/// written with, or somebody changed the file and made its checksum right.
Result<SecretTable> UnsealSecrets(std::string_view file, const LockedBytes& key);

}  // namespace mesg::store

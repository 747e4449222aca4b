#include "store/secrets/secret_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <sodium.h>

#include "base/encoding.h"

namespace mesg::store {
namespace {

// The file: mark, version, header, nonce, ciphertext with its tag, checksum of all before it.
constexpr std::string_view kMark = "mesg-secrets";
constexpr char kVersion = 1;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kChecksumBytes = 32;
constexpr std::size_t kClearBytes = kMark.size() + 2 + 8 + 8 + kSaltBytes;  // Up to the nonce.
constexpr std::size_t kLeastBytes = kClearBytes + kNonceBytes + kTagBytes + kChecksumBytes;
static_assert(kSecretKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

// What a file may ask of the machine that opens it.
constexpr std::uint64_t kMostOperations = 1'000;
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 30;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Checksum(std::string_view bytes) {
  std::string sum(kChecksumBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(), Bytes(bytes),
                     bytes.size(), nullptr, 0);
  return sum;
}

/// Writes into memory that is large enough, numbers high byte first.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}
  void Number(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      *at_++ = static_cast<char>(value >> shift & 0xff);
    }
  }
  void Text(std::string_view text) { at_ = std::ranges::copy(text, at_).out; }

 private:
  char* at_;
};

/// Reads what Writer wrote; past the end everything is zero or empty, and it is not good any more.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  std::string_view Text(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::uint64_t Number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char c : Text(bytes)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

constexpr std::size_t kCountBytes = 4;
std::size_t EncodedSize(std::string_view name, std::string_view value) {
  return 1 + name.size() + 8 + 8 + 4 + value.size();
}

std::string EncodeClear(const SecretFileHeader& header) {
  std::string clear(kClearBytes, '\0');
  Writer writer(clear.data());
  writer.Text(kMark);
  writer.Number(static_cast<std::uint64_t>(kVersion), 1);
  writer.Number(static_cast<std::uint64_t>(header.key_kind), 1);
  writer.Number(header.cost.operations, 8);
  writer.Number(header.cost.memory_bytes, 8);
  writer.Text(header.salt);
  return clear;
}

bool IsSensible(const SecretFileHeader& header) {
  switch (header.key_kind) {
    case SecretFileHeader::KeyKind::kKeyFile:
      return header.cost == PassphraseCost{0, 0};
    case SecretFileHeader::KeyKind::kPassphrase:
      return header.cost.operations >= crypto_pwhash_argon2id_OPSLIMIT_MIN &&
             header.cost.operations <= kMostOperations &&
             header.cost.memory_bytes >= crypto_pwhash_argon2id_MEMLIMIT_MIN &&
             header.cost.memory_bytes <= kMostMemory;
  }
  return false;
}

Error Damaged(std::string_view why) {
  return DataLoss(
      "damaged, {}. Restore the file from a backup; or move it away, then its secrets are gone and "
      "must be set again",
      why);
}

}  // namespace

bool IsSecretName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kMaxSecretName && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<SecretTable> SecretTable::Of(const Entries& entries) {
  if (entries.size() > kMaxSecrets) {
    return ResourceExhausted("a Core keeps at most {} secrets: remove one with `mesg secret rm`",
                             kMaxSecrets);
  }
  std::size_t size = kCountBytes;
  for (const auto& [name, entry] : entries) size += EncodedSize(name, entry.value);
  if (size > kMaxSecretBytes) {
    return ResourceExhausted(
        "the secrets of a Core take at most {} MiB together: remove one with "
        "`mesg secret rm`",
        kMaxSecretBytes >> 20);
  }
  LockedBytes plain(size);
  Writer writer(plain.span().data());
  writer.Number(entries.size(), kCountBytes);
  for (const auto& [name, entry] : entries) {
    writer.Number(name.size(), 1);
    writer.Text(name);
    writer.Number(static_cast<std::uint64_t>(ToMicros(entry.created)), 8);
    writer.Number(static_cast<std::uint64_t>(ToMicros(entry.updated)), 8);
    writer.Number(entry.value.size(), 4);
    writer.Text(entry.value);
  }
  return Parse(std::move(plain));
}

Result<SecretTable> SecretTable::Parse(LockedBytes plain) {
  SecretTable table;
  table.plain_ = std::move(plain);
  Reader reader(table.plain_.view());
  const std::uint64_t count = reader.Number(kCountBytes);
  if (count > kMaxSecrets) return Damaged("it has too many secrets");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = reader.Text(reader.Number(1));
    Entry entry;
    entry.created = FromMicros(static_cast<std::int64_t>(reader.Number(8)));
    entry.updated = FromMicros(static_cast<std::int64_t>(reader.Number(8)));
    const std::uint64_t size = reader.Number(4);
    if (size > kMaxSecretValue) return Damaged("a value is too large");
    entry.value = reader.Text(size);
    if (!reader.good()) return Damaged("it ends too early");
    // In order, so that there is one form only and no name is there twice.
    const bool behind = table.entries_.empty() || table.entries_.rbegin()->first < name;
    if (!IsSecretName(name) || !behind) return Damaged("its names are out of order");
    table.entries_.emplace_hint(table.entries_.end(), name, entry);
  }
  if (!reader.done()) return Damaged("something stands behind its end");
  return table;
}

std::string SealSecrets(const SecretFileHeader& header, const LockedBytes& key,
                        const SecretTable& table) {
  MESG_CHECK(key.size() == kSecretKeyBytes && header.salt.size() == kSaltBytes &&
             IsSensible(header));
  // An empty table was never encoded; nothing is the same as a count of zero.
  const std::string_view none("\0\0\0\0", kCountBytes);
  const std::string_view plain = table.plain().size() == 0 ? none : table.plain().view();
  std::string file = EncodeClear(header);
  const std::string nonce = RandomBytes(kNonceBytes);
  file += nonce;
  const std::size_t begin = file.size();
  file.resize(begin + plain.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(file.data()) + begin,
                                             nullptr, Bytes(plain), plain.size(), Bytes(file),
                                             kClearBytes, nullptr, Bytes(nonce), key.bytes());
  return file += Checksum(file);
}

Result<SecretFileHeader> ReadSecretHeader(std::string_view file) {
  if (!file.starts_with(kMark) || file.size() <= kMark.size()) {
    return Damaged("it does not begin as a file of secrets does");
  }
  const auto version = static_cast<unsigned char>(file[kMark.size()]);
  if (version > kVersion) {
    return FailedPrecondition(
        "it was written by a newer version of Core (format {}, this one reads {}): start that "
        "version again",
        version, static_cast<int>(kVersion));
  }
  if (file.size() < kLeastBytes) return Damaged("it ends too early");
  const std::size_t end = file.size() - kChecksumBytes;
  if (Checksum(file.substr(0, end)) != file.substr(end)) return Damaged("its checksum is wrong");
  Reader reader(file.substr(kMark.size()));
  SecretFileHeader header;
  const bool known = reader.Number(1) == static_cast<std::uint64_t>(kVersion);
  header.key_kind = static_cast<SecretFileHeader::KeyKind>(reader.Number(1));
  header.cost.operations = reader.Number(8);
  header.cost.memory_bytes = reader.Number(8);
  header.salt = reader.Text(kSaltBytes);
  if (!known || !IsSensible(header)) return Damaged("its header makes no sense");
  return header;
}

Result<SecretTable> UnsealSecrets(std::string_view file, const LockedBytes& key) {
  MESG_CHECK(key.size() == kSecretKeyBytes && file.size() >= kLeastBytes);
  const std::string_view clear = file.substr(0, kClearBytes);
  const std::string_view nonce = file.substr(kClearBytes, kNonceBytes);
  const std::string_view cipher = file.substr(
      kClearBytes + kNonceBytes, file.size() - kChecksumBytes - kClearBytes - kNonceBytes);
  LockedBytes plain(cipher.size() - kTagBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes(), nullptr, nullptr, Bytes(cipher),
                                                 cipher.size(), Bytes(clear), clear.size(),
                                                 Bytes(nonce), key.bytes()) != 0) {
    return PermissionDenied("the key does not open it");
  }
  return SecretTable::Parse(std::move(plain));
}

}  // namespace mesg::store

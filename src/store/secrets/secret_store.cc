#include "store/secrets/secret_store.h"

#include <utility>

#include "base/encoding.h"
#include "base/private_file.h"
#include "store/secrets/secret_key.h"

namespace mesg::store {

using KeyKind = SecretFileHeader::KeyKind;

/// What the next file is written with.
struct SecretStore::Sealing {
  SecretFileHeader header;
  LockedBytes key;  // Empty until a key file is made, with the first secret.
};

namespace {

Error InvalidName() {
  return InvalidArgument(
             "the name of a secret is letters, digits and _, not a digit first, at most {} of them",
             kMaxSecretName)
      .Because("SECRET_NAME_INVALID");
}

Result<void> CheckValue(std::string_view value) {
  if (value.empty()) return InvalidArgument("the value of a secret cannot be empty");
  if (value.size() > kMaxSecretValue) {
    return InvalidArgument("the value of a secret has at most {} KiB, this one has {} bytes",
                           kMaxSecretValue >> 10, value.size());
  }
  if (!IsUtf8(value) || value.find('\0') != std::string_view::npos) {
    return InvalidArgument(
        "the value of a secret is text (UTF-8 without NUL): encode other bytes, in base64 for "
        "example");
  }
  return {};
}

/// The whole file; nothing when there is none.
Result<std::optional<std::string>> ReadWhole(const std::filesystem::path& path) {
  constexpr std::size_t kMost = kMaxSecretBytes + 4096;  // With what is around them.
  const std::optional<PrivateFile> file = MESG_TRY(PrivateFile::Open(path));
  if (!file) return std::optional<std::string>();
  if (file->size() > kMost)
    return DataLoss("damaged, the file is larger than it can be: restore it from a backup");
  std::string bytes(file->size(), '\0');
  bytes.resize(MESG_TRY(file->Read(bytes)));
  return std::optional<std::string>(std::move(bytes));
}

Result<LockedBytes> SecretOf(const SecretStore::Options& options, KeyKind kind) {
  const bool passphrase = !options.passphrase_file.empty();
  if (passphrase != (kind == KeyKind::kPassphrase)) {
    return FailedPrecondition(
        "it was written with a {}: start Core {} secrets_passphrase_file, or move the file away, "
        "then its secrets are gone and must be set again",
        passphrase ? "key file" : "passphrase", passphrase ? "without" : "with");
  }
  if (passphrase) return ReadPassphrase(options.passphrase_file);
  std::optional<LockedBytes> secret = MESG_TRY(ReadKeyFile(options.key_file));
  if (secret) return *std::move(secret);
  return FailedPrecondition(
      "its key {} does not exist: restore it from a backup; or move the file of secrets away, then "
      "its secrets are gone and must be set again",
      options.key_file.string());
}

Error WrongKey(const SecretStore::Options& options) {
  const bool passphrase = !options.passphrase_file.empty();
  return FailedPrecondition(
      "the {} in {} does not open it: it is not the one it was written with, or somebody changed "
      "the file. Give the right one; or move the file away, then its secrets are gone and must be "
      "set again",
      passphrase ? "passphrase" : "key",
      (passphrase ? options.passphrase_file : options.key_file).string());
}

Error About(const SecretStore::Options& options, Error error) {
  return Annotate(std::move(error), fmt::format("the secrets in {}", options.file.string()));
}

struct Opened {
  SecretFileHeader header;
  LockedBytes key;
  SecretTable table;
};

Result<Opened> OpenFile(const SecretStore::Options& options, std::string_view bytes) {
  Opened opened;
  opened.header = MESG_TRY(ReadSecretHeader(bytes));
  const LockedBytes secret = MESG_TRY(SecretOf(options, opened.header.key_kind));
  opened.key = MESG_TRY(DeriveKey(opened.header, secret));
  Result<SecretTable> table = UnsealSecrets(bytes, opened.key);
  if (!table && table.error().code == Code::kPermissionDenied) return WrongKey(options);
  opened.table = MESG_TRY(std::move(table));
  return opened;
}

/// What a first file will be written with. Whatever is wrong with the key is said now.
Result<Opened> Begin(const SecretStore::Options& options) {
  const bool passphrase = !options.passphrase_file.empty();
  Opened opened;
  opened.header = {.key_kind = passphrase ? KeyKind::kPassphrase : KeyKind::kKeyFile,
                   .cost = passphrase ? options.cost : PassphraseCost{0, 0},
                   .salt = RandomBytes(kSaltBytes)};
  std::optional<LockedBytes> secret;
  if (passphrase) {
    secret = MESG_TRY(ReadPassphrase(options.passphrase_file));
  } else {
    secret = MESG_TRY(ReadKeyFile(options.key_file));
  }
  if (secret) opened.key = MESG_TRY(DeriveKey(opened.header, *secret));
  return opened;
}

SecretInfo InfoOf(const SecretTable::Entries::value_type& entry) {
  return {entry.first, entry.second.created, entry.second.updated};
}

}  // namespace

Result<std::unique_ptr<SecretStore>> SecretStore::Open(Options options, const Clock& clock) {
  const Result<std::optional<std::string>> bytes = ReadWhole(options.file);
  if (!bytes) return About(options, bytes.error());
  Result<Opened> opened = *bytes ? OpenFile(options, **bytes) : Begin(options);
  if (!opened) return About(options, std::move(opened).error());
  return std::unique_ptr<SecretStore>(new SecretStore(
      std::move(options), clock, {std::move(opened->header), std::move(opened->key)},
      std::move(opened->table)));
}

SecretStore::SecretStore(Options options, const Clock& clock, Sealing sealing, SecretTable table)
    : options_(std::move(options)),
      clock_(clock),
      sealing_(std::make_unique<Guarded<Sealing>>(std::move(sealing))),
      table_(std::make_shared<const SecretTable>(std::move(table))) {}

SecretStore::~SecretStore() = default;

SecretStore::Table SecretStore::Now() const {
  return table_.With([](const Table& table) { return table; });
}

Result<void> SecretStore::Keep(Sealing& sealing, const SecretTable::Entries& entries) {
  SecretTable table = MESG_TRY(SecretTable::Of(entries));
  if (sealing.key.size() == 0) {
    const LockedBytes secret = MESG_TRY(MakeKeyFile(options_.key_file));
    sealing.key = MESG_TRY(DeriveKey(sealing.header, secret));
  }
  MESG_TRY(ReplacePrivateFile(options_.file, SealSecrets(sealing.header, sealing.key, table)));
  // Readers of the former table keep it, with the values in it, until they are done.
  auto next = std::make_shared<const SecretTable>(std::move(table));
  table_.With([&](Table& now) { now.swap(next); });
  return {};
}

Result<SecretStore::Outcome> SecretStore::Set(std::string_view name, std::string_view value) {
  if (!IsSecretName(name)) return InvalidName();
  MESG_TRY(CheckValue(value));
  return sealing_->With([&](Sealing& sealing) -> Result<Outcome> {
    const Table before = Now();
    SecretTable::Entries entries = before->entries();
    const auto [entry, created] = entries.try_emplace(std::string(name));
    entry->second.updated = clock_.Now();
    if (created) entry->second.created = entry->second.updated;
    entry->second.value = value;
    MESG_TRY(Keep(sealing, entries));
    return Outcome{InfoOf(*entry), created};
  });
}

Result<void> SecretStore::Remove(std::string_view name) {
  if (!IsSecretName(name)) return InvalidName();
  return sealing_->With([&](Sealing& sealing) -> Result<void> {
    const Table before = Now();
    SecretTable::Entries entries = before->entries();
    const auto found = entries.find(name);
    if (found == entries.end()) {
      std::vector<std::string_view> names;
      for (const auto& [known, entry] : entries) names.push_back(known);
      const std::string_view nearest = Nearest(name, names);
      return NotFound("there is no secret {}{}", name,
                      nearest.empty() ? ": `mesg secret list` shows what there is"
                                      : fmt::format(", did you mean {}?", nearest))
          .Because("SECRET_NOT_FOUND");
    }
    entries.erase(found);
    return Keep(sealing, entries);
  });
}

std::vector<SecretInfo> SecretStore::List() const {
  const Table table = Now();
  std::vector<SecretInfo> all;
  for (const auto& entry : table->entries()) all.push_back(InfoOf(entry));
  return all;
}

Result<std::optional<std::string>> SecretStore::Get(std::string_view name) const {
  if (!IsSecretName(name)) return InvalidName();
  const Table table = Now();
  const auto found = table->entries().find(name);
  if (found == table->entries().end()) return std::optional<std::string>();
  return std::optional<std::string>(std::string(found->second.value));
}

}  // namespace mesg::store

#include "store/secrets/secret_key.h"

#include <sodium.h>

#include "base/private_file.h"

namespace mesg::store {
namespace {

constexpr std::size_t kMaxPassphrase = 1024;
static_assert(kSaltBytes == crypto_pwhash_argon2id_SALTBYTES);

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::optional<LockedBytes>> ReadKeyFile(const std::filesystem::path& file) {
  const std::optional<PrivateFile> there = MESG_TRY(PrivateFile::Open(file));
  if (!there) return std::optional<LockedBytes>();
  LockedBytes secret(kSecretKeyBytes + 1);
  const std::size_t size = MESG_TRY(there->Read(secret.span()));
  if (size != kSecretKeyBytes) {
    return DataLoss("{} is no key of secrets, it has not {} bytes: restore it from a backup",
                    file.string(), kSecretKeyBytes);
  }
  secret.Shrink(size);
  return std::optional<LockedBytes>(std::move(secret));
}

Result<LockedBytes> MakeKeyFile(const std::filesystem::path& file) {
  LockedBytes secret(kSecretKeyBytes);
  randombytes_buf(secret.bytes(), secret.size());
  const Result<void> created = CreatePrivateFile(file, secret.view());
  if (created) return secret;
  if (created.error().code != Code::kAlreadyExists) return created.error();
  std::optional<LockedBytes> other = MESG_TRY(ReadKeyFile(file));
  if (!other) return FailedPrecondition("{} comes and goes", file.string());
  return *std::move(other);
}

Result<LockedBytes> ReadPassphrase(const std::filesystem::path& file) {
  const std::optional<PrivateFile> there = MESG_TRY(PrivateFile::Open(file));
  if (!there) return FailedPrecondition("{} with the passphrase does not exist", file.string());
  LockedBytes passphrase(kMaxPassphrase + 2);
  passphrase.Shrink(MESG_TRY(there->Read(passphrase.span())));
  if (passphrase.view().ends_with('\n')) passphrase.Shrink(passphrase.size() - 1);
  if (passphrase.view().ends_with('\r')) passphrase.Shrink(passphrase.size() - 1);
  if (passphrase.size() == 0) return FailedPrecondition("{} has no passphrase", file.string());
  if (passphrase.size() > kMaxPassphrase) {
    return FailedPrecondition("the passphrase in {} is longer than {} bytes", file.string(),
                              kMaxPassphrase);
  }
  return passphrase;
}

Result<LockedBytes> DeriveKey(const SecretFileHeader& header, const LockedBytes& secret) {
  LockedBytes key(kSecretKeyBytes);
  switch (header.key_kind) {
    case SecretFileHeader::KeyKind::kKeyFile:
      crypto_generichash(key.bytes(), key.size(), Bytes(header.salt), header.salt.size(),
                         secret.bytes(), secret.size());
      return key;
    case SecretFileHeader::KeyKind::kPassphrase:
      if (crypto_pwhash(key.bytes(), key.size(), secret.view().data(), secret.size(),
                        Bytes(header.salt), header.cost.operations, header.cost.memory_bytes,
                        crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return ResourceExhausted("no memory to make a key of the passphrase: it takes {} MiB",
                                 header.cost.memory_bytes >> 20);
      }
      return key;
  }
  return Internal("a key of no kind");
}

}  // namespace mesg::store

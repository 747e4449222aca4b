#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sodium.h>

#include "store/secrets/secret_file.h"

// Reads any bytes as a file, as a file whose checksum is right, and as what was encrypted: what is
// taken must be exactly what would be written. Then changes a byte of a good file.

namespace mesg::store {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Resum(std::string& file) {
  if (file.size() < 32) return;
  const std::size_t end = file.size() - 32;
  crypto_generichash(reinterpret_cast<unsigned char*>(file.data()) + end, 32,
                     reinterpret_cast<const unsigned char*>(file.data()), end, nullptr, 0);
}

void ReadFile(std::string_view file, const LockedBytes& key) {
  const auto header = ReadSecretHeader(file);
  if (header) Require(!UnsealSecrets(file, key));  // Nobody guesses a tag.
}

void ReadPlain(std::string_view plain) {
  const auto table = SecretTable::Parse(LockedBytes(plain));
  if (!table) return;
  for (const auto& [name, entry] : table->entries()) {
    Require(IsSecretName(name) && entry.value.size() <= kMaxSecretValue);
  }
  const auto again = SecretTable::Of(table->entries());
  Require(again && again->plain().view() == plain);
}

void ChangeAByte(std::string_view input, const LockedBytes& key) {
  if (input.size() < 4) return;
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(input[i] & 0xff); };
  SecretTable::Entries entries;
  entries["name"].value = input.substr(0, kMaxSecretValue);
  const SecretFileHeader header = {
      SecretFileHeader::KeyKind::kKeyFile, {0, 0}, std::string(kSaltBytes, 's')};
  std::string file = SealSecrets(header, key, *SecretTable::Of(entries));
  Require(UnsealSecrets(file, key)->entries().at("name").value == entries["name"].value);
  const std::size_t at = (byte(0) << 16 | byte(1) << 8 | byte(2)) % file.size();
  file[at] = static_cast<char>(file[at] ^ static_cast<char>(byte(3) == 0 ? 1 : byte(3)));
  Require(!ReadSecretHeader(file));
  if (at >= file.size() - 32) return;
  Resum(file);
  ReadFile(file, key);
}

}  // namespace
}  // namespace mesg::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mesg::store;
  static const LockedBytes key(std::string(kSecretKeyBytes, 'k'));
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ReadFile(input, key);
  std::string file =
      "mesg-secrets" + std::string(1, '\1') + std::string(input) + std::string(32, '\0');
  Resum(file);
  ReadFile(file, key);
  ReadPlain(input);
  ChangeAByte(input, key);
  return 0;
}

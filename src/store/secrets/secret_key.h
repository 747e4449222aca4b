#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "store/secrets/locked_bytes.h"
#include "store/secrets/secret_file.h"

namespace mesg::store {

/// The secret that a key file holds, kSecretKeyBytes. Nothing when there is no such file.
///
/// FailedPrecondition when it cannot be read or others can; DataLoss when it has another size.
Result<std::optional<LockedBytes>> ReadKeyFile(const std::filesystem::path& file);

/// Makes one at random, durably, with the folders above it; what is there when somebody else was
/// faster. Errors as ReadKeyFile and CreatePrivateFile.
Result<LockedBytes> MakeKeyFile(const std::filesystem::path& file);

/// A passphrase from a file or, as /dev/fd/N, from a descriptor; one line end behind it is not part
/// of it. FailedPrecondition when it is missing, empty, longer than 1 KiB, or others can read it.
Result<LockedBytes> ReadPassphrase(const std::filesystem::path& file);

/// The key of the file with this header, from the secret in the key file or the passphrase.
/// ResourceExhausted when there is no memory for the passphrase's cost.
Result<LockedBytes> DeriveKey(const SecretFileHeader& header, const LockedBytes& secret);

}  // namespace mesg::store

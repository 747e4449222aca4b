#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

/// How the values of the configuration are written. InvalidArgument says what is expected, without
/// naming the setting.
namespace mesg::daemon {

/// "4MiB", "512 KiB", "10GB", "4096": bytes. KiB, MiB, GiB and TiB count by 1,024, kB, MB, GB and
/// TB by 1,000. Whole bytes only.
Result<std::uint64_t> ParseSize(std::string_view text);

/// The shortest text ParseSize reads back as the same value.
std::string FormatSize(std::uint64_t bytes);

/// "100000", "100_000".
Result<std::uint64_t> ParseCount(std::string_view text);

Result<double> ParseReal(std::string_view text);

/// true, false, yes, no, on, off, 1, 0.
Result<bool> ParseBool(std::string_view text);

}  // namespace mesg::daemon

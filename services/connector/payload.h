#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connector/input.h"
#include "mesg/json.h"

namespace mesg::services {

/// What one event may carry of an outside message: as base64, with the rest, it must still fit
/// Core's limit of 4 MiB for a value.
inline constexpr std::size_t kMostPayload = 2 * 1024 * 1024;

/// Adds the fields that stand for the bytes of an outside message: `payload`, as text or, with
/// `base64` true, in base64; `cut`, how many bytes it had, when it was longer than kMostPayload and
/// only its beginning is here.
void AddPayload(sdk::JsonObject& event, std::string_view bytes);

/// The bytes that the input `payload` of a task stands for: text as it is, or out of base64,
/// anything else as JSON; none when it is missing. InvalidArgument names the input.
Result<std::string> PayloadOf(const Input& payload, bool base64);

}  // namespace mesg::services

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "runtime/fetch/limits.h"

namespace mesg::runtime {

/// What Core asks of mesg-fetch: one JSON line on its standard input.
struct HelperRequest {
  enum class Task : std::uint8_t {
    kUnpack,    ///< `from` is a .tar.gz file; `into` becomes a folder.
    kClone,     ///< `from` is a git URL; `into` becomes a folder with the files of `ref`.
    kDownload,  ///< `from` is an http(s) URL; `into` becomes a file.
  };
  Task task = Task::kUnpack;
  std::string from;
  std::string ref = {};
  std::string into;
  FetchLimits limits = {};
};

/// What mesg-fetch answers: any number of Progress lines, then one Done or Error.
struct HelperProgress {
  std::string text;
};
struct HelperDone {
  std::string commit = {};  ///< Of a clone: the full id.
};
using HelperMessage = std::variant<HelperProgress, HelperDone, Error>;

/// JSON without a line end.
std::string Encode(const HelperRequest& request);
std::string Encode(const HelperMessage& message);

/// InvalidArgument for anything that Encode does not write.
Result<HelperRequest> DecodeHelperRequest(std::string_view line);
Result<HelperMessage> DecodeHelperMessage(std::string_view line);

}  // namespace mesg::runtime

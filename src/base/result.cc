#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace mesg {

std::string_view Name(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "CANCELLED";
    case Code::kUnknown:
      return "UNKNOWN";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kAborted:
      return "ABORTED";
    case Code::kOutOfRange:
      return "OUT_OF_RANGE";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDataLoss:
      return "DATA_LOSS";
    case Code::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Error Annotate(Error error, std::string_view doing) {
  error.message = fmt::format("{}: {}", doing, error.message);
  return error;
}

namespace internal {

void DieOnWrongResultAccess(const Error* error) {
  std::fprintf(
      stderr, "mesg: bug: %s\n",
      error ? fmt::format("the value of a failed Result was read: {}", error->message).c_str()
            : "the error of a successful Result was read");
  std::abort();
}

void DieOnBrokenInvariant(const char* condition, const char* file, int line,
                          const std::string& why) {
  std::fprintf(stderr, "mesg: bug: %s does not hold at %s:%d%s%s\n", condition, file, line,
               why.empty() ? "" : ": ", why.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace mesg

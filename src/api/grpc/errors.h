#pragma once

#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

#include "base/result.h"
#include "mesg/v1/events.pb.h"

namespace mesg::api {

/// The status a call ends with: the canonical code, the message, and as details (the trailer
/// `grpc-status-details-bin`) a google.rpc.Status with ErrorInfo{reason, domain "mesg"} and one
/// BadRequest violation per field. Cut to what the 8 KiB of trailers that clients take can hold;
/// what was left out is counted in a last violation.
grpc::Status ToStatus(const Error& error);

/// The same for an error inside a stream that goes on, uncut.
void ToWire(const Error& error, v1::CallError& wire);

/// `text` with everything that is not UTF-8 replaced: what a `string` field takes.
std::string ToUtf8(std::string_view text);

}  // namespace mesg::api

#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "http/request.h"

namespace mesg::services::http {

/// Performs requests with libcurl, all on one thread of its own.
///
/// Only http and https, also after redirects; certificates are always verified. Any thread.
class Client {
 public:
  /// Called once, on the client's thread. Errors: InvalidArgument and FailedPrecondition when
  /// another try would fail the same way (bad URL, untrusted certificate, too many redirects, too
  /// large); Unavailable, DeadlineExceeded and Cancelled otherwise.
  using Done = std::function<void(Result<Response>)>;

  /// `ca_file` "" trusts the system's certificates.
  explicit Client(std::string ca_file = {});
  /// Ends what is under way with Cancelled.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// A number to Cancel it by.
  std::uint64_t Start(Request request, Done done);
  /// Ends it with Cancelled, unless it has ended.
  void Cancel(std::uint64_t number);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace mesg::services::http

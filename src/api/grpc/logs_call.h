#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "api/grpc/pull_stream.h"
#include "mesg/v1/services.pb.h"
#include "runtime/services/service_manager.h"

namespace mesg::api {

/// One Logs: what is kept, then, when it follows, each line as it is written, until the client or
/// the instance leaves. A client that reads slowly is told how many lines it did not get.
class LogsCall final : public PullStream<grpc::ServerWriteReactor<v1::ServiceLogsResponse>,
                                         v1::ServiceLogsResponse> {
 public:
  /// Bytes that may wait for a slow client, beside what was kept before it came.
  static constexpr std::size_t kMaxWaiting = 4 << 20;

  LogsCall(std::shared_ptr<Gate> gate, runtime::ServiceManager& services,
           const v1::ServiceLogsRequest& request)
      : PullStream(std::move(gate)),
        services_(services),
        service_(request.service()),
        tail_(request.tail()),
        follow_(request.follow()) {}

  void OnCancel() override;

 private:
  void Open() override;
  bool Fill(v1::ServiceLogsResponse& response) override;
  void Closing() override;
  void Over() override;

  Result<void> Follow();
  /// From the supervisor's thread.
  void Take(const std::vector<runtime::LogLine>& lines);
  std::shared_ptr<LogsCall> Self() {
    return std::static_pointer_cast<LogsCall>(shared_from_this());
  }

  runtime::ServiceManager& services_;
  const std::string service_;
  const std::size_t tail_;
  const bool follow_;
  std::unique_ptr<runtime::LogSubscription> subscription_;
  std::shared_ptr<void> watch_;
  // Under mutex().
  std::deque<runtime::LogLine> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool began_ = false;
};

}  // namespace mesg::api

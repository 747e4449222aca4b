#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "api/grpc/context.h"
#include "api/grpc/pull_stream.h"
#include "broker/broker.h"
#include "mesg/v1/runs.pb.h"

namespace mesg::api {

/// One Runs.Watch: a run with its steps each time it has moved, until it has ended; or the runs of
/// an application, by themselves, until the client leaves. Whoever reads slowly gets each run as it
/// is when there is room for it, and none is skipped.
class RunWatch final : public PullStream<grpc::ServerWriteReactor<v1::Run>, v1::Run> {
 public:
  RunWatch(Context& context, const v1::WatchRunsRequest& request);

  void OnCancel() override;

 private:
  class Sink;

  void Open() override;
  bool Fill(v1::Run& run) override;
  void Closing() override;
  void Over() override;

  void Moved(const engine::RunPtr& run);
  /// Reads the run and puts it into the queue, on a thread of the crew.
  void Read();

  std::shared_ptr<RunWatch> Self() {
    return std::static_pointer_cast<RunWatch>(shared_from_this());
  }

  broker::Broker& broker_;
  Crew& crew_;
  const v1::WatchRunsRequest request_;
  engine::RunId run_;
  std::shared_ptr<broker::RunSink> sink_;
  // Under mutex().
  std::deque<engine::RunId> order_;
  std::map<engine::RunId, engine::RunPtr> latest_;
  std::optional<v1::Run> read_;  // Of the one run that is watched.
  bool reading_ = false;
  bool moved_ = false;  // Since it was read.
};

}  // namespace mesg::api

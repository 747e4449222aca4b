#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/grpc/context.h"
#include "api/grpc/pull_stream.h"
#include "broker/broker.h"
#include "mesg/v1/runs.pb.h"

namespace mesg::api {

/// One Runs.Retry or Runs.Reset: batch by batch, each told as it is done, with a turn for others in
/// between. A client that leaves, or Core's stop, ends it behind a batch.
class RunBulk final
    : public PullStream<grpc::ServerWriteReactor<v1::RunsProgress>, v1::RunsProgress> {
 public:
  /// `reset_to`: the step to go back to; none retries.
  RunBulk(Context& context, const v1::RunSelection& selection, std::optional<std::string> reset_to);

  void OnCancel() override;

 private:
  void Open() override;
  bool Fill(v1::RunsProgress& progress) override;
  void Closing() override;

  Result<void> Check();
  /// Does one batch on a thread of the crew; the next follows when the client has heard of it.
  void Step();
  Result<bool> Batch(v1::RunsProgress& progress);
  Result<std::vector<engine::RunId>> Next();

  std::shared_ptr<RunBulk> Self() { return std::static_pointer_cast<RunBulk>(shared_from_this()); }

  broker::Broker& broker_;
  Crew& crew_;
  const v1::RunSelection selection_;
  const std::optional<std::string> reset_to_;
  std::vector<engine::RunId> ids_;
  std::size_t next_id_ = 0;
  broker::RunQuery query_;
  bool last_page_ = false;
  std::uint64_t matched_ = 0;
  std::uint64_t done_ = 0;
  // Under mutex().
  std::optional<v1::RunsProgress> told_;
  bool more_ = false;
};

}  // namespace mesg::api

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mesg::simulation {

/// Everything a run does to the broker that a good day would not. Each is counted, so that a run
/// that has stopped doing one is noticed.
enum class Fault : std::uint8_t {
  kCrash,
  kCommitLost,
  kCommitSurvived,
  kCommitTorn,
  kCommitStalled,
  kCommitFailed,
  kWorkerFails,
  kWorkerFailsForGood,
  kWorkerHangs,
  kWorkerAnswersLate,
  kWorkerAnswersTwice,
  kWorkerAnswersWithUnknownId,
  kWorkerRefuses,
  kWorkerDisconnects,
  kWorkerIgnoresCancel,
  kStaleVersion,
  kRepeatedEvent,
  kRepeatedExecution,
  kCancel,
  kDeadLetterRetried,
  kDeadLetterDropped,
  kUnknownResolved,
  kRedeploy,
  kWorkMoved,
  kUndeploy,
  kUndeployTakesSeveralCommits,
  kUndeployInterrupted,
  kSlowListener,
  kSubscriptionReconnects,
  kHistoryTrimmed,
  kLongPause,
  kApplicationReplaced,
  kApplicationPaused,
  kApplicationStopped,
  kApplicationDeleted,
  kTriggerBehind,
  kHelperOutOfOrder,
  kHelperAway,
  kHelperFails,
  kHelperSilent,
  kRunCancelled,
  kRunCancelledAgain,
  kRunRetried,
  kRunReset,
  kRunUndone,
  kStepCaught,
  kStepApproved,
  kStepRejected,
  kCount,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::kCount)> kFaultNames =
    {"crash",
     "commit lost",
     "commit survived unacknowledged",
     "commit torn",
     "commit stalled",
     "commit failed",
     "worker fails",
     "worker fails for good",
     "worker hangs",
     "worker answers late",
     "worker answers twice",
     "worker answers with unknown id",
     "worker refuses",
     "worker disconnects",
     "worker ignores cancel",
     "stale version",
     "repeated event",
     "repeated execution",
     "cancel",
     "dead letter retried",
     "dead letter dropped",
     "unknown outcome resolved",
     "redeploy",
     "work moved",
     "undeploy",
     "undeploy takes several commits",
     "undeploy interrupted",
     "slow listener",
     "subscription reconnects",
     "history trimmed",
     "long pause",
     "application replaced",
     "application paused",
     "application stopped",
     "application deleted",
     "trigger behind",
     "helper out of order",
     "helper away",
     "helper fails",
     "helper silent",
     "run cancelled",
     "run cancelled again",
     "run retried",
     "run reset",
     "run undone",
     "step caught",
     "step approved",
     "step rejected"};

class FaultCounts {
 public:
  void Add(Fault fault, std::uint64_t by = 1) { counts_[static_cast<std::size_t>(fault)] += by; }
  void Add(const FaultCounts& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t Of(std::size_t fault) const { return counts_[fault]; }
  std::size_t size() const { return counts_.size(); }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Fault::kCount)> counts_{};
};

}  // namespace mesg::simulation

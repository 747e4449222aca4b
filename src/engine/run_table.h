#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/expression/value.h"
#include "engine/overlay.h"
#include "engine/record.h"

namespace mesg::engine {

/// Applications and their runs, as decided. Runs stay in the store: in memory are those that moved
/// lately, and per open run only what it takes turns in or listens for. A million that wait cost
/// nothing until their time comes.
///
/// Changed by facts alone. Threads: one. Lifetime: borrows `overlay`.
class RunTable {
 public:
  explicit RunTable(Overlay& overlay) : overlay_(overlay) {}
  Result<void> Load(std::uint64_t open_runs);

  // Facts.
  void Put(ApplicationPut&& record);
  void Remove(const ApplicationGone& record);
  /// `is_new`: there was no such run.
  void Put(RunChanged&& record, bool is_new);
  void Remove(const RunForgotten& record);
  void Put(StepEnded&& record);
  void Put(ItemEnded&& record);
  void Remove(const ItemGone& record);
  void Put(CursorMoved&& record);
  void Put(ScheduleMoved&& record);
  void Put(WaiterPut&& record);
  void Remove(const WaiterGone& record);

  /// Writes the runs that changed into the commit under construction.
  void Seal();
  void Committed(std::uint64_t commit);
  std::size_t PendingBytes() const { return pending_bytes_; }

  // Applications.
  using Versions = std::map<std::pair<std::string, std::string>, ApplicationPtr>;
  const Versions& Applications() const { return applications_; }
  ApplicationPtr FindApplication(const std::string& name, const std::string& version) const;
  /// The version that takes triggers, or is paused, stopped or being deleted; null when there is
  /// none.
  ApplicationPtr CurrentApplication(const std::string& name) const;
  struct Count {
    std::uint64_t open = 0;
    std::uint64_t kept = 0;
  };
  /// Of all workflows of a version, or of one.
  Count Runs(const std::string& name, const std::string& version,
             const std::string& workflow = "") const;
  std::uint64_t OpenRuns() const { return open_runs_; }

  // Runs.
  /// Null when there is none, or none any more.
  Result<RunPtr> Find(const RunId& id) const;
  /// What a step gave, `number` 0: what started the run. Null (JSON) when it gave nothing.
  Result<app::Value> ValueOf(const RunId& id, std::uint32_t number) const;
  Result<std::optional<StepRecord>> FindStep(const RunId& id, std::uint32_t number) const;
  Result<std::optional<std::string>> FindItem(const RunId& id, std::uint32_t visit,
                                              std::uint32_t lane) const;

  // Turns.
  /// How a run stands in a lane. Stored: the numbers stay.
  enum class Turn : std::uint8_t {
    kWaiting = 0,
    kRunning = 1,
    kBlocked = 2,  ///< Waits in the lane before this one, too, and is not the first there.
  };
  /// The open runs of a lane, by their numbers.
  struct Lane {
    std::map<std::uint64_t, RunId> waiting;
    std::map<std::uint64_t, RunId> running;
    std::map<std::uint64_t, RunId> blocked;
    std::map<std::uint64_t, RunId>& Of(Turn turn);
    std::size_t size() const { return waiting.size() + running.size() + blocked.size(); }
    /// The one that waits, blocked or not, and was created first; none when none does.
    std::optional<RunId> Oldest() const;
  };
  /// Null when it has none.
  const Lane* LaneOf(const std::string& lane) const;

  // Times.
  /// The next time at which something is due; none when nothing is.
  std::optional<TimePoint> NextTimer() const;
  /// Runs that are due, at most `most`, those that wait longest first.
  Result<std::vector<RunId>> Due(TimePoint now, std::size_t most);

  // Events.
  using WaitingStep = std::pair<RunId, std::uint32_t>;  ///< Run and visit.
  bool HasWaiters(const std::string& service, const std::string& key) const;
  bool Waits(const std::string& service, const std::string& key, const WaitingStep& step) const;
  /// How many wait for an event with the same value at the same place.
  std::size_t CountWaiters(const std::string& service, const std::string& key,
                           std::uint64_t digest) const;
  /// Those an event with this data may be for, in order; their conditions say which it is for.
  std::set<WaitingStep> WaitersFor(const std::string& service, const std::string& key,
                                   const app::Value& data) const;
  Result<std::optional<std::string>> FindWaiter(const std::string& service, const std::string& key,
                                                const RunId& run, std::uint32_t visit) const;

  struct Cursor {
    std::uint64_t next = 0;
    std::string problem;
  };
  using WorkflowKey = std::pair<std::string, std::string>;  ///< Application, workflow.
  const std::map<WorkflowKey, Cursor>& Cursors() const { return cursors_; }
  const std::map<WorkflowKey, TimePoint>& Schedules() const { return schedules_; }

  /// Runs with a step whose expressions the helper evaluates.
  const std::set<RunId>& Evaluating() const { return evaluating_; }

 private:
  struct Cached {
    RunPtr run;
    std::map<std::uint32_t, app::Value> values;
    std::size_t weight = 0;  ///< Of all of it; of this the run:
    std::size_t run_weight = 0;
    bool dirty = false;
  };
  void Change(const RunPtr& before, const RunPtr& after);
  void Recount(const Run& run, int open, int kept);
  void MoveTimer(const RunId& id, std::optional<TimePoint> before, std::optional<TimePoint> after);
  Turn TurnIn(const std::string& lane, const Run& run) const;
  void TakeTurn(const Run& run);
  void Trim();
  Cached& Cache(const RunId& id, RunPtr run) const;
  bool IsCacheFull() const;
  void MakeRoom() const;
  Result<void> LoadMoreTimers();
  Result<void> LoadLanes();
  Result<void> LoadRest();

  Overlay& overlay_;
  Versions applications_;
  using CountKey = std::tuple<std::string, std::string, std::string>;
  std::map<CountKey, Count> counts_;  // Application, version, workflow.
  std::set<CountKey> recounted_;
  std::uint64_t open_runs_ = 0;

  // Filled by reading too.
  mutable std::unordered_map<RunId, Cached> cache_;
  mutable std::deque<RunId> cache_order_;
  mutable std::size_t cache_weight_ = 0;
  /// In which commit a step or item of a run was written last, as long as it may not be durable.
  std::unordered_map<RunId, std::uint64_t> written_;
  std::size_t kept_written_ = 0;
  std::vector<RunId> dirty_;
  std::size_t pending_bytes_ = 0;

  // Timers before the horizon; those beyond it are in the store only.
  std::set<std::pair<TimePoint, RunId>> near_;
  TimePoint horizon_ = TimePoint::max();
  // Beyond the horizon, and perhaps not readable yet.
  std::deque<std::pair<std::uint64_t, std::pair<TimePoint, RunId>>> far_;
  std::uint64_t sealed_ = 0;
  std::uint64_t committed_ = 0;

  std::map<std::string, Lane, std::less<>> lanes_;
  /// The steps that wait for one event of one service.
  struct Waiters {
    using Path = std::vector<std::string>;
    std::map<WaitingStep, std::pair<Path, std::uint64_t>> steps;
    std::map<std::uint64_t, std::set<WaitingStep>> by_digest;
    std::map<Path, std::size_t> paths;  ///< How many compare what stands there.
  };
  const Waiters* WaitersOf(const std::string& service, const std::string& key) const;
  void AddWaiter(const std::pair<std::string, std::string>& event, const WaitingStep& step,
                 const std::vector<std::string>& path, std::uint64_t digest);
  std::map<std::pair<std::string, std::string>, Waiters> waiters_;
  std::map<WorkflowKey, Cursor> cursors_;
  std::map<WorkflowKey, TimePoint> schedules_;
  std::set<RunId> evaluating_;
};

}  // namespace mesg::engine

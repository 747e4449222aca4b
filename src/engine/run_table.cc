#include "engine/run_table.h"

#include <algorithm>

#include "app/expression/expression.h"
#include "engine/keys.h"
#include "engine/message.h"
#include "mesg/stored/v1/records.pb.h"

namespace mesg::engine {
namespace {

namespace pb = mesg::stored::v1;

// What is kept of runs that moved lately.
constexpr std::size_t kCachedRuns = 16'384;
constexpr std::size_t kCachedBytes = std::size_t{64} << 20;

// Timers that are read ahead.
constexpr std::size_t kNearTimers = 65'536;

template <typename Visit>
Result<void> ForEach(const store::Store& store, keys::Table table, Visit&& visit) {
  const keys::Range range = keys::All(table);
  const auto cursor = store.Read(range.from, range.to);
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) {
    MESG_TRY(visit(cursor->Key(), cursor->Value()));
  }
  return cursor->Status();
}

template <typename Message>
Result<Message> Parse(std::string_view bytes, std::string_view what) {
  Message message;
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return message;
  return DataLoss("a stored {} of {} bytes cannot be read", what, bytes.size());
}

// "T name NUL rest"
Result<std::pair<std::string, std::string>> TwoNames(std::string_view key) {
  const std::size_t end = key.find('\0', 1);
  if (end == std::string_view::npos) return DataLoss("a stored key has no second name");
  return std::pair(std::string(key.substr(1, end - 1)), std::string(key.substr(end + 1)));
}

bool IsEvaluating(const Run& run) {
  return std::ranges::any_of(
      run.active, [](const Visit& visit) { return visit.state == VisitState::kEvaluating; });
}

std::size_t WeightOf(const Run& run) {
  constexpr std::size_t kFixed = 512;
  constexpr std::size_t kFixedVisit = 160;
  std::size_t weight = kFixed;
  for (const auto* visits : {&run.active, &run.interrupted}) {
    for (const Visit& visit : *visits) weight += kFixedVisit + visit.inputs.size();
  }
  return weight + (run.done.size() + run.undo.size()) * sizeof(Run::Done) +
         run.scopes.size() * sizeof(Run::Scope);
}

}  // namespace

// ---- Applications ----

void RunTable::Put(ApplicationPut&& record) {
  const Application& application = *record.application;
  overlay_.Direct().Put(keys::ApplicationRecord(application.name, application.version),
                        EncodeApplication(application));
  applications_[{application.name, application.version}] = std::move(record.application);
}

void RunTable::Remove(const ApplicationGone& record) {
  overlay_.Direct().Delete(keys::ApplicationRecord(record.name, record.version));
  applications_.erase({record.name, record.version});
}

ApplicationPtr RunTable::FindApplication(const std::string& name,
                                         const std::string& version) const {
  const auto found = applications_.find({name, version});
  return found == applications_.end() ? nullptr : found->second;
}

ApplicationPtr RunTable::CurrentApplication(const std::string& name) const {
  for (auto it = applications_.lower_bound({name, ""});
       it != applications_.end() && it->first.first == name; ++it) {
    if (it->second->state != Application::State::kReplaced) return it->second;
  }
  return nullptr;
}

RunTable::Count RunTable::Runs(const std::string& name, const std::string& version,
                               const std::string& workflow) const {
  Count sum;
  for (auto it = counts_.lower_bound({name, version, workflow}); it != counts_.end(); ++it) {
    const auto& [of_name, of_version, of_workflow] = it->first;
    if (of_name != name || of_version != version) break;
    if (!workflow.empty() && of_workflow != workflow) break;
    sum.open += it->second.open;
    sum.kept += it->second.kept;
  }
  return sum;
}

void RunTable::Recount(const Run& run, int open, int kept) {
  const CountKey key(run.application, run.version, run.workflow);
  Count& count = counts_[key];
  count.open += static_cast<std::uint64_t>(open);
  count.kept += static_cast<std::uint64_t>(kept);
  open_runs_ += static_cast<std::uint64_t>(open);
  recounted_.insert(key);
}

// ---- Runs ----

RunTable::Cached& RunTable::Cache(const RunId& id, RunPtr run) const {
  const auto [entry, is_new] = cache_.try_emplace(id);
  if (is_new) cache_order_.push_back(id);
  Cached& cached = entry->second;
  const std::size_t weight = WeightOf(*run);
  cached.weight += weight - cached.run_weight;
  cache_weight_ += weight - cached.run_weight;
  cached.run_weight = weight;
  cached.run = std::move(run);
  return cached;
}

bool RunTable::IsCacheFull() const {
  return cache_.size() > kCachedRuns || cache_weight_ > kCachedBytes;
}

// Readers may ask for many more runs than there is room for before the next commit. What it changes
// stays, and what somebody holds: it may be about to be changed.
void RunTable::MakeRoom() const {
  constexpr int kLookedAt = 4;
  for (int i = 0; i < kLookedAt && IsCacheFull() && !cache_order_.empty(); ++i) {
    const RunId id = cache_order_.front();
    cache_order_.pop_front();
    const auto found = cache_.find(id);
    if (found == cache_.end()) continue;
    if (found->second.dirty || found->second.run.use_count() > 1) {
      cache_order_.push_back(id);
      continue;
    }
    cache_weight_ -= found->second.weight;
    cache_.erase(found);
  }
}

Result<RunPtr> RunTable::Find(const RunId& id) const {
  if (const auto cached = cache_.find(id); cached != cache_.end()) return cached->second.run;
  const auto stored = MESG_TRY(overlay_.Get(keys::RunHead(id)));
  if (!stored) return RunPtr();
  RunPtr run = std::make_shared<const Run>(MESG_TRY(DecodeRun(*stored)));
  MakeRoom();
  Cache(id, run);
  return run;
}

Result<std::optional<StepRecord>> RunTable::FindStep(const RunId& id, std::uint32_t number) const {
  const auto stored = MESG_TRY(overlay_.Get(keys::RunStep(id, number)));
  if (!stored) return std::optional<StepRecord>();
  return std::optional<StepRecord>(MESG_TRY(DecodeStep(*stored)));
}

Result<app::Value> RunTable::ValueOf(const RunId& id, std::uint32_t number) const {
  const auto cached = cache_.find(id);
  if (cached != cache_.end()) {
    if (const auto known = cached->second.values.find(number);
        known != cached->second.values.end()) {
      return known->second;
    }
  }
  const auto step = MESG_TRY(FindStep(id, number));
  if (!step || step->output.empty()) return app::Value();
  app::Value value = MESG_TRY(app::Value::Read(step->output));
  if (cached != cache_.end()) {
    cached->second.values.emplace(number, value);
    cached->second.weight += step->output.size();
    cache_weight_ += step->output.size();
  }
  return value;
}

Result<std::optional<std::string>> RunTable::FindItem(const RunId& id, std::uint32_t visit,
                                                      std::uint32_t lane) const {
  return overlay_.Get(keys::RunItem(id, visit, lane));
}

void RunTable::Put(RunChanged&& record, bool is_new) {
  RunPtr before;
  if (!is_new) {
    auto found = Find(record.run->id);
    MESG_CHECK(static_cast<bool>(found), "a run that moves cannot be read: {}",
               found.error().message);
    before = *std::move(found);
  }
  Change(before, record.run);
  const RunId id = record.run->id;
  Cached& cached = Cache(id, std::move(record.run));
  if (!cached.dirty) {
    cached.dirty = true;
    dirty_.push_back(cached.run->id);
    pending_bytes_ += cached.run_weight;
  }
}

void RunTable::Change(const RunPtr& before, const RunPtr& after) {
  const Run& run = *after;
  const bool was_open = before != nullptr && !IsEnded(before->state);
  const bool is_open = !IsEnded(run.state);
  if (before == nullptr) {
    overlay_.Direct().Put(keys::RunByNumber(run.created_number), run.id.Bytes());
  }
  Recount(run, static_cast<int>(is_open) - static_cast<int>(was_open), before == nullptr ? 1 : 0);

  if (!is_open && (was_open || before == nullptr)) {
    const bool failed = run.state == RunState::kFailed;
    overlay_.Direct().Put(keys::EndedRun(failed, run.ended, run.id), "");
    if (failed) overlay_.Direct().Put(keys::FailedRun(run.created_number), run.id.Bytes());
  } else if (is_open && before != nullptr && !was_open) {  // Goes on by a retry.
    const bool failed = before->state == RunState::kFailed;
    overlay_.Direct().Delete(keys::EndedRun(failed, before->ended, run.id));
    if (failed) overlay_.Direct().Delete(keys::FailedRun(run.created_number));
  }
  MoveTimer(run.id, was_open ? before->Wake() : std::nullopt, is_open ? run.Wake() : std::nullopt);

  const bool was_evaluating = before != nullptr && IsEvaluating(*before);
  const bool is_evaluating = IsEvaluating(run);
  if (is_evaluating && !was_evaluating) {
    overlay_.Direct().Put(keys::Evaluating(run.id), "");
    evaluating_.insert(run.id);
  } else if (was_evaluating && !is_evaluating) {
    overlay_.Direct().Delete(keys::Evaluating(run.id));
    evaluating_.erase(run.id);
  }
  TakeTurn(run);
}

std::map<std::uint64_t, RunId>& RunTable::Lane::Of(Turn turn) {
  switch (turn) {
    case Turn::kRunning:
      return running;
    case Turn::kBlocked:
      return blocked;
    case Turn::kWaiting:
      break;
  }
  return waiting;
}

std::optional<RunId> RunTable::Lane::Oldest() const {
  if (waiting.empty() && blocked.empty()) return std::nullopt;
  if (waiting.empty()) return blocked.begin()->second;
  if (blocked.empty()) return waiting.begin()->second;
  return std::min(*waiting.begin(), *blocked.begin()).second;
}

RunTable::Turn RunTable::TurnIn(const std::string& lane, const Run& run) const {
  if (run.state != RunState::kQueued) return Turn::kRunning;
  if (lane == run.lanes.front()) return Turn::kWaiting;
  const Lane* const before = LaneOf(run.lanes.front());
  const bool first =
      before == nullptr ||
      (before->running.empty() &&
       (before->waiting.empty() || before->waiting.begin()->first >= run.created_number));
  return first ? Turn::kWaiting : Turn::kBlocked;
}

void RunTable::TakeTurn(const Run& run) {
  for (const std::string& name : run.lanes) {
    const std::string key = keys::Lane(name, run.created_number);
    const auto found = lanes_.find(name);
    if (IsEnded(run.state)) {
      if (found == lanes_.end()) continue;
      Lane& lane = found->second;
      if (lane.waiting.erase(run.created_number) + lane.running.erase(run.created_number) +
              lane.blocked.erase(run.created_number) >
          0) {
        overlay_.Direct().Delete(key);
      }
      if (lane.size() == 0) lanes_.erase(found);
      continue;
    }
    const Turn turn = TurnIn(name, run);
    Lane& lane = lanes_[name];
    if (!lane.Of(turn).emplace(run.created_number, run.id).second) continue;
    for (const Turn other : {Turn::kWaiting, Turn::kRunning, Turn::kBlocked}) {
      if (other != turn) lane.Of(other).erase(run.created_number);
    }
    std::string value(run.id.Bytes());
    value += static_cast<char>(turn);
    overlay_.Direct().Put(key, value);
  }
}

void RunTable::Remove(const RunForgotten& record) {
  const Run& run = *record.run;
  overlay_.Delete(keys::RunHead(run.id));
  // Its last step was long ago, as a rule.
  const bool is_fresh = written_.contains(run.id);
  for (keys::Range range : {keys::RunSteps(run.id), keys::RunItems(run.id)}) {
    if (is_fresh) {
      overlay_.DeleteRange(std::move(range));
    } else {
      overlay_.Direct().DeleteRange(range.from, range.to);
    }
  }
  overlay_.Direct().Delete(keys::RunByNumber(run.created_number));
  const bool failed = run.state == RunState::kFailed;
  overlay_.Direct().Delete(keys::EndedRun(failed, run.ended, run.id));
  if (failed) overlay_.Direct().Delete(keys::FailedRun(run.created_number));
  Recount(run, 0, -1);
  if (const auto cached = cache_.find(run.id); cached != cache_.end()) {
    cache_weight_ -= cached->second.weight;
    cache_.erase(cached);
    std::erase(dirty_, run.id);
  }
}

void RunTable::Put(StepEnded&& record) {
  if (const auto cached = cache_.find(record.run); cached != cache_.end()) {
    cached->second.values.erase(record.step.number);
  }
  written_[record.run] = sealed_ + 1;
  overlay_.Put(keys::RunStep(record.run, record.step.number), EncodeStep(record.step));
}

void RunTable::Remove(const ItemGone& record) {
  overlay_.Delete(keys::RunItem(record.run, record.visit, record.lane));
}

void RunTable::Put(ItemEnded&& record) {
  written_[record.run] = sealed_ + 1;
  overlay_.Put(keys::RunItem(record.run, record.visit, record.lane), std::move(record.value));
}

const RunTable::Lane* RunTable::LaneOf(const std::string& lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : &found->second;
}

// ---- Times ----

void RunTable::MoveTimer(const RunId& id, std::optional<TimePoint> before,
                         std::optional<TimePoint> after) {
  if (before == after) return;
  if (before) {
    overlay_.Direct().Delete(keys::Timer(*before, id));
    near_.erase({*before, id});
  }
  if (!after) return;
  overlay_.Direct().Put(keys::Timer(*after, id), "");
  if (*after < horizon_) {
    near_.emplace(*after, id);
  } else {
    far_.emplace_back(sealed_ + 1, std::pair(*after, id));
  }
}

std::optional<TimePoint> RunTable::NextTimer() const {
  if (!near_.empty()) return near_.begin()->first;
  if (horizon_ == TimePoint::max()) return std::nullopt;
  return horizon_;
}

Result<std::vector<RunId>> RunTable::Due(TimePoint now, std::size_t most) {
  if (near_.empty() && horizon_ <= now) MESG_TRY(LoadMoreTimers());
  std::vector<RunId> due;
  for (auto it = near_.begin(); it != near_.end() && it->first <= now && due.size() < most;) {
    due.push_back(it->second);
    // Of a run that has ended or moved on since it was read.
    const RunPtr run = MESG_TRY(Find(it->second));
    const bool stale = run == nullptr || IsEnded(run->state) || run->Wake() != it->first;
    if (stale) {
      due.pop_back();
      it = near_.erase(it);
    } else {
      ++it;
    }
  }
  return due;
}

Result<void> RunTable::LoadMoreTimers() {
  const keys::Range range = keys::All(keys::Table::kTimer);
  const auto cursor = overlay_.Storage().Read(range.from, range.to);
  std::size_t read = 0;
  const bool first = horizon_ == TimePoint::max();
  cursor->Seek(first ? range.from : keys::Timer(horizon_, RunId()));
  TimePoint last{};
  for (; cursor->Valid(); cursor->Next()) {
    const TimePoint time = FromMicros(static_cast<std::int64_t>(keys::NumberOf(cursor->Key())));
    // All of one time come together, so that the horizon is between two.
    if (read >= kNearTimers && time != last) break;
    const auto id = keys::IdAtEnd(cursor->Key());
    if (!id) return DataLoss("a stored timer has a key of {} bytes", cursor->Key().size());
    near_.emplace(time, *id);
    last = time;
    ++read;
  }
  MESG_TRY(cursor->Status());
  horizon_ = cursor->Valid() ? FromMicros(static_cast<std::int64_t>(keys::NumberOf(cursor->Key())))
                             : TimePoint::max();
  for (const auto& [commit, timer] : far_) {
    if (timer.first < horizon_) near_.insert(timer);
  }
  return {};
}

// ---- Events ----

void RunTable::AddWaiter(const std::pair<std::string, std::string>& event, const WaitingStep& step,
                         const std::vector<std::string>& path, std::uint64_t digest) {
  Waiters& waiters = waiters_[event];
  const auto [entry, is_new] = waiters.steps.try_emplace(step, path, digest);
  if (!is_new) return;
  ++waiters.paths[entry->second.first];
  waiters.by_digest[digest].insert(step);
}

void RunTable::Put(WaiterPut&& record) {
  AddWaiter({record.service, record.key}, {record.run, record.visit}, record.path, record.digest);
  overlay_.Put(keys::WaiterRecord(record.service, record.key, record.run, record.visit),
               std::move(record.waiter));
}

void RunTable::Remove(const WaiterGone& record) {
  const auto found = waiters_.find({record.service, record.key});
  if (found == waiters_.end()) return;
  Waiters& waiters = found->second;
  const auto step = waiters.steps.find({record.run, record.visit});
  if (step == waiters.steps.end()) return;
  const auto& [path, digest] = step->second;
  const auto of_path = waiters.paths.find(path);
  if (--of_path->second == 0) waiters.paths.erase(of_path);
  const auto same = waiters.by_digest.find(digest);
  same->second.erase(step->first);
  if (same->second.empty()) waiters.by_digest.erase(same);
  waiters.steps.erase(step);
  if (waiters.steps.empty()) waiters_.erase(found);
  overlay_.Delete(keys::WaiterRecord(record.service, record.key, record.run, record.visit));
}

const RunTable::Waiters* RunTable::WaitersOf(const std::string& service,
                                             const std::string& key) const {
  if (waiters_.empty()) return nullptr;
  const auto found = waiters_.find({service, key});
  return found == waiters_.end() ? nullptr : &found->second;
}

bool RunTable::HasWaiters(const std::string& service, const std::string& key) const {
  return WaitersOf(service, key) != nullptr;
}

bool RunTable::Waits(const std::string& service, const std::string& key,
                     const WaitingStep& step) const {
  const Waiters* const waiters = WaitersOf(service, key);
  return waiters != nullptr && waiters->steps.contains(step);
}

std::size_t RunTable::CountWaiters(const std::string& service, const std::string& key,
                                   std::uint64_t digest) const {
  const Waiters* const waiters = WaitersOf(service, key);
  if (waiters == nullptr) return 0;
  const auto same = waiters->by_digest.find(digest);
  return same == waiters->by_digest.end() ? 0 : same->second.size();
}

std::set<RunTable::WaitingStep> RunTable::WaitersFor(const std::string& service,
                                                     const std::string& key,
                                                     const app::Value& data) const {
  std::set<WaitingStep> steps;
  const Waiters* const waiters = WaitersOf(service, key);
  if (waiters == nullptr) return steps;
  for (const auto& [path, count] : waiters->paths) {
    std::uint64_t digest = 0;
    if (!path.empty()) {
      const auto value = app::Correlation::At(path, data);
      if (!value) continue;
      digest = app::Correlation::Digest(path, *value);
    }
    const auto same = waiters->by_digest.find(digest);
    if (same != waiters->by_digest.end()) steps.insert(same->second.begin(), same->second.end());
  }
  return steps;
}

Result<std::optional<std::string>> RunTable::FindWaiter(const std::string& service,
                                                        const std::string& key, const RunId& run,
                                                        std::uint32_t visit) const {
  return overlay_.Get(keys::WaiterRecord(service, key, run, visit));
}

void RunTable::Put(CursorMoved&& record) {
  const std::string key = keys::Cursor(record.application, record.workflow);
  const WorkflowKey workflow(std::move(record.application), std::move(record.workflow));
  if (!record.next) {
    overlay_.Direct().Delete(key);
    cursors_.erase(workflow);
    return;
  }
  pb::TriggerCursor message;
  message.set_next(*record.next);
  message.set_problem(record.problem);
  overlay_.Direct().Put(key, message.SerializeAsString());
  cursors_[workflow] = {*record.next, std::move(record.problem)};
}

void RunTable::Put(ScheduleMoved&& record) {
  const std::string key = keys::Schedule(record.application, record.workflow);
  const WorkflowKey workflow(std::move(record.application), std::move(record.workflow));
  if (!record.last) {
    overlay_.Direct().Delete(key);
    schedules_.erase(workflow);
    return;
  }
  pb::ScheduleState message;
  message.set_last_us(ToMicros(*record.last));
  overlay_.Direct().Put(key, message.SerializeAsString());
  schedules_[workflow] = *record.last;
}

// ---- Commits ----

void RunTable::Seal() {
  for (const RunId& id : dirty_) {
    Cached& cached = cache_.at(id);
    cached.dirty = false;
    overlay_.Put(keys::RunHead(id), EncodeRun(*cached.run));
  }
  dirty_.clear();
  for (const CountKey& key : recounted_) {
    const auto& [name, version, workflow] = key;
    const auto count = counts_.find(key);
    if (count->second.kept == 0) {
      overlay_.Direct().Delete(keys::RunCount(name, version, workflow));
      counts_.erase(count);
      continue;
    }
    pb::RunCount message;
    message.set_open(count->second.open);
    message.set_kept(count->second.kept);
    overlay_.Direct().Put(keys::RunCount(name, version, workflow), message.SerializeAsString());
  }
  recounted_.clear();
  pending_bytes_ = 0;
  ++sealed_;
  Trim();
}

void RunTable::Committed(std::uint64_t) {
  // Commits are sealed and become durable in the same order.
  ++committed_;
  // Now and then: what is no longer under way.
  if (written_.size() > 2 * kept_written_) {
    std::erase_if(written_, [this](const auto& run) { return run.second <= committed_; });
    kept_written_ = std::max<std::size_t>(written_.size(), kCachedRuns / 8);
  }
  while (!far_.empty() && far_.front().first <= committed_) far_.pop_front();
}

void RunTable::Trim() {
  while (!cache_order_.empty() && IsCacheFull()) {
    const RunId id = cache_order_.front();
    cache_order_.pop_front();
    const auto found = cache_.find(id);
    if (found == cache_.end()) continue;
    cache_weight_ -= found->second.weight;
    cache_.erase(found);
  }
}

// ---- Recovery ----

Result<void> RunTable::Load(std::uint64_t open_runs) {
  open_runs_ = open_runs;
  const store::Store& store = overlay_.Storage();
  MESG_TRY(ForEach(store, keys::Table::kApplication,
                   [this](std::string_view, std::string_view value) -> Result<void> {
                     auto application =
                         std::make_shared<const Application>(MESG_TRY(DecodeApplication(value)));
                     applications_[{application->name, application->version}] = application;
                     return {};
                   }));
  MESG_TRY(ForEach(
      store, keys::Table::kRunCount,
      [this](std::string_view key, std::string_view value) -> Result<void> {
        const auto names = MESG_TRY(TwoNames(key));
        const std::size_t end = names.second.find('\0');
        if (end == std::string::npos) return DataLoss("a count of runs has no name");
        const auto count = MESG_TRY(Parse<pb::RunCount>(value, "count of runs"));
        counts_[{names.first, names.second.substr(0, end), names.second.substr(end + 1)}] = {
            count.open(), count.kept()};
        return {};
      }));
  MESG_TRY(LoadLanes());
  MESG_TRY(LoadRest());
  return LoadMoreTimers();
}

Result<void> RunTable::LoadLanes() {
  return ForEach(
      overlay_.Storage(), keys::Table::kLane,
      [this](std::string_view key, std::string_view value) -> Result<void> {
        constexpr std::size_t kNumber = 8;
        const auto id = ExecutionId::FromBytes(value.substr(0, ExecutionId::kSize));
        if (!id || value.size() != ExecutionId::kSize + 1 || key.size() < 1 + kNumber) {
          return DataLoss("a stored turn of a run has {} and {} bytes", key.size(), value.size());
        }
        const std::string lane(key.substr(1, key.size() - 1 - kNumber));
        const std::uint64_t number = keys::NumberOf(key.substr(key.size() - kNumber - 1));
        const auto turn = static_cast<Turn>(value.back());
        if (turn > Turn::kBlocked) return DataLoss("a stored turn of a run is {}", value.back());
        lanes_[lane].Of(turn)[number] = *id;
        return {};
      });
}

Result<void> RunTable::LoadRest() {
  const store::Store& store = overlay_.Storage();
  MESG_TRY(ForEach(store, keys::Table::kWaiter,
                   [this](std::string_view key, std::string_view value) -> Result<void> {
                     constexpr std::size_t kVisit = 4;
                     const auto id = keys::IdAtEnd(key, kVisit);
                     const auto names = MESG_TRY(TwoNames(key));
                     const std::size_t rest = ExecutionId::kSize + kVisit + 1;
                     if (!id || names.second.size() < rest) {
                       return DataLoss("a stored waiter has a key of {} bytes", key.size());
                     }
                     std::uint32_t visit = 0;
                     for (const char byte : key.substr(key.size() - kVisit)) {
                       visit = visit << 8 | static_cast<unsigned char>(byte);
                     }
                     Waiter waiter = MESG_TRY(DecodeWaiter(value));
                     AddWaiter({names.first, names.second.substr(0, names.second.size() - rest)},
                               {*id, visit}, waiter.path, waiter.digest);
                     return {};
                   }));
  MESG_TRY(ForEach(store, keys::Table::kCursor,
                   [this](std::string_view key, std::string_view value) -> Result<void> {
                     const auto cursor = MESG_TRY(Parse<pb::TriggerCursor>(value, "cursor"));
                     cursors_[MESG_TRY(TwoNames(key))] = {cursor.next(), cursor.problem()};
                     return {};
                   }));
  MESG_TRY(ForEach(store, keys::Table::kSchedule,
                   [this](std::string_view key, std::string_view value) -> Result<void> {
                     const auto state = MESG_TRY(Parse<pb::ScheduleState>(value, "schedule"));
                     schedules_[MESG_TRY(TwoNames(key))] = FromMicros(state.last_us());
                     return {};
                   }));
  return ForEach(store, keys::Table::kEvaluating,
                 [this](std::string_view key, std::string_view) -> Result<void> {
                   const auto id = keys::IdAtEnd(key);
                   if (!id) return DataLoss("a stored run id has {} bytes", key.size() - 1);
                   evaluating_.insert(*id);
                   return {};
                 });
}

}  // namespace mesg::engine

#include "runtime/process/supervisor.h"

#include <future>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/guarded.h"
#include "base/inbox.h"
#include "runtime/process/event_loop.h"
#include "runtime/process/guard.h"
#include "runtime/process/instance.h"
#include "runtime/process/run_records.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

fs::path LogsOf(const SupervisorOptions& options) {
  return options.log_directory.empty() ? options.data_directory / "logs" : options.log_directory;
}

/// An id becomes a file name: nothing that could lead elsewhere.
Result<void> CheckId(const std::string& id) {
  constexpr std::size_t kMaxLength = 128;
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  if (!id.empty() && id.size() <= kMaxLength &&
      id.find_first_not_of(kAllowed) == std::string::npos) {
    return {};
  }
  return InvalidArgument("instance id \"{}\": expected 1 to {} letters, digits, '_' and '-'", id,
                         kMaxLength);
}

}  // namespace

LogSubscription::LogSubscription(std::shared_ptr<LogListener> listener)
    : listener_(std::move(listener)) {}

LogSubscription::~LogSubscription() {
  const std::scoped_lock lock(listener_->mutex);
  listener_->closed = true;
}

class Supervisor::Impl {
 public:
  Impl(SupervisorOptions options, const Clock& clock, OnChange on_change, RunRecords records,
       std::unique_ptr<EventLoop> loop);
  ~Impl();

  /// Runs `work` on the loop's thread and returns what it returns.
  template <typename Work>
  auto Call(Work work) -> decltype(work());
  Instance& Find(const std::string& id);
  void PrepareElsewhere(PrepareRequest request, std::stop_token stop, Preparer::Progress progress,
                        std::function<void(Result<Prepared>)> done);
  void StopAll();

  using Job = std::function<void()>;

  const SupervisorOptions options_;
  const OnChange on_change_;
  const RunRecords records_;
  const std::vector<std::string> survivors_;
  const Preparer preparer_;
  std::unique_ptr<EventLoop> loop_;
  Guard guard_;
  Guarded<std::map<std::string, InstanceStatus>> statuses_;
  Inbox<Job> jobs_;
  Instance::Context context_;
  std::map<std::string, Instance> instances_;  // The loop's thread only.
  bool stopping_ = false;                      // Likewise.
  std::jthread installer_;
  // Last: it uses all of the above. Every service is spawned on it, and dies with it.
  std::jthread thread_;
};

Supervisor::Impl::Impl(SupervisorOptions options, const Clock& clock, OnChange on_change,
                       RunRecords records, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)),
      on_change_(std::move(on_change)),
      records_(std::move(records)),
      survivors_(records_.SweepOthers()),
      preparer_({.directory = options_.data_directory / "services" / "prepared",
                 .environment = options_.inherited,
                 .install_timeout = options_.install_timeout,
                 .records = &records_}),
      loop_(std::move(loop)),
      guard_(*loop_, options_.guard_program, records_.Folder()),
      jobs_(1024, 0),
      context_{.loop = *loop_,
               .clock = clock,
               .records = records_,
               .guard = guard_,
               .inherited = options_.inherited,
               .restart = options_.restart,
               .log = options_.log,
               .logs = LogsOf(options_),
               .prepare =
                   [this](PrepareRequest request, std::stop_token stop, Preparer::Progress progress,
                          std::function<void(Result<Prepared>)> done) {
                     PrepareElsewhere(std::move(request), std::move(stop), std::move(progress),
                                      std::move(done));
                   },
               .on_change =
                   [this](const InstanceStatus& status) {
                     statuses_.With([&](auto& map) { map[status.id] = status; });
                     if (on_change_) on_change_(status);
                   }} {
  for (const std::string& id : survivors_) {
    spdlog::warn("{} had outlived a former Core: it was ended", id);
  }
  installer_ = std::jthread([this] {
    std::vector<Job> jobs;
    while (jobs_.TakeAll(jobs, std::nullopt)) {
      for (const Job& job : jobs) job();
    }
  });
  thread_ = std::jthread([this] { loop_->Run(); });
}

Supervisor::Impl::~Impl() {
  loop_->Post([this] { StopAll(); });
  thread_.join();
  jobs_.Close();
  installer_.join();
  std::error_code ignored;
  fs::remove(records_.Folder(), ignored);
}

void Supervisor::Impl::StopAll() {
  stopping_ = true;
  const auto left = std::make_shared<std::size_t>(instances_.size() + 1);
  const auto one_less = [this, left] {
    if (--*left == 0) loop_->Quit();
  };
  for (auto& [id, instance] : instances_) instance.Stop(one_less);
  one_less();
}

template <typename Work>
auto Supervisor::Impl::Call(Work work) -> decltype(work()) {
  if (std::this_thread::get_id() == thread_.get_id()) return work();
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto result = task.get_future();
  loop_->Post([&task] { task(); });
  return result.get();
}

Instance& Supervisor::Impl::Find(const std::string& id) {
  return instances_.try_emplace(id, context_, id).first->second;
}

void Supervisor::Impl::PrepareElsewhere(PrepareRequest request, std::stop_token stop,
                                        Preparer::Progress progress,
                                        std::function<void(Result<Prepared>)> done) {
  jobs_.PutAlways([this, request = std::move(request), stop = std::move(stop),
                   progress = std::move(progress), done = std::move(done)] {
    auto prepared = std::make_shared<Result<Prepared>>(preparer_.Prepare(request, progress, stop));
    loop_->Post([prepared, done] { done(std::move(*prepared)); });
  });
}

Supervisor::Supervisor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::Make(SupervisorOptions options, const Clock& clock,
                                                     OnChange on_change) {
  const fs::path services = options.data_directory / "services";
  std::error_code error;
  fs::create_directories(services / "prepared", error);
  if (!error) fs::create_directories(LogsOf(options), error);
  if (error) {
    return Unavailable("cannot make folders in {}: {}", options.data_directory.string(),
                       error.message());
  }
  RunRecords records = MESG_TRY(RunRecords::Open(services / "running"));
  auto loop = MESG_TRY(EventLoop::Make());
  return std::unique_ptr<Supervisor>(new Supervisor(std::make_unique<Impl>(
      std::move(options), clock, std::move(on_change), std::move(records), std::move(loop))));
}

std::vector<std::string> Supervisor::Survivors() const { return impl_->survivors_; }

Result<void> Supervisor::Start(InstanceSpec spec) {
  MESG_TRY(CheckId(spec.id));
  if (!HasSomethingToStart(spec.folder, spec.run)) {
    return impl_->preparer_.Prepare({spec.folder, spec.content_hash, spec.run}, {}).error();
  }
  impl_->loop_->Post([impl = impl_.get(), spec = std::move(spec)] {
    if (!impl->stopping_) impl->Find(spec.id).Start(spec);
  });
  return {};
}

void Supervisor::Stop(const std::string& id, std::function<void()> done) {
  impl_->loop_->Post([impl = impl_.get(), id, done = std::move(done)] {
    const auto found = impl->instances_.find(id);
    if (found != impl->instances_.end()) return found->second.Stop(done);
    if (done) done();
  });
}

void Supervisor::StopAndWait(const std::string& id) {
  std::promise<void> stopped;
  Stop(id, [&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
}

std::optional<InstanceStatus> Supervisor::Status(const std::string& id) const {
  return impl_->statuses_.With([&](const auto& map) -> std::optional<InstanceStatus> {
    const auto found = map.find(id);
    if (found == map.end()) return std::nullopt;
    return found->second;
  });
}

std::vector<InstanceStatus> Supervisor::List() const {
  std::vector<InstanceStatus> all;
  impl_->statuses_.With([&](const auto& map) {
    for (const auto& [id, status] : map) all.push_back(status);
  });
  return all;
}

Result<Prepared> Supervisor::Prepare(const PrepareRequest& request,
                                     const Preparer::Progress& progress,
                                     const std::stop_token& stop) const {
  return impl_->preparer_.Prepare(request, progress, stop);
}

Result<std::vector<LogLine>> Supervisor::ReadLog(const std::string& id, std::size_t tail) const {
  MESG_TRY(CheckId(id));
  return ReadLogTail(impl_->context_.logs / id, tail);
}

Result<std::unique_ptr<LogSubscription>> Supervisor::FollowLog(const std::string& id,
                                                               std::size_t tail, OnLines on_lines) {
  MESG_TRY(CheckId(id));
  const auto listener = std::make_shared<LogListener>();
  listener->on_lines = std::move(on_lines);
  impl_->loop_->Post(
      [impl = impl_.get(), id, tail, listener] { impl->Find(id).Listen(listener, tail); });
  return std::make_unique<LogSubscription>(listener);
}

Result<void> Supervisor::Forget(const std::string& id) {
  MESG_TRY(CheckId(id));
  return impl_->Call([impl = impl_.get(), id]() -> Result<void> {
    const auto found = impl->instances_.find(id);
    if (found != impl->instances_.end()) {
      if (!found->second.Idle()) {
        return FailedPrecondition("instance {} runs: stop it before it is forgotten", id);
      }
      impl->instances_.erase(found);
    }
    impl->statuses_.With([&](auto& map) { map.erase(id); });
    std::error_code ignored;
    fs::remove_all(impl->context_.logs / id, ignored);
    return {};
  });
}

std::optional<fs::path> Supervisor::FindPrepared(const std::string& content_hash) const {
  return impl_->preparer_.Find(content_hash);
}

void Supervisor::RemovePrepared(const std::string& content_hash) {
  impl_->preparer_.Remove(content_hash);
}

}  // namespace mesg::runtime

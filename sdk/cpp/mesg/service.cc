#include "mesg/service.h"

#include <cerrno>
#include <csignal>
#include <exception>
#include <future>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "link/performance.h"
#include "link/service_core.h"

namespace mesg::sdk {

Error Permanent(Error error) {
  error.reason = "PERMANENT";
  return error;
}

bool IsPermanent(const Error& error) { return error.reason == "PERMANENT"; }

Task::Task(std::shared_ptr<internal::Performance> performance)
    : performance_(std::move(performance)) {}

const std::string& Task::key() const { return performance_->delivery().task(); }
const std::string& Task::execution_id() const { return performance_->delivery().execution_id(); }
const std::string& Task::inputs() const { return performance_->delivery().inputs(); }
const std::vector<std::string>& Task::tags() const { return performance_->tags(); }
const std::string& Task::traceparent() const { return performance_->delivery().traceparent(); }
unsigned Task::attempt() const { return performance_->delivery().attempt(); }
TimePoint Task::deadline() const { return FromMicros(performance_->delivery().deadline_us()); }
bool Task::Cancelled() const { return performance_->cancelled(); }
void Task::OnCancel(std::function<void()> action) const {
  performance_->OnCancel(std::move(action));
}
void Task::Emit(Event event) const { performance_->Add(std::move(event)); }
void Task::Change(KeyChange change) const { performance_->Add(std::move(change)); }

Responder::Responder(Task task) : task_(std::move(task)) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  std::swap(task_, other.task_);  // Ours is handed back when `other` goes.
  return *this;
}

Responder::~Responder() {
  const auto& performance = task_.performance_;
  if (performance == nullptr || !performance->Claim()) return;
  const auto service = performance->service();
  if (service == nullptr) return;
  // A handler that throws has failed; handing the task back would only repeat it without end.
  if (std::uncaught_exceptions() > 0) {
    service->Fail(*performance, Unknown("the handler threw an exception"));
  } else {
    service->Refuse(*performance, "not performed");
  }
}

void Responder::Succeed(Outputs outputs) {
  const auto& performance = task_.performance_;
  if (!performance->Claim()) return;
  if (const auto service = performance->service()) {
    service->Succeed(*performance, std::move(outputs));
  }
}

void Responder::Fail(const Error& error) {
  const auto& performance = task_.performance_;
  if (!performance->Claim()) return;
  if (const auto service = performance->service()) service->Fail(*performance, error);
}

Service::Service(ServiceOptions options)
    : core_(std::make_shared<internal::ServiceCore>(std::move(options))) {}

Service::~Service() { core_->Close(); }

void Service::OnTask(std::string key, Handler handler) {
  OnTaskAsync(std::move(key), [handler = std::move(handler)](Responder responder) {
    auto outputs = handler(responder.task());
    if (outputs) {
      responder.Succeed(*std::move(outputs));
    } else {
      responder.Fail(outputs.error());
    }
  });
}

void Service::OnTaskAsync(std::string key, AsyncHandler handler) {
  core_->Register(std::move(key), std::move(handler));
}

void Service::Start() { core_->Start(); }
Result<void> Service::Wait() { return core_->Wait(); }
void Service::Stop() { core_->Stop(); }
void Service::ReportHealth(std::string problem) { core_->ReportHealth(std::move(problem)); }

bool Service::Connected() const { return core_->connected(); }

Result<void> Service::Run() {
  Start();
  return Wait();
}

namespace {

// Where the signal handler leaves its word; -1 while nobody runs until a signal.
volatile std::sig_atomic_t g_signal_fd = -1;

void OnSignal(int) {
  const int fd = g_signal_fd;
  const std::uint64_t one = 1;
  if (fd >= 0 && write(fd, &one, sizeof one) < 0) {
    // Nothing can be done in a signal handler, and the counter cannot be full.
  }
}

}  // namespace

Result<void> Service::RunUntilSignal() {
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return Internal("cannot make an event descriptor to wait for signals");
  g_signal_fd = fd;
  struct sigaction action {};
  struct sigaction old_term {};
  struct sigaction old_int {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, &old_term);
  sigaction(SIGINT, &action, &old_int);

  std::thread watcher([this, fd] {
    std::uint64_t count = 0;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
    Stop();
  });
  auto result = Run();
  OnSignal(0);  // Lets the watcher go when something else ended the run.
  watcher.join();

  sigaction(SIGTERM, &old_term, nullptr);
  sigaction(SIGINT, &old_int, nullptr);
  g_signal_fd = -1;
  close(fd);
  return result;
}

Result<void> Service::EmitAsync(const std::vector<Event>& events,
                                const std::vector<KeyChange>& changes, EmitCallback done) {
  return core_->emitter().Emit(events, changes, std::move(done));
}

Result<Emitted> Service::EmitBatch(const std::vector<Event>& events,
                                   const std::vector<KeyChange>& changes) {
  std::promise<Result<Emitted>> promise;
  auto answer = promise.get_future();
  MESG_TRY(EmitAsync(events, changes, [&promise](Result<Emitted> emitted) {
    promise.set_value(std::move(emitted));
  }));
  return answer.get();
}

Result<Emitted> Service::Emit(Event event) {
  std::vector<Event> events;
  events.push_back(std::move(event));
  return EmitBatch(events);
}

Result<KeyValue> Service::Get(std::string_view key) { return core_->Get(key); }

Result<std::vector<KeyValue>> Service::List(std::string_view prefix, unsigned limit,
                                            std::string_view after) {
  return core_->List(prefix, limit, after);
}

Result<std::uint64_t> Service::Put(std::string key, std::string json,
                                   std::optional<std::uint64_t> expected_version) {
  const auto emitted =
      MESG_TRY(EmitBatch({}, {KeyChange::Put(std::move(key), std::move(json), expected_version)}));
  if (emitted.versions.empty()) return Internal("Core did not name the key's new version");
  return emitted.versions.front();
}

Result<void> Service::Delete(std::string key, std::optional<std::uint64_t> expected_version) {
  MESG_TRY(EmitBatch({}, {KeyChange::Delete(std::move(key), expected_version)}));
  return {};
}

}  // namespace mesg::sdk

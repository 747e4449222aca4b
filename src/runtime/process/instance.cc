#include "runtime/process/instance.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/process/process_table.h"

namespace mesg::runtime {
namespace {

constexpr std::size_t kLastLines = 5;  // Shown with the reason of a failure.

Duration Since(std::chrono::steady_clock::time_point from,
               std::chrono::steady_clock::time_point to) {
  return std::chrono::duration_cast<Duration>(to - from);
}

/// For people: no more digits than they care for.
std::string Roughly(Duration duration) {
  using std::chrono::floor, std::chrono::milliseconds, std::chrono::seconds;
  if (duration < seconds(10)) return FormatDuration(floor<milliseconds>(duration));
  return FormatDuration(floor<seconds>(duration));
}

}  // namespace

std::string_view Name(InstanceState state) {
  switch (state) {
    case InstanceState::kStopped:
      return "stopped";
    case InstanceState::kStarting:
      return "starting";
    case InstanceState::kRunning:
      return "running";
    case InstanceState::kRestarting:
      return "restarting";
    case InstanceState::kFailed:
      return "failed";
  }
  return "?";
}

Instance::Instance(Context& context, std::string id)
    : context_(context), id_(std::move(id)), policy_(context.restart) {
  status_.id = id_;
}

void Instance::Start(InstanceSpec spec) {
  if (wanted_ && phase_ != Phase::kPausing && phase_ != Phase::kIdle) return;
  const bool leaving = phase_ != Phase::kIdle && phase_ != Phase::kPausing;
  wanted_ = true;
  policy_.Reset();
  if (leaving) {  // Asked to stop a moment ago: start once that is done.
    next_spec_ = std::move(spec);
    return;
  }
  context_.loop.Cancel(pause_);
  spec_ = std::move(spec);
  secrets_ = {};
  secrets_pause_ = {};
  status_.name = spec_.name;
  status_.restarts = 0;
  Prepare();
}

void Instance::Stop(Done done) {
  wanted_ = false;
  next_spec_.reset();
  if (done) stopped_.push_back(std::move(done));
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kPausing:
      Settle();
      break;
    case Phase::kPreparing:
      preparing_.request_stop();
      break;
    case Phase::kRunning:
    case Phase::kLeaving:
      Terminate();
      break;
  }
}

void Instance::Prepare() {
  phase_ = Phase::kPreparing;
  Become(InstanceState::kStarting, "");
  if (!log_) {
    auto log = LogWriter::Open(LogFolder(), context_.log);
    if (!log) return GiveUp(log.error().message);
    log_.emplace(std::move(*log));
  }
  preparing_ = std::stop_source();
  // Lines come from the other thread; the instance is not forgotten while it prepares.
  const auto progress = [this](std::string_view line) {
    context_.loop.Post([this, text = std::string(line)] { Note(text); });
  };
  context_.prepare({spec_.folder, spec_.content_hash, spec_.run}, preparing_.get_token(), progress,
                   [this](Result<Prepared> prepared) { OnPrepared(std::move(prepared)); });
}

void Instance::OnPrepared(Result<Prepared> prepared) {
  if (!wanted_ || next_spec_) return Settle();
  if (!prepared) return GiveUp(prepared.error().message);
  prepared_ = *std::move(prepared);
  Launch();
}

SpawnRequest Instance::Request(std::vector<std::string> argv) const {
  SpawnRequest request{.argv = std::move(argv), .env = spec_.env, .directory = prepared_.folder};
  for (const auto& [name, value] : secrets_.env) request.env.insert_or_assign(name, value);
  for (const auto& [name, value] : context_.inherited) request.env.try_emplace(name, value);
  return request;
}

// Somebody may set them at any time, so that this is never given up.
void Instance::AwaitSecrets(const std::string& why) {
  const Duration longest = std::min<Duration>(context_.restart.max, std::chrono::seconds(5));
  secrets_pause_ = secrets_pause_ == Duration() ? context_.restart.initial : 2 * secrets_pause_;
  secrets_pause_ = std::min(secrets_pause_, longest);
  const std::string reason = "not started: " + why;
  if (status_.reason != reason) Note(reason);  // Once, however often it is tried.
  phase_ = Phase::kPausing;
  Become(InstanceState::kRestarting, reason);
  pause_ = context_.loop.After(secrets_pause_, [this] {
    pause_ = 0;
    Launch();
  });
}

void Instance::Launch() {
  if (spec_.secrets) {
    auto secrets = spec_.secrets();
    if (!secrets) return AwaitSecrets(secrets.error().message);
    secrets_ = *std::move(secrets);
    redactor_ = Redactor(secrets_.values);
    secrets_pause_ = {};
  }
  last_lines_.clear();
  const auto launched = TryLaunch();
  if (!launched) {
    CloseOutputs();
    return GiveUp(launched.error().message);
  }
  phase_ = Phase::kRunning;
  launched_ = std::chrono::steady_clock::now();
  status_.pid = process_.pid;
  Note(fmt::format("started as process {}", process_.pid));
  Become(InstanceState::kRunning, "");
  ScheduleHealthCheck();
}

Result<void> Instance::TryLaunch() {
  const auto guarded = context_.guard.Ensure();
  if (!guarded) return Annotate(guarded.error(), "starting the guard of Core's processes");
  Pipe out = MESG_TRY(MakePipe());
  Pipe err = MESG_TRY(MakePipe());
  SpawnRequest request = Request(prepared_.argv);
  request.out = out.write.get();
  request.err = err.write.get();
  outputs_[0] = {std::move(out.read), {}, LogStream::kOut};
  outputs_[1] = {std::move(err.read), {}, LogStream::kErr};
  for (Output& output : outputs_) {
    fcntl(output.fd.get(), F_SETFL, O_NONBLOCK);
    MESG_TRY(context_.loop.Watch(output.fd.get(), [this, &output] { ReadOutput(output); }));
  }
  Process process = MESG_TRY(Spawn(request));
  auto watched = context_.records.Add(id_, process.pid, request.env);
  if (watched) {
    watched = context_.loop.Watch(process.pidfd.get(), [this] { OnLeaderExit(); });
  }
  if (!watched) {  // Nothing runs that would not be found again.
    SignalSession(process.pid, SIGKILL);
    Reap(process);
    return std::move(watched).error();
  }
  process_ = std::move(process);
  return {};
}

void Instance::OnLeaderExit() {
  context_.loop.Unwatch(process_.pidfd.get());
  ended_ = std::chrono::steady_clock::now();
  phase_ = Phase::kLeaving;
  EndHealthCheck();
  // Not reaped yet: as long as it is a zombie its number, by which the others of its session are
  // found, cannot be given away.
  if (SessionMembers(process_.pid).empty()) return OnAllGone();
  Terminate();
  AwaitOthers();
}

void Instance::Terminate() {
  if (grace_ != 0) return;
  EndHealthCheck();
  SignalSession(process_.pid, SIGTERM);
  grace_ = context_.loop.After(spec_.grace, [this] { OnGraceOver(); });
}

void Instance::OnGraceOver() {
  constexpr auto kRepeat = std::chrono::milliseconds(200);  // For what was forked meanwhile.
  SignalSession(process_.pid, SIGKILL);
  grace_ = context_.loop.After(kRepeat, [this] { OnGraceOver(); });
}

void Instance::AwaitOthers() {
  constexpr auto kLook = std::chrono::milliseconds(20);
  others_ = context_.loop.After(kLook, [this] {
    if (SessionMembers(process_.pid).empty()) {
      others_ = 0;
      OnAllGone();
    } else {
      AwaitOthers();
    }
  });
}

void Instance::OnAllGone() {
  context_.loop.Cancel(grace_);
  context_.loop.Cancel(others_);
  const ExitStatus status = Reap(process_);
  context_.records.Remove(id_);
  for (Output& output : outputs_) {
    // What the dead left in the pipes; bounded, for somebody outside of the session may still
    // write.
    constexpr int kMostReads = 64;
    for (int i = 0; output.fd && i < kMostReads; ++i) ReadOutput(output);
  }
  CloseOutputs();
  process_ = {};
  secrets_ = {};
  redactor_ = Redactor(std::vector<std::string>());
  status_.pid = 0;
  const Duration up = Since(launched_, ended_);
  if (!wanted_ || next_spec_) {
    Note(fmt::format("stopped: {}", Describe(status)));
    return Settle();
  }
  Restart(status, up);
}

void Instance::Restart(ExitStatus status, Duration up) {
  std::string how = fmt::format("{} after {}", Describe(status), Roughly(up));
  const auto pause = policy_.OnExit(up);
  if (!pause) {
    return GiveUp(fmt::format("ended {} times in a row within {} of its start; at last it {}{}",
                              policy_.EarlyEnds(), FormatDuration(context_.restart.steady), how,
                              LastWords()));
  }
  Note(fmt::format("{}; starts again in {}", how, FormatDuration(*pause)));
  phase_ = Phase::kPausing;
  status_.restarts += 1;
  Become(InstanceState::kRestarting, how + LastWords());
  pause_ = context_.loop.After(*pause, [this] {
    pause_ = 0;
    Launch();
  });
}

void Instance::GiveUp(std::string reason) {
  if (log_) Note("given up: " + reason);
  phase_ = Phase::kIdle;
  wanted_ = false;
  Become(InstanceState::kFailed, std::move(reason));
  for (const Done& done : std::exchange(stopped_, {})) done();
}

void Instance::Settle() {
  context_.loop.Cancel(pause_);
  phase_ = Phase::kIdle;
  Become(InstanceState::kStopped, "");
  for (const Done& done : std::exchange(stopped_, {})) done();
  if (next_spec_) {
    wanted_ = false;
    Start(*std::exchange(next_spec_, std::nullopt));
  }
}

void Instance::ReadOutput(Output& output) {
  std::array<char, 64 * 1024> buffer;
  const ssize_t count = read(output.fd.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  std::vector<LogLine> lines;
  const TimePoint now = context_.clock.Now();
  const auto line = [&](const std::string& text, bool continued) {
    lines.push_back({now, output.stream, redactor_.Text(text), continued});
  };
  if (count > 0) {
    output.splitter.Append({buffer.data(), static_cast<std::size_t>(count)}, line);
  } else {
    output.splitter.Finish(line);
    context_.loop.Unwatch(output.fd.get());
    output.fd.Reset();
  }
  Log(std::move(lines));
}

void Instance::CloseOutputs() {
  for (Output& output : outputs_) {
    if (!output.fd) continue;
    output.splitter.Finish([&](const std::string& text, bool continued) {
      Log({{context_.clock.Now(), output.stream, redactor_.Text(text), continued}});
    });
    context_.loop.Unwatch(output.fd.get());
    output.fd.Reset();
  }
}

void Instance::Note(const std::string& text) {
  std::vector<LogLine> lines;
  LineSplitter splitter;
  const auto line = [&](std::string part, bool continued) {
    lines.push_back({context_.clock.Now(), LogStream::kCore, std::move(part), continued});
  };
  splitter.Append(text, line);
  splitter.Finish(line);
  Log(std::move(lines));
}

void Instance::Log(std::vector<LogLine> lines) {
  if (lines.empty()) return;
  if (log_) log_->Append(lines);
  for (const LogLine& line : lines) {
    if (line.stream == LogStream::kCore || line.text.empty()) continue;
    last_lines_.push_back(line.text.substr(0, 200));
    if (last_lines_.size() > kLastLines) last_lines_.pop_front();
  }
  listeners_.remove_if([&lines](const std::shared_ptr<LogListener>& listener) {
    const std::scoped_lock lock(listener->mutex);
    if (!listener->closed) listener->on_lines(lines);
    return listener->closed;
  });
}

std::string Instance::LastWords() const {
  std::string words;
  for (const std::string& line : last_lines_) words += "\n  " + line;
  return words.empty() ? words : ". Its last words:" + words;
}

void Instance::Listen(const std::shared_ptr<LogListener>& listener, std::size_t tail) {
  const auto lines = ReadLogTail(LogFolder(), tail);
  const std::scoped_lock lock(listener->mutex);
  if (!listener->closed && lines && !lines->empty()) listener->on_lines(*lines);
  listeners_.remove_if([](const auto& other) {
    const std::scoped_lock other_lock(other->mutex);
    return other->closed;
  });
  listeners_.push_back(listener);
}

void Instance::Become(InstanceState state, std::string reason) {
  if (status_.state != state || status_.since == TimePoint()) status_.since = context_.clock.Now();
  status_.state = state;
  status_.reason = std::move(reason);
  context_.on_change(status_);
}

}  // namespace mesg::runtime

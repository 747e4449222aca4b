#include "runtime/evaluate/expression_helper.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {
namespace {

using app::Number;
using app::Value;

Error TooLarge(const Number& number) {
  return InvalidArgument(
      "the number {} is beyond what jq keeps exactly (2^53); use only arithmetic, comparisons and "
      "functions that need no helper on it, or pass it on as a text",
      number.Text().substr(0, 40));
}

// jq 1.6 calculates with doubles: what it would round is refused.
Result<void> CheckExact(const Value& value) {
  constexpr std::int64_t kLargest = 1LL << 53;
  switch (value.kind()) {
    case Value::Kind::kNumber:
      if (value.number().IsInteger()) {
        const auto integer = value.number().ToInt64();
        if (!integer || *integer > kLargest || *integer < -kLargest) {
          return TooLarge(value.number());
        }
      }
      return {};
    case Value::Kind::kList:
      for (const Value& item : value.list()) MESG_TRY(CheckExact(item));
      return {};
    case Value::Kind::kObject:
      for (const auto& [key, item] : value.object().Members()) MESG_TRY(CheckExact(item));
      return {};
    case Value::Kind::kNull:
    case Value::Kind::kBoolean:
    case Value::Kind::kString:
      return {};
  }
  return {};
}

// One line for the helper. The variables travel inside the input, and the program takes them out.
std::string WriteRequest(const app::Expression& expression, std::span<const std::string_view> names,
                         const Value& input, std::span<const Value> scope) {
  std::string program;
  std::string line = R"({"input":[)";
  input.AppendJson(line);
  std::size_t next = 1;
  for (const std::uint32_t index : expression.Used()) {
    program += ".[" + std::to_string(next++) + "] as $" + std::string(names[index]) + " | ";
    line += ',';
    scope[index].AppendJson(line);
  }
  program += ".[0] | " + expression.ToJq();
  return line + R"(],"program":)" + QuoteJson(program) + "}\n";
}

Result<Value> ReadAnswer(std::string_view line) {
  const Value answer = MESG_TRY(Value::Read(line));
  if (answer.kind() != Value::Kind::kObject) return Internal("mesg-eval gave no object");
  if (const Value* const value = answer.object().Find("value")) return *value;
  if (const Value* const error = answer.object().Find("error")) {
    return InvalidArgument("{}", error->kind() == Value::Kind::kString ? error->text() : "");
  }
  if (const Value* const broken = answer.object().Find("broken")) {
    return Internal("libjq does not read what MESG read: {}", broken->Json());
  }
  return Internal("mesg-eval gave no value");
}

/// One process, started when it is needed. One thread, which must outlive it.
class HelperProcess {
 public:
  explicit HelperProcess(const ExpressionHelper::Options& options) : options_(options) {}
  ~HelperProcess() { End(); }
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  /// `stop_fd` becomes readable when nobody waits any more.
  Result<Value> Ask(std::string_view request, int stop_fd) {
    MESG_TRY(Start());
    auto line = Exchange(request, stop_fd);
    if (!line) {
      End();
      return std::move(line).error();
    }
    return ReadAnswer(*line);
  }

 private:
  Result<void> Start() {
    if (process_) return {};
    std::array<int, 2> sockets{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
      return ResourceExhausted("cannot make a socket pair: {}", ErrnoText(errno));
    }
    UniqueFd ours(sockets[0]);
    const UniqueFd theirs(sockets[1]);
    fcntl(ours.get(), F_SETFL, O_NONBLOCK);
    SpawnRequest spawn;
    spawn.argv = {options_.program.string()};
    spawn.directory = "/";
    spawn.in = theirs.get();
    spawn.out = theirs.get();
    spawn.limits.address_space = options_.memory_bytes;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    spawn.limits.address_space = 0;  // The sanitizers reserve terabytes that they never use.
#endif
    spawn.limits.file_size = 1;
    spawn.no_new_privileges = true;
    auto process = Spawn(spawn);
    if (!process) {
      return Unavailable("mesg-eval does not start: {}", process.error().message);
    }
    process_ = *std::move(process);
    socket_ = std::move(ours);
    return {};
  }

  void End() {
    if (!process_) return;
    kill(process_->pid, SIGKILL);
    Reap(*process_);
    process_.reset();
    socket_.Reset();
  }

  // Writes and reads at the same time: neither side may wait for the other with a full buffer.
  Result<std::string> Exchange(std::string_view request, int stop_fd) {
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    std::string answer;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) {
        return ResourceExhausted("the expression takes longer than {}",
                                 FormatDuration(options_.timeout));
      }
      const auto events = static_cast<short>(request.empty() ? POLLIN : POLLIN | POLLOUT);
      std::array<pollfd, 2> wanted = {{{socket_.get(), events, 0}, {stop_fd, POLLIN, 0}}};
      if (poll(wanted.data(), wanted.size(), static_cast<int>(left.count())) < 0) {
        if (errno == EINTR) continue;
        return Internal("cannot wait for mesg-eval: {}", ErrnoText(errno));
      }
      if (wanted[1].revents != 0) return Unavailable("Core is shutting down");
      if ((wanted[0].revents & POLLOUT) != 0) MESG_TRY(Send(request));
      if ((wanted[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      if (MESG_TRY(Receive(answer))) return answer;
    }
  }

  Result<void> Send(std::string_view& request) {
    const ssize_t count = send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      request.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      return Died();
    }
    return {};
  }

  // True when `answer` is whole.
  Result<bool> Receive(std::string& answer) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count <= 0) return Died();
    answer.append(buffer.data(), static_cast<std::size_t>(count));
    if (answer.back() == '\n') {
      answer.pop_back();
      return true;
    }
    if (answer.size() > options_.answer_bytes) {
      return ResourceExhausted("the value of the expression is longer than {} bytes",
                               options_.answer_bytes);
    }
    return false;
  }

  static Error Died() {
    return ResourceExhausted(
        "jq died of the expression: it takes too much memory, or is one of those jq cannot handle");
  }

  const ExpressionHelper::Options& options_;
  std::optional<Process> process_;
  UniqueFd socket_;
};

}  // namespace

class ExpressionHelper::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    if (auto pipe = MakePipe()) stop_ = *std::move(pipe);
    threads_.reserve(options_.processes);
    for (std::size_t i = 0; i < options_.processes; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~Impl() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    stop_.write.Reset();  // Its other end becomes readable.
    for (std::thread& thread : threads_) thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> Submit(std::string request, Reply reply) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return Unavailable("Core is shutting down");
      if (waiting_.size() >= options_.waiting ||
          (!waiting_.empty() && bytes_ + request.size() > options_.waiting_bytes)) {
        return ResourceExhausted("{} expressions wait for mesg-eval, retry after a pause",
                                 waiting_.size());
      }
      bytes_ += request.size();
      waiting_.push_back({std::move(request), std::move(reply)});
    }
    changed_.notify_one();
    return {};
  }

 private:
  struct Evaluation {
    std::string request;
    Reply reply;
  };

  void Work() {
    HelperProcess process(options_);
    for (;;) {
      Evaluation evaluation;
      bool closed = false;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        evaluation = std::move(waiting_.front());
        waiting_.pop_front();
        bytes_ -= evaluation.request.size();
        closed = closed_;
      }
      evaluation.reply(closed ? Unavailable("Core is shutting down")
                              : process.Ask(evaluation.request, stop_.read.get()));
    }
  }

  const Options options_;
  Pipe stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Evaluation> waiting_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

ExpressionHelper::ExpressionHelper(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
ExpressionHelper::~ExpressionHelper() = default;

Result<void> ExpressionHelper::Evaluate(const app::Expression& expression,
                                        std::span<const std::string_view> names, const Value& input,
                                        std::span<const Value> scope, Reply reply) {
  auto exact = CheckExact(input);
  for (const std::uint32_t index : expression.Used()) {
    if (exact) exact = CheckExact(scope[index]);
  }
  if (!exact) {
    reply(std::move(exact).error());
    return {};
  }
  return impl_->Submit(WriteRequest(expression, names, input, scope), std::move(reply));
}

}  // namespace mesg::runtime

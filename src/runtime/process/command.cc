#include "runtime/process/command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/process/log_file.h"
#include "runtime/process/process_table.h"

namespace mesg::runtime {
namespace {

/// One output of the program, cut into lines.
struct Output {
  UniqueFd fd;
  LineSplitter splitter;
  const std::function<void(std::string)>* on_line = nullptr;

  /// Reads once. False at the end of the stream.
  bool Read() {
    std::array<char, 64 * 1024> buffer;
    const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const auto line = [this](std::string text, bool) {
      if (*on_line) (*on_line)(std::move(text));
    };
    if (count == 0) {
      splitter.Finish(line);
      return false;
    }
    splitter.Append({buffer.data(), static_cast<std::size_t>(count)}, line);
    return true;
  }
};

void EndSession(pid_t session) {
  for (int round = 0; round < 500 && SignalSession(session, SIGKILL) > 0; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// Handles output until the program ends; nothing when it was ended for another reason.
std::optional<Error> Attend(const Process& process, std::array<Output, 2>& outputs, int stop_fd,
                            const CommandRequest& request) {
  const auto deadline = std::chrono::steady_clock::now() + request.timeout;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    std::array<pollfd, 4> wanted = {{{process.pidfd.get(), POLLIN, 0},
                                     {stop_fd, POLLIN, 0},
                                     {outputs[0].fd.get(), POLLIN, 0},
                                     {outputs[1].fd.get(), POLLIN, 0}}};
    const auto wait = std::clamp<std::int64_t>(left.count(), 0, 60'000);
    if (poll(wanted.data(), wanted.size(), static_cast<int>(wait)) < 0 && errno != EINTR) {
      return Internal("cannot wait for \"{}\": {}", request.spawn.argv.front(), ErrnoText(errno));
    }
    if (wanted[1].revents != 0) return Cancelled("\"{}\" was stopped", request.spawn.argv.front());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (wanted[i + 2].revents != 0 && !outputs[i].Read()) outputs[i].fd.Reset();
    }
    if (wanted[0].revents != 0) return std::nullopt;
    if (std::chrono::steady_clock::now() >= deadline) {
      return DeadlineExceeded("\"{}\" did not end within {}", request.spawn.argv.front(),
                              FormatDuration(request.timeout));
    }
  }
}

}  // namespace

Result<ExitStatus> RunCommand(const CommandRequest& request, const std::stop_token& stop) {
  constexpr std::size_t kMaxInput = 32 * 1024;  // Fits a pipe: one write, and no waiting.
  if (request.input.size() > kMaxInput) return InvalidArgument("the input of a helper is too long");
  Pipe in = MESG_TRY(MakePipe());
  Pipe out = MESG_TRY(MakePipe());
  Pipe err = MESG_TRY(MakePipe());
  fcntl(out.read.get(), F_SETFL, O_NONBLOCK);
  fcntl(err.read.get(), F_SETFL, O_NONBLOCK);
  if (write(in.write.get(), request.input.data(), request.input.size()) !=
      static_cast<ssize_t>(request.input.size())) {
    return Internal("cannot write to a pipe: {}", ErrnoText(errno));
  }
  in.write.Reset();

  const UniqueFd stop_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_fd) return ResourceExhausted("cannot open an eventfd: {}", ErrnoText(errno));
  const std::stop_callback on_stop(stop, [fd = stop_fd.get()] { eventfd_write(fd, 1); });

  SpawnRequest spawn = request.spawn;
  spawn.in = in.read.get();
  spawn.out = out.write.get();
  spawn.err = err.write.get();
  const Process process = MESG_TRY(Spawn(spawn));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  if (request.records != nullptr) {
    // Without the note it would merely not be found if Core died in the next minutes.
    (void)request.records->Add(request.record_name, process.pid, spawn.env);
  }

  std::array<Output, 2> outputs = {Output{std::move(out.read), {}, &request.on_out},
                                   Output{std::move(err.read), {}, &request.on_err}};
  const auto interrupted = Attend(process, outputs, stop_fd.get(), request);
  EndSession(process.pid);
  const ExitStatus status = Reap(process);
  if (request.records != nullptr) request.records->Remove(request.record_name);
  if (interrupted) return *interrupted;
  for (Output& output : outputs) {
    // Everybody who could write is gone, or has left the session and is not waited for.
    constexpr int kMostReads = 64;
    for (int i = 0; output.fd && i < kMostReads; ++i) {
      pollfd ready = {output.fd.get(), POLLIN, 0};
      if (poll(&ready, 1, 0) <= 0 || !output.Read()) break;
    }
  }
  return status;
}

}  // namespace mesg::runtime

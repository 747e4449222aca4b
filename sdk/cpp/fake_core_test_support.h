#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

/// A Core in this process for tests: a real gRPC server that keeps its state in memory, and that
/// can be told to refuse, to go silent, to cut connections at the worst moment, and to restart.
namespace mesg::sdk {

/// Waits for `condition`, looking often, for at most 20 s. Whether it came true.
bool Eventually(const std::function<bool()>& condition);

class FakeCore {
 public:
  struct Answered {
    std::string delivery_id;
    std::string execution_id;
    bool success = false;
    std::string output_key;
    std::string text;  // Outputs or error.
    bool permanent = false;
    std::vector<std::string> events;   // key=data
    std::vector<std::string> changes;  // key=value
  };
  struct Recorded {
    std::string key;
    std::string data;
    std::string id;
  };

  class State;  // Its inside; of no use to tests.

  FakeCore();
  ~FakeCore();

  std::string endpoint() const;
  /// Ends the server and every connection; state stays. Start() brings it back on the same port.
  void Stop();
  void Start();
  /// Cuts every stream of a kind without a word.
  void CutStreams();

  /// A token other than this one is turned away. "" (the default) takes any.
  void RequireToken(std::string token);

  // Worker.
  std::size_t workers() const;
  std::vector<std::string> hello_tasks() const;
  bool worker_drained() const;
  std::vector<std::string> reported() const;  // Problems, in order; "" is well.
  /// Gives an execution to the connected worker (waits for one); its delivery id, a new one unless
  /// given.
  std::string Deliver(std::string task, std::string inputs, std::string execution_id,
                      unsigned attempt = 1, const std::string& delivery_id = "");
  /// Of the deliveries from now on, instead of a day in 2027.
  void SetDeadline(TimePoint deadline);
  void CancelDelivery(const std::string& delivery_id);
  void SendDrain();
  std::vector<Answered> answers() const;
  std::vector<std::string> refusals() const;  // execution ids
  /// The next answer is recorded, and the connection is cut before the worker hears of it.
  void CutBeforeAccepting();
  /// The next answer is refused with this.
  void RefuseNextAnswer(Error error);

  // Events.
  std::vector<Recorded> events() const;
  std::size_t emit_requests() const;
  void CutBeforeEmitted();               // The next request is recorded, its answer is lost.
  void RefuseEventKey(std::string key);  // InvalidArgument for any request that holds it.
  void Hold(bool hold);                  // Emits and executions are neither recorded nor answered.
  /// Adds to the history that listeners read.
  void Append(std::string service, std::string key, std::string data);
  std::size_t listeners() const;
  std::string acknowledged(const std::string& subscription) const;
  void ForgetHistoryBefore(std::size_t position);  // Older positions are OUT_OF_RANGE.

  // Executions: performed at once by this, which gets task and inputs.
  void Perform(std::function<Result<std::string>(const std::string&, const std::string&)> perform);
  /// The next creation is recorded, and its stream is cut before the answer.
  void CutBeforeCreated();
  void FinishLater(bool later);  // Results wait for FinishAll.
  void FinishAll();
  std::size_t executions() const;

 private:
  class Server;
  std::shared_ptr<State> state_;
  std::unique_ptr<Server> server_;
};

}  // namespace mesg::sdk

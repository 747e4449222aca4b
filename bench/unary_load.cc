#include "unary_load.h"

#include <condition_variable>
#include <memory>
#include <mutex>

#include "measured_service.h"

namespace mesg::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Call =
    std::function<void(std::size_t, grpc::ClientContext&, std::function<void(grpc::Status)>)>;

class Runner {
 public:
  Runner(std::size_t calls, std::size_t in_flight, const Call& call)
      : call_(call), left_(calls), slots_(in_flight) {
    times_.latencies.reserve(calls);
  }

  Result<UnaryTimes> Run() {
    const auto started = SteadyClock::now();
    running_ = slots_.size();
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) Next(slot);
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return running_ == 0; });
    if (!failure_.ok()) return Failed("a call", failure_.error_code(), failure_.error_message());
    times_.whole = SteadyClock::now() - started;
    return std::move(times_);
  }

 private:
  struct Slot {
    std::unique_ptr<grpc::ClientContext> context;
    SteadyClock::time_point started;
  };

  void Next(std::size_t index) {
    {
      const std::scoped_lock lock(mutex_);
      if (left_ == 0 || !failure_.ok()) {
        if (--running_ == 0) ended_.notify_all();
        return;
      }
      --left_;
    }
    Slot& slot = slots_[index];
    slot.context = std::make_unique<grpc::ClientContext>();
    slot.started = SteadyClock::now();
    call_(index, *slot.context, [this, index](const grpc::Status& status) {
      const std::chrono::duration<double, std::micro> took =
          SteadyClock::now() - slots_[index].started;
      {
        const std::scoped_lock lock(mutex_);
        times_.latencies.push_back(took.count());
        if (!status.ok()) failure_ = status;
      }
      Next(index);
    });
  }

  const Call& call_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t left_;
  std::size_t running_ = 0;
  std::vector<Slot> slots_;
  UnaryTimes times_;
  grpc::Status failure_;
};

}  // namespace

Result<UnaryTimes> RunUnary(std::size_t calls, std::size_t in_flight, const Call& call) {
  return Runner(calls, in_flight, call).Run();
}

}  // namespace mesg::bench

#include "e2e/raw_worker.h"

#include "support/eventually.h"

namespace mesg::testing {

RawWorker::RawWorker(const std::string& endpoint, const std::string& token, std::uint32_t credits,
                     std::vector<std::string> tasks)
    : client_(endpoint), call_(token), stream_(client_.worker().Connect(call_())) {
  v1::WorkerMessage message;
  message.mutable_hello()->set_name("raw");
  message.mutable_hello()->set_credits(credits);
  for (std::string& task : tasks) message.mutable_hello()->add_tasks(std::move(task));
  stream_->Write(message);
  reader_ = std::thread([this] { Read(); });
}

RawWorker::~RawWorker() {
  call_.Cancel();
  reader_.join();
  static_cast<void>(stream_->Finish());
}

void RawWorker::Read() {
  v1::CoreMessage message;
  while (stream_->Read(&message)) {
    const std::scoped_lock lock(mutex_);
    if (message.has_welcome()) welcomed_ = true;
    if (message.drain()) drained_ = true;
    for (v1::Delivery& delivery : *message.mutable_deliveries()) {
      deliveries_.push_back(std::move(delivery));
    }
    for (const v1::Accepted& accepted : message.accepted()) {
      accepted_[accepted.delivery_id()] = accepted;
    }
  }
}

bool RawWorker::Welcomed() const {
  const std::scoped_lock lock(mutex_);
  return welcomed_;
}

bool RawWorker::Drained() const {
  const std::scoped_lock lock(mutex_);
  return drained_;
}

std::vector<v1::Delivery> RawWorker::Deliveries() const {
  const std::scoped_lock lock(mutex_);
  return deliveries_;
}

std::size_t RawWorker::DeliveryCount() const {
  const std::scoped_lock lock(mutex_);
  return deliveries_.size();
}

void RawWorker::Succeed(const std::string& delivery, const std::string& outputs) {
  v1::WorkerMessage message;
  v1::Answer* answer = message.add_answers();
  answer->set_delivery_id(delivery);
  answer->mutable_success()->set_outputs(outputs);
  {
    const std::scoped_lock lock(mutex_);
    accepted_.erase(delivery);
  }
  const std::scoped_lock lock(writing_);
  stream_->Write(message);
}

std::optional<v1::Accepted> RawWorker::Accepted(const std::string& delivery) const {
  const std::scoped_lock lock(mutex_);
  const auto found = accepted_.find(delivery);
  if (found == accepted_.end()) return std::nullopt;
  return found->second;
}

v1::Accepted RawWorker::AwaitAccepted(const std::string& delivery) const {
  Eventually([&] { return Accepted(delivery).has_value(); });
  return Accepted(delivery).value_or(v1::Accepted());
}

}  // namespace mesg::testing

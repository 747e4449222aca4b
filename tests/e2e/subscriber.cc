#include "e2e/subscriber.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "support/eventually.h"

namespace mesg::testing {
namespace {

std::string KeyOf(const v1::Item& item) {
  return item.has_event() ? item.event().id() : item.result().id();
}

}  // namespace

Subscriber::Subscriber(const std::string& endpoint, std::string name, v1::Filter filter)
    : client_(endpoint), name_(std::move(name)) {
  v1::CreateSubscriptionRequest request;
  request.set_name(name_);
  *request.add_filters() = std::move(filter);
  request.set_after_position("0");
  Call call;
  v1::Subscription made;
  const grpc::Status status = client_.events().CreateSubscription(call(), request, &made);
  if (!status.ok()) complaint_ = "cannot subscribe: " + status.error_message();
  thread_ = std::thread([this] { Run(); });
}

Subscriber::~Subscriber() {
  stop_ = true;
  {
    const std::scoped_lock lock(mutex_);
    if (open_ != nullptr) open_->TryCancel();
  }
  thread_.join();
}

void Subscriber::Run() {
  while (!stop_) {
    HearOnce();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Subscriber::HearOnce() {
  grpc::ClientContext context;
  {
    const std::scoped_lock lock(mutex_);
    open_ = &context;
  }
  if (stop_) context.TryCancel();
  const auto stream = client_.events().Listen(&context);
  v1::ListenRequest open;
  open.mutable_open()->set_subscription(name_);
  open.mutable_open()->set_window(10'000);
  stream->Write(open);
  v1::ListenResponse response;
  while (stream->Read(&response)) {
    if (!Take(response)) continue;
    v1::ListenRequest acknowledge;
    acknowledge.set_acknowledge(response.position());
    stream->Write(acknowledge);
  }
  {
    const std::scoped_lock lock(mutex_);
    open_ = nullptr;
  }
  static_cast<void>(stream->Finish());
}

bool Subscriber::Take(const v1::ListenResponse& response) {
  const std::scoped_lock lock(mutex_);
  std::size_t until = 0;  // Of items that come again, not all that were heard before are in here.
  for (const v1::Item& item : response.items()) {
    Key key = KeyOf(item);
    const auto [known, fresh] = index_.emplace(key, items_.size());
    until = known->second + 1;
    if (fresh) {
      items_.push_back(std::move(key));
      continue;
    }
    ++redelivered_;
    if (known->second < durable_ && complaint_.empty()) {
      complaint_ = key + " came again although its acknowledgement was durable";
    }
  }
  if (const auto acknowledged = heard_until_.find(response.acknowledged());
      acknowledged != heard_until_.end()) {
    durable_ = std::max(durable_, acknowledged->second);
    heard_until_.erase(acknowledged);
  }
  // Where nothing matched the position moves too, and may be acknowledged all the same.
  if (response.items().empty() || response.position().empty()) return false;
  heard_until_[response.position()] = until;
  return true;
}

std::size_t Subscriber::Heard() const {
  const std::scoped_lock lock(mutex_);
  return items_.size();
}

std::vector<Subscriber::Key> Subscriber::Items() const {
  const std::scoped_lock lock(mutex_);
  return items_;
}

std::string Subscriber::Complaint() const {
  const std::scoped_lock lock(mutex_);
  return complaint_;
}

}  // namespace mesg::testing

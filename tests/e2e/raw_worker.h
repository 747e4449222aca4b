#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/client.h"

namespace mesg::testing {

/// One Worker connection on the wire. Answers nothing by itself. Any thread.
class RawWorker {
 public:
  RawWorker(const std::string& endpoint, const std::string& token, std::uint32_t credits,
            std::vector<std::string> tasks = {});
  /// Breaks the connection without a word.
  ~RawWorker();

  bool Welcomed() const;
  /// Core will hand out nothing more on this connection.
  bool Drained() const;
  /// All that came, in order.
  std::vector<v1::Delivery> Deliveries() const;
  std::size_t DeliveryCount() const;

  void Succeed(const std::string& delivery, const std::string& outputs);
  /// What Core said to the last answer of that delivery.
  std::optional<v1::Accepted> Accepted(const std::string& delivery) const;
  /// Waits for it. An empty one when it does not come.
  v1::Accepted AwaitAccepted(const std::string& delivery) const;

 private:
  void Read();

  Client client_;
  Call call_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoreMessage>> stream_;
  mutable std::mutex mutex_;
  bool welcomed_ = false;
  bool drained_ = false;
  std::vector<v1::Delivery> deliveries_;
  std::map<std::string, v1::Accepted> accepted_;
  std::mutex writing_;
  std::thread reader_;
};

}  // namespace mesg::testing

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "mqtt/config.h"

namespace mesg::services::mqtt {

struct Message {
  std::string topic;
  std::string_view payload;  ///< For as long as the call that brings it.
  int qos = 0;
  bool retain = false;
};

/// Who hears the messages of a connection, in a session that the broker keeps, with what comes for
/// it, while nobody is there.
struct Hearer {
  std::string client_id;  ///< The session's name; "" for a connection that hears nothing.
  std::function<void(const Message&)> take;
  /// Makes what was taken durable. Called before anything is sent: on success the broker learns
  /// that it may forget these messages, on an error the connection is of no more use.
  std::function<Result<void>()> settle;
};

/// One connection to a broker. Acknowledgements leave only with what `settle` has made durable;
/// those that are left when the connection ends do not leave, and their messages come again.
///
/// Threads: one.
class Client {
 public:
  /// Connects and waits for the broker's welcome, behind which messages may have been taken, but
  /// none settled. Unavailable; PermissionDenied when it turns us away.
  static Result<std::unique_ptr<Client>> Open(const Config& config, Hearer hearer = {},
                                              const std::stop_token& stop = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Whether the broker knew the session.
  bool Known() const;
  /// Waits until the broker has agreed. PermissionDenied when it does not. Quality of service 2 is
  /// asked for as 1: the library would keep a message of 2 in memory alone after the broker has let
  /// go of it.
  Result<void> Subscribe(const Config::Topic& topic, const std::stop_token& stop);
  /// Waits until the broker has it, by its quality of service.
  Result<void> Publish(const std::string& topic, std::string_view payload, int qos, bool retain);
  /// Hands over what arrives within `patience`, in general one message.
  Result<void> Read(Duration patience);
  /// Settles, then sends what is to be sent, and a sign of life when it is time.
  Result<void> Flush();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  Result<void> Until(const std::function<bool()>& holds, const std::stop_token& stop);
  std::unique_ptr<State> state_;
};

}  // namespace mesg::services::mqtt

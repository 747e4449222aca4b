#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "webhook/config.h"
#include "webhook/event.h"
#include "webhook/server.h"
#include "webhook/verdict.h"

namespace mesg::services::webhook {

/// One connection: reads a request, waits for what becomes of it, answers, and again. Lives as long
/// as something is under way on it. Only on the server's thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// What a session asks of its server.
  class Host {
   public:
    virtual ~Host() = default;
    virtual const Config& config() const = 0;
    /// Emits for `session`, which hears of it by OnEmitted; false, with why, when that is refused.
    virtual Result<void> Emit(Session& session, const std::string& id,
                              std::vector<Emission> events) = 0;
    virtual Verdict Judge(const Incoming& incoming) const = 0;
    virtual void Hold(const std::string& id, std::weak_ptr<Session> session) = 0;
    virtual void LetGo(const std::string& id) = 0;
    virtual void Closed() = 0;
  };

  /// Borrows `host`.
  Session(boost::asio::ip::tcp::socket socket, Host& host);
  ~Session();

  void Start();
  /// Says that there are too many, and closes.
  void TurnAway();
  void OnEmitted(const std::string& id, const Result<void>& result);
  /// Answers the held request; it is not held any more.
  void OnReply(Reply reply, Server::Done done);

 private:
  using Response = boost::beast::http::response<boost::beast::http::string_body>;

  void ReadHeader();
  void ReadBody();
  void OnReadError(boost::beast::error_code error);
  void OnRequest();
  void Answer(unsigned status, std::string json);
  void Answer(Reply reply, Server::Done done);
  void Send(Response response, Server::Done done);
  void CloseGently();
  void Discard();

  boost::beast::tcp_stream stream_;
  Host& host_;
  boost::asio::steady_timer hold_timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::optional<Response> response_;
  std::string remote_;
  std::optional<Reply> accepted_;  // What the sender is told once its events are durable.
  std::string id_;  // Of the request that waits for its event or its reply; "" when none does.
  bool head_ = false;
  bool keep_alive_ = false;
  std::size_t discarded_ = 0;
};

}  // namespace mesg::services::webhook

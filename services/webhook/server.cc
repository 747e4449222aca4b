#include "webhook/server.h"

#include <thread>
#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "webhook/session.h"

namespace mesg::services::webhook {

namespace asio = boost::asio;
using asio::ip::tcp;

class Server::Impl final : public Session::Host, public std::enable_shared_from_this<Impl> {
 public:
  Impl(const Config& config, Server::Emit emit, Server::Judge judge)
      : config_(config),
        emit_(std::move(emit)),
        judge_(std::move(judge)),
        acceptor_(io_),
        pause_(io_) {}
  ~Impl() override { Stop(); }

  Result<void> Listen() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(config_.bind, error);
    if (error) return InvalidArgument("BIND: {} is not an IP address", config_.bind);
    const tcp::endpoint endpoint(address, config_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Unavailable("cannot listen on {} port {}: {}", config_.bind, config_.port,
                         error.message());
    }
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  void Stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  std::uint16_t port() const { return port_; }

  void Respond(Reply reply, Server::Done done) {
    asio::post(io_, [this, reply = std::move(reply), done = std::move(done)]() mutable {
      const auto held = held_.find(reply.request_id);
      const auto session = held == held_.end() ? nullptr : held->second.lock();
      if (session == nullptr) {
        return done(
            NotFound("no request {} waits here: it was answered, waited too long, or came "
                     "before a restart",
                     reply.request_id));
      }
      session->OnReply(std::move(reply), std::move(done));
    });
  }

  // Session::Host, on our thread.
  const Config& config() const override { return config_; }
  Verdict Judge(const Incoming& incoming) const override {
    return judge_ ? judge_(incoming) : webhook::Judge(config_, incoming, SystemClock().Now());
  }
  Result<void> Emit(Session& session, const std::string& id,
                    std::vector<Emission> events) override {
    // The acknowledgement may come when we are gone, and then concerns nobody.
    emitting_.emplace(id, session.shared_from_this());
    auto emitted = emit_(std::move(events), [weak = weak_from_this(), id](Result<void> result) {
      if (const auto self = weak.lock()) {
        asio::post(self->io_, [impl = self.get(), id, result = std::move(result)] {
          impl->OnEmitted(id, result);
        });
      }
    });
    if (!emitted) emitting_.erase(id);
    return emitted;
  }
  void Hold(const std::string& id, std::weak_ptr<Session> session) override {
    held_.insert_or_assign(id, std::move(session));
  }
  void LetGo(const std::string& id) override { held_.erase(id); }
  void Closed() override { --connections_; }

 private:
  void OnEmitted(const std::string& id, const Result<void>& result) {
    const auto found = emitting_.find(id);
    if (found == emitting_.end()) return;
    const auto session = std::move(found->second);
    emitting_.erase(found);
    session->OnEmitted(id, result);
  }

  void Accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) {  // Out of file descriptors, most likely: a pause lets some go.
        pause_.expires_after(std::chrono::milliseconds(100));
        pause_.async_wait([this](boost::system::error_code) { Accept(); });
        return;
      }
      ++connections_;
      const auto session = std::make_shared<Session>(std::move(socket), *this);
      if (connections_ <= config_.max_connections) {
        session->Start();
      } else if (connections_ <= config_.max_connections + kMostTurnedAway) {
        session->TurnAway();
      }
      Accept();
    });
  }

  static constexpr std::size_t kMostTurnedAway = 128;  // With a word; more are closed without.

  const Config config_;
  const Server::Emit emit_;
  const Server::Judge judge_;
  std::uint16_t port_ = 0;
  // Sessions refer to these, and go with io_ at the latest.
  std::size_t connections_ = 0;
  std::unordered_map<std::string, std::weak_ptr<Session>> held_;
  asio::io_context io_{1};
  std::unordered_map<std::string, std::shared_ptr<Session>> emitting_;  // Waiting for Core.
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::thread thread_;
};

Result<std::shared_ptr<Server>> Server::Listen(const Config& config, Emit emit, Judge judge) {
  auto impl = std::make_shared<Impl>(config, std::move(emit), std::move(judge));
  MESG_TRY(impl->Listen());
  return std::shared_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::Respond(Reply reply, Done done) { impl_->Respond(std::move(reply), std::move(done)); }
void Server::Stop() { impl_->Stop(); }

}  // namespace mesg::services::webhook

#include "webhook/session.h"

#include <utility>

#include <boost/asio/write.hpp>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::webhook {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// A sender that is refused early may still be sending; it is heard out this far, so that it reads
// why.
constexpr std::size_t kMostDiscarded = 8 * 1024 * 1024;
constexpr std::chrono::seconds kCloseTimeout{2};

std::string Why(std::string_view what) { return sdk::JsonObject().Add("error", what).Take(); }

std::string Text(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Session::Session(asio::ip::tcp::socket socket, Host& host)
    : stream_(std::move(socket)), host_(host), hold_timer_(stream_.get_executor()) {
  boost::system::error_code ignored;
  const auto peer = stream_.socket().remote_endpoint(ignored);
  if (!ignored) remote_ = peer.address().to_string();
}

Session::~Session() {
  if (!id_.empty()) host_.LetGo(id_);
  host_.Closed();
}

void Session::Start() { ReadHeader(); }

void Session::TurnAway() { Answer(503, Why("too many connections, try again later")); }

void Session::ReadHeader() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(host_.config().max_header));
  parser_->body_limit(host_.config().max_body);
  stream_.expires_after(host_.config().read_timeout);  // For the whole request.
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            if (error) return self->OnReadError(error);
                            self->ReadBody();
                          });
}

void Session::ReadBody() {
  const auto expect = parser_->get()[http::field::expect];
  if (!parser_->is_done() && beast::iequals(expect, "100-continue")) {
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    // In order on the wire before whatever follows; the sender waits for it.
    asio::async_write(stream_, asio::buffer(kGoOn),
                      [self = shared_from_this()](beast::error_code, std::size_t) {});
  }
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](beast::error_code error, std::size_t) {
                     if (error) return self->OnReadError(error);
                     self->OnRequest();
                   });
}

void Session::OnReadError(beast::error_code error) {
  keep_alive_ = false;
  if (error == http::error::body_limit) {
    return Answer(
        413, Why("the body is larger than " + std::to_string(host_.config().max_body) + " bytes"));
  }
  if (error == http::error::header_limit) return Answer(431, Why("the header is too large"));
  const bool malformed =
      error.category() == http::make_error_code(http::error::bad_version).category();
  if (malformed && error != http::error::end_of_stream && error != http::error::partial_message) {
    return Answer(400, Why("this is not an HTTP request: " + error.message()));
  }
  // Gone, or too slow: nobody is there to be told.
}

void Session::OnRequest() {
  const auto& request = parser_->get();
  head_ = request.method() == http::verb::head;
  keep_alive_ = request.keep_alive();
  const Config& config = host_.config();
  Incoming incoming{.id = ToBase58(RandomBytes(16)),
                    .method = Text(request.method_string()),
                    .target = Text(request.target()),
                    .headers = {},
                    .body = std::move(parser_->get().body()),
                    .remote = remote_};
  for (const auto& field : request) {
    incoming.headers.emplace_back(Text(field.name_string()), Text(field.value()));
  }
  Verdict verdict = host_.Judge(incoming);
  if (verdict.answer) return Answer(*std::move(verdict.answer), nullptr);
  accepted_ = std::move(verdict.accepted);
  stream_.expires_never();
  id_ = incoming.id;
  // Before the event is out: an application may reply before we hear that it was recorded.
  if (config.hold) host_.Hold(id_, weak_from_this());
  const auto emitted = host_.Emit(*this, incoming.id, std::move(verdict.events));
  if (!emitted) OnEmitted(incoming.id, emitted);
}

void Session::OnEmitted(const std::string& id, const Result<void>& result) {
  if (id != id_) return;  // It was answered already.
  const Config& config = host_.config();
  if (!result || !config.hold) {
    host_.LetGo(std::exchange(id_, {}));
    if (result && accepted_) return Answer(*std::move(accepted_), nullptr);
    if (result) return Answer(202, sdk::JsonObject().Add("id", id).Take());
    return Answer(503, Why("the event could not be recorded: " + result.error().message));
  }
  hold_timer_.expires_after(config.hold_timeout);
  // The timer keeps the session, which nothing else does while it waits.
  hold_timer_.async_wait([self = shared_from_this(), id](beast::error_code error) {
    if (error || id != self->id_) return;
    self->host_.LetGo(std::exchange(self->id_, {}));
    self->Answer(504, Why("nobody has answered in time"));
  });
}

void Session::OnReply(Reply reply, Server::Done done) {
  host_.LetGo(std::exchange(id_, {}));
  Answer(std::move(reply), std::move(done));
  hold_timer_.cancel();
}

void Session::Answer(Reply reply, Server::Done done) {
  Response response;
  response.result(static_cast<unsigned>(reply.status));
  for (const auto& [name, text] : reply.headers) response.insert(name, text);
  const bool bodiless = reply.status == 204 || reply.status == 304;
  if (!bodiless) response.body() = std::move(reply.body);
  Send(std::move(response), std::move(done));
}

void Session::Answer(unsigned status, std::string json) {
  Response response;
  response.result(status);
  response.set(http::field::content_type, "application/json");
  if (status == 503) response.set(http::field::retry_after, "1");
  response.body() = std::move(json);
  Send(std::move(response), nullptr);
}

void Session::Send(Response response, Server::Done done) {
  response.version(11);
  response.keep_alive(keep_alive_);
  response.prepare_payload();
  if (head_) response.body().clear();  // The header still says how long it would be.
  response_ = std::move(response);
  stream_.expires_after(host_.config().read_timeout);
  http::async_write(
      stream_, *response_,
      [self = shared_from_this(), done = std::move(done)](beast::error_code error, std::size_t) {
        if (done) {
          done(error ? Result<void>(Aborted("the sender of the request has gone"))
                     : Result<void>());
        }
        if (error) return;
        if (self->keep_alive_) {
          self->ReadHeader();
        } else {
          self->CloseGently();
        }
      });
}

void Session::CloseGently() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kCloseTimeout);
  Discard();
}

void Session::Discard() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(64 * 1024),
                          [self = shared_from_this()](beast::error_code error, std::size_t size) {
                            self->discarded_ += size;
                            if (!error && self->discarded_ < kMostDiscarded) self->Discard();
                          });
}

}  // namespace mesg::services::webhook

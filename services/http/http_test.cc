// The client against a real server, and the whole service, as a process, against a Core in memory.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_core_test_support.h"
#include "http/client.h"

namespace mesg::services::http {
namespace {

namespace beast = boost::beast;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using Incoming = beast::http::request<beast::http::string_body>;
using Outgoing = beast::http::response<beast::http::string_body>;
using ::testing::HasSubstr;

// What the server answers, by path.
Outgoing Answer(const Incoming& request) {
  Outgoing response(beast::http::status::ok, request.version());
  const std::string target(request.target());
  if (target.starts_with("/echo")) {
    response.set("X-Method", request.method_string());
    response.set("X-Target", target);
    response.set("X-Key", request["Idempotency-Key"]);
    response.set(beast::http::field::content_type, request[beast::http::field::content_type]);
    response.body() = request.body();
  } else if (target.starts_with("/redirect")) {
    response.result(beast::http::status::found);
    response.set(beast::http::field::location, "/echo?after=redirect");
  } else if (target.starts_with("/loop")) {
    response.result(beast::http::status::found);
    response.set(beast::http::field::location, "/loop");
  } else if (target.starts_with("/file")) {
    response.result(beast::http::status::found);
    response.set(beast::http::field::location, "file:///etc/hostname");
  } else if (target.starts_with("/large")) {
    response.body() = std::string(5'000, 'x');
  } else {
    response.result(beast::http::status::not_found);
    response.body() = "nothing here";
  }
  response.keep_alive(false);
  response.prepare_payload();
  return response;
}

// A small HTTP server on a free port; "/silence" is read and never answered.
class Server {
 public:
  explicit Server(asio::ssl::context* tls = nullptr)
      : tls_(tls), acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    stopping_ = true;
    tcp::socket knock(io_);
    boost::system::error_code ignored;
    knock.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  std::string Url(const std::string& path) const {
    return (tls_ != nullptr ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) +
           path;
  }
  int seen() const { return seen_; }

 private:
  void Serve() {
    std::vector<tcp::socket> silent;
    while (!stopping_) {
      tcp::socket socket(io_);
      boost::system::error_code error;
      acceptor_.accept(socket, error);
      if (error || stopping_) return;
      if (tls_ != nullptr) {
        asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
        stream.handshake(asio::ssl::stream_base::server, error);
        if (!error) Talk(stream);
      } else if (!Talk(socket)) {
        silent.push_back(std::move(socket));
      }
    }
  }
  template <typename StreamType>
  bool Talk(StreamType& stream) {
    boost::system::error_code error;
    beast::flat_buffer buffer;
    Incoming request;
    beast::http::read(stream, buffer, request, error);
    if (error) return true;
    ++seen_;
    if (request.target() == "/silence") return false;
    beast::http::write(stream, Answer(request), error);
    return true;
  }

  asio::ssl::context* tls_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> seen_ = 0;
  std::thread thread_;
};

Result<Response> Ask(Client& client, Request request) {
  std::promise<Result<Response>> promise;
  client.Start(std::move(request),
               [&](Result<Response> response) { promise.set_value(std::move(response)); });
  return promise.get_future().get();
}

Request Get(std::string url) {
  Request request;
  request.method = "GET";
  request.url = std::move(url);
  return request;
}

std::string HeaderOf(const Response& response, std::string_view name) {
  for (const auto& [key, text] : response.headers) {
    if (key == name) return text;
  }
  return {};
}

TEST(ClientTest, SendsMethodHeadersAndBody) {
  const Server server;
  Client client;
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "PURGE"}) {
    Request request = Get(server.Url("/echo?a=b"));
    request.method = method;
    request.body = "payload";
    request.has_body = true;
    request.headers = {{"Content-Type", "text/x"}, {"Idempotency-Key", "k"}};
    const auto response = Ask(client, request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "payload");
    EXPECT_EQ(HeaderOf(*response, "x-method"), method);
    EXPECT_EQ(HeaderOf(*response, "x-target"), "/echo?a=b");
    EXPECT_EQ(HeaderOf(*response, "x-key"), "k");
    EXPECT_EQ(HeaderOf(*response, "content-type"), "text/x");
  }
}

TEST(ClientTest, AnyStatusIsAResponse) {
  const Server server;
  Client client;
  const auto response = Ask(client, Get(server.Url("/nothing")));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "nothing here");
}

TEST(ClientTest, RedirectsAreFollowedByPolicy) {
  const Server server;
  Client client;
  const auto followed = Ask(client, Get(server.Url("/redirect")));
  ASSERT_TRUE(followed);
  EXPECT_EQ(followed->url, server.Url("/echo?after=redirect"));
  EXPECT_EQ(HeaderOf(*followed, "location"), "");
  Request request = Get(server.Url("/redirect"));
  request.max_redirects = 0;
  const auto kept = Ask(client, request);
  EXPECT_EQ(kept->status, 302);
  EXPECT_EQ(HeaderOf(*kept, "location"), "/echo?after=redirect");
  request = Get(server.Url("/loop"));
  request.max_redirects = 3;
  EXPECT_EQ(Ask(client, request).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(server.seen(), 2 + 1 + 4);
}

TEST(ClientTest, RedirectToAnotherProtocolIsRefused) {
  const Server server;
  Client client;
  EXPECT_EQ(Ask(client, Get(server.Url("/file"))).error().code, Code::kInvalidArgument);
}

TEST(ClientTest, LargeResponseIsRefused) {
  const Server server;
  Client client;
  Request request = Get(server.Url("/large"));
  request.max_bytes = 4'999;
  const auto refused = Ask(client, request);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("larger than 4999 bytes"));
  request.max_bytes = 5'000;
  EXPECT_TRUE(Ask(client, request));
}

TEST(ClientTest, SilenceIsATimeoutAndCanBeCancelled) {
  const Server server;
  Client client;
  Request request = Get(server.Url("/silence"));
  request.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(Ask(client, request).error().code, Code::kDeadlineExceeded);
  std::promise<Result<Response>> promise;
  const auto number = client.Start(Get(server.Url("/silence")), [&](Result<Response> response) {
    promise.set_value(std::move(response));
  });
  ASSERT_TRUE(sdk::Eventually([&] { return server.seen() == 2; }));
  client.Cancel(number);
  EXPECT_EQ(promise.get_future().get().error().code, Code::kCancelled);
}

TEST(ClientTest, DestructionEndsWhatIsUnderWay) {
  const Server server;
  std::promise<Result<Response>> promise;
  {
    Client client;
    client.Start(Get(server.Url("/silence")),
                 [&](Result<Response> response) { promise.set_value(std::move(response)); });
    ASSERT_TRUE(sdk::Eventually([&] { return server.seen() == 1; }));
  }
  EXPECT_EQ(promise.get_future().get().error().code, Code::kCancelled);
}

TEST(ClientTest, NobodyThereIsWorthAnotherTry) {
  std::string url;
  {
    const Server server;
    url = server.Url("/");
  }
  Client client;
  EXPECT_EQ(Ask(client, Get(url)).error().code, Code::kUnavailable);
}

// A certificate for 127.0.0.1 that signs itself, and its key, as PEM.
std::pair<std::string, std::string> MakeCertificate() {
  EVP_PKEY* const key = EVP_RSA_gen(2048);
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3'600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* const alternative =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, alternative, -1);
  X509_EXTENSION_free(alternative);
  X509_sign(certificate, key, EVP_sha256());
  const auto text = [](auto&& write) {
    BIO* const bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return pem;
  };
  auto result =
      std::pair(text([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }), text([&](BIO* bio) {
                  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
                }));
  X509_free(certificate);
  EVP_PKEY_free(key);
  return result;
}

TEST(ClientTest, CertificatesAreVerified) {
  const auto [certificate, key] = MakeCertificate();
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_chain(asio::buffer(certificate));
  tls.use_private_key(asio::buffer(key), asio::ssl::context::pem);
  const Server server(&tls);
  Client distrustful;
  EXPECT_EQ(Ask(distrustful, Get(server.Url("/echo"))).error().code, Code::kFailedPrecondition);
  std::string folder = ::testing::TempDir() + "/mesg-http-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/ca.pem") << certificate;
  Client trusting(folder + "/ca.pem");
  EXPECT_TRUE(Ask(trusting, Get(server.Url("/echo"))));
}

TEST(HttpServiceTest, PerformsTasksAndSortsFailures) {
  sdk::FakeCore core;
  const Server server;
  const std::string endpoint = core.endpoint();
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("MESG_ENDPOINT", endpoint.c_str(), 1);
    setenv("MESG_TOKEN", "secret", 1);
    execl(MESG_SERVICE_PROGRAM, MESG_SERVICE_PROGRAM, nullptr);
    _exit(127);
  }
  const auto deliver = [&](const std::string& inputs, const std::string& id) {
    core.Deliver("request", inputs, id);
    EXPECT_TRUE(sdk::Eventually(
        [&] { return !core.answers().empty() && core.answers().back().execution_id == id; }));
    return core.answers().empty() ? sdk::FakeCore::Answered{} : core.answers().back();
  };
  const auto good = deliver(R"({"url":")" + server.Url("/echo") + R"(","body":{"n":1}})", "good");
  EXPECT_TRUE(good.success);
  EXPECT_THAT(good.text, HasSubstr(R"("status":200)"));
  EXPECT_THAT(good.text, HasSubstr(R"("x-key":"good")"));
  EXPECT_THAT(good.text, HasSubstr(R"("json":{"n":1})"));
  const auto bad = deliver(R"({"url":"gopher://x"})", "bad");
  EXPECT_FALSE(bad.success);
  EXPECT_TRUE(bad.permanent);
  const auto slow =
      deliver(R"({"timeout_ms":30,"url":")" + server.Url("/silence") + R"("})", "slow");
  EXPECT_FALSE(slow.success);
  EXPECT_FALSE(slow.permanent);
  kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace mesg::services::http

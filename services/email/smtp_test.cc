// What a mail server answers, word by word: logins, STARTTLS, refusals at every step.
#include "email/smtp.h"

#include <functional>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"

namespace mesg::services::email {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Answers each command as the script says; "" hangs up. STARTTLS is done when it answers 220.
class ScriptedServer {
 public:
  using Script = std::function<std::string(const std::string& command, bool secure)>;

  explicit ScriptedServer(Script script, const std::filesystem::path& pem = {})
      : script_(std::move(script)),
        tls_(asio::ssl::context::tls_server),
        acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}) {
    if (!pem.empty()) {
      tls_.use_certificate_chain_file((pem / "cert.pem").string());
      tls_.use_private_key_file((pem / "key.pem").string(), asio::ssl::context::pem);
    }
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    tcp::socket knock(io_);
    boost::system::error_code ignored;
    knock.connect({asio::ip::make_address("127.0.0.1"), port_}, ignored);
    thread_.join();
  }
  std::uint16_t port() const { return port_; }
  /// Everything that was said to it; after the end of the conversation.
  const std::string& heard() const { return heard_; }
  const std::string& message() const { return message_; }

 private:
  void Serve() {
    while (!stopping_) {
      tcp::socket socket(io_);
      boost::system::error_code error;
      acceptor_.accept(socket, error);
      if (error || stopping_) return;
      asio::write(socket, asio::buffer(std::string_view("220 ready\r\n")), error);
      if (Talk(socket, false)) {
        asio::ssl::stream<tcp::socket&> stream(socket, tls_);
        stream.handshake(asio::ssl::stream_base::server, error);
        if (!error) Talk(stream, true);
      }
    }
  }

  // True when TLS is to follow.
  template <typename Stream>
  bool Talk(Stream& stream, bool secure) {
    std::string buffer;
    boost::system::error_code error;
    const auto read = [&](std::string_view end) {
      const std::size_t size =
          asio::read_until(stream, asio::dynamic_buffer(buffer), std::string(end), error);
      std::string text = buffer.substr(0, size);
      buffer.erase(0, size);
      return text;
    };
    while (true) {
      const std::string command = read("\r\n");
      if (error) return false;
      heard_ += command;
      std::string reply = script_(command, secure);
      if (reply.empty()) return false;
      asio::write(stream, asio::buffer(reply + "\r\n"), error);
      if (command.starts_with("STARTTLS") && reply.starts_with("220")) return true;
      if (command.starts_with("DATA") && reply.starts_with("354")) {
        message_ = read("\r\n.\r\n");
        reply = script_("message", secure);
        if (reply.empty()) return false;
        asio::write(stream, asio::buffer(reply + "\r\n"), error);
      }
    }
  }

  const Script script_;
  asio::io_context io_;
  asio::ssl::context tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::string heard_;
  std::string message_;
  std::thread thread_;
};

// A server that takes everything but what `at` begins with, to which it answers `reply`.
ScriptedServer::Script Refusing(std::string at, std::string reply) {
  return [at = std::move(at), reply = std::move(reply)](const std::string& command, bool) {
    if (!at.empty() && command.starts_with(at)) return reply;
    if (command.starts_with("EHLO")) return std::string("250-here\r\n250 AUTH PLAIN");
    if (command.starts_with("AUTH")) return std::string("334 ");
    if (command.starts_with("AGFubg")) return std::string("235 welcome");  // "\0ann\0...", base64.
    if (command.starts_with("DATA")) return std::string("354 go on");
    if (command.starts_with("QUIT")) return std::string("221 bye");
    return std::string("250 fine");
  };
}

Result<Sent> SendTo(const Server& server, const std::string& to = "bob@example.org") {
  const auto outgoing = ReadInputs(R"({"text":".\nline","to":")" + to + "\"}",
                                   Address{.name = {}, .address = "ann@example.org"}, "e1");
  EXPECT_TRUE(outgoing);
  return Send(server, *outgoing, TimePoint(), [] { return false; });
}

Server At(std::uint16_t port) {
  return {.host = "localhost",
          .port = port,
          .security = Server::Security::kNone,
          .user = "ann",
          .password = "secret-smtp"};
}

TEST(SmtpTest, RefusalsAreSortedAtEveryStep) {
  struct Case {
    const char* at;
    const char* reply;
    Code code;
    const char* text;
  };
  for (const Case& each : {
           Case{"AUTH", "535 no such user", Code::kFailedPrecondition, "535 no such user"},
           Case{"AUTH", "454 busy", Code::kUnavailable, "454 busy"},
           Case{"MAIL", "550 not you", Code::kFailedPrecondition, "550 not you"},
           Case{"MAIL", "451 not now", Code::kUnavailable, "451 not now"},
           Case{"RCPT", "550 unknown", Code::kFailedPrecondition, "bob@example.org: 550 unknown"},
           Case{"RCPT", "450-grey\r\n450 list", Code::kUnavailable, "450 grey list"},
           Case{"DATA", "554 no", Code::kFailedPrecondition, "554 no"},
           Case{"message", "554 spam", Code::kFailedPrecondition, "554 spam"},
           Case{"message", "452 disk full", Code::kUnavailable, "452 disk full"},
           Case{"message", "", Code::kUnavailable, "SMTP at localhost"},
           Case{"RCPT", "", Code::kUnavailable, "SMTP at localhost"},
       }) {
    const ScriptedServer server(Refusing(each.at, each.reply));
    const auto sent = SendTo(At(server.port()));
    ASSERT_FALSE(sent) << each.at << each.reply;
    EXPECT_EQ(sent.error().code, each.code) << each.at << " " << each.reply;
    EXPECT_THAT(sent.error().message, AllOf(HasSubstr(each.text), Not(HasSubstr("secret-smtp"))));
  }
}

TEST(SmtpTest, EachRecipientIsAccountedFor) {
  const ScriptedServer server(Refusing("RCPT TO:<b@", "452 later"));
  const auto sent = SendTo(At(server.port()), "a@example.org, b@example.org, A <a@example.org>");
  ASSERT_TRUE(sent) << sent.error().message;
  ASSERT_EQ(sent->accepted, std::vector<std::string>{"a@example.org"});
  ASSERT_EQ(sent->rejected.size(), 1U);
  EXPECT_EQ(sent->rejected[0].address, "b@example.org");
  EXPECT_EQ(sent->rejected[0].code, 452);
  EXPECT_THAT(server.message(), AllOf(HasSubstr("Message-ID:\r\n <mesg.e1@example.org>\r\n"),
                                      HasSubstr("\r\n..\r\nline")));
}

TEST(SmtpTest, NobodyThereIsWorthAnotherTry) {
  EXPECT_EQ(SendTo(At(FreePort())).error().code, Code::kUnavailable);
}

TEST(SmtpTest, StartTlsComesBeforeTheLogin) {
  const mesg::testing::TemporaryFolder folder;
  mesg::testing::ChildProcess openssl(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
       "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
       (folder.path() / "key.pem").string(), "-out", (folder.path() / "cert.pem").string()},
      {}, folder.path() / "out", folder.path() / "err");
  ASSERT_EQ(openssl.AwaitExit(), 0);
  const auto script = [](const std::string& command, bool secure) {
    if (command.starts_with("EHLO")) {
      return std::string(secure ? "250 AUTH PLAIN" : "250-here\r\n250 STARTTLS");
    }
    if (command.starts_with("STARTTLS")) return std::string("220 go");
    return Refusing("", "")(command, secure);
  };
  Server address = At(0);
  address.security = Server::Security::kStartTls;
  {
    const ScriptedServer server(script, folder.path());
    address.port = server.port();
    address.ca_file = (folder.path() / "cert.pem").string();
    const auto sent = SendTo(address);
    EXPECT_TRUE(sent) << sent.error().message;
  }
  {
    const ScriptedServer untrusted(script, folder.path());
    address.port = untrusted.port();
    address.ca_file.clear();
    EXPECT_EQ(SendTo(address).error().code, Code::kFailedPrecondition);
    EXPECT_THAT(untrusted.heard(), Not(HasSubstr("AUTH")));
  }
  const ScriptedServer without(Refusing("", ""));
  address.port = without.port();
  EXPECT_EQ(SendTo(address).error().code, Code::kFailedPrecondition);
  EXPECT_THAT(without.heard(), Not(HasSubstr("AUTH")));
}

}  // namespace
}  // namespace mesg::services::email

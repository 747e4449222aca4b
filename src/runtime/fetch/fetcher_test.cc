#include "runtime/fetch/fetcher.h"

#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/fetch/testing.h"

namespace mesg::runtime {
namespace {

TEST_F(FetchTest, FetchesAFolder) {
  Has("mesg.yml", "name: x\n");
  Has("index.js", "");
  const auto fetched = Fetch(Source().string()).value();
  EXPECT_EQ(fetched.definition_yaml, "name: x\n");
  EXPECT_EQ(fetched.definition_file, "mesg.yml");
  EXPECT_EQ(ReadFile(fetched.folder / "index.js"), "");
  EXPECT_EQ(fetched.folder.filename(), fetched.content_hash);
  // Also for the next Core.
  const auto again = Fetcher::Open(options_)->Find(fetched.content_hash).value();
  EXPECT_EQ(again.definition_yaml, "name: x\n");
}

TEST_F(FetchTest, TakesTheOtherSpellingToo) {
  Has("mesg.yaml", "name: y\n");
  EXPECT_EQ(Fetch(Source().string())->definition_file, "mesg.yaml");
}

TEST_F(FetchTest, WithoutADefinitionItIsNotAService) {
  Has("index.js", "");
  const auto fetched = Fetch(Source().string());
  EXPECT_EQ(fetched.error().code, Code::kInvalidArgument);
  EXPECT_NE(fetched.error().message.find("no mesg.yml"), std::string::npos);
  EXPECT_NE(fetched.error().message.find(Source().string()), std::string::npos);
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(FetchTest, WhatIsNotKeptIsNotFound) {
  EXPECT_EQ(Open().Find("none").error().code, Code::kNotFound);
  Has("mesg.yml", "");
  const auto fetcher = Open();
  const auto fetched = Fetch(Source().string()).value();
  fetcher.Remove(fetched.content_hash);
  EXPECT_EQ(fetcher.Find(fetched.content_hash).error().code, Code::kNotFound);
}

/// A helper that misbehaves.
class BadHelperTest : public FetchTest {
 protected:
  Result<Fetched> WithHelper(const std::string& script) {
    options_.helper_program = data_.path() / "helper";
    WriteFile(options_.helper_program, "#!/bin/sh\nread request\n" + script + "\n", true);
    return Fetch("https://localhost:1/x.tar.gz");
  }
};

TEST_F(BadHelperTest, ItsDeathIsAClearError) {
  const auto killed = WithHelper("echo 'out of memory' >&2; kill -9 $$");
  EXPECT_EQ(killed.error().code, Code::kUnavailable);
  EXPECT_NE(killed.error().message.find("killed by signal 9"), std::string::npos);
  EXPECT_NE(killed.error().message.find("out of memory"), std::string::npos);
  EXPECT_EQ(WithHelper("exit 0").error().code, Code::kUnavailable);
  EXPECT_EQ(WithHelper(R"(echo '{"done":true,"commit":""}'; exit 3)").error().code,
            Code::kUnavailable);
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(BadHelperTest, RubbishIsAClearError) {
  const auto fetched = WithHelper(R"(echo hello; echo '{"done":true,"commit":""}')");
  EXPECT_EQ(fetched.error().code, Code::kInternal);
  EXPECT_NE(fetched.error().message.find("hello"), std::string::npos);
}

// It says that it unpacked, but there is nothing.
TEST_F(BadHelperTest, ALieIsFoundOut) {
  EXPECT_EQ(WithHelper(R"(echo '{"done":true,"commit":""}')").error().code, Code::kNotFound);
}

TEST_F(BadHelperTest, ItsLimitsHold) {
  const auto limited = WithHelper("echo $(ulimit -t) $(ulimit -f) >&2; exit 1");
  EXPECT_NE(limited.error().message.find("it said: 300 "), std::string::npos)
      << limited.error().message;
}

TEST_F(BadHelperTest, ItIsNotWaitedForForEver) {
  options_.timeout = std::chrono::milliseconds(100);
  EXPECT_EQ(WithHelper("sleep 1000").error().code, Code::kDeadlineExceeded);
}

TEST_F(BadHelperTest, CanBeStopped) {
  std::stop_source stop;
  options_.helper_program = data_.path() / "helper";
  WriteFile(options_.helper_program, "#!/bin/sh\necho '{\"progress\":\"busy\"}'\nsleep 1000\n",
            true);
  const auto fetched = Open().Fetch(
      {Origin::Kind::kGit, "https://localhost:1/x"},
      [&stop](std::string_view text) {
        EXPECT_EQ(text, "busy");
        stop.request_stop();
      },
      stop.get_token());
  EXPECT_EQ(fetched.error().code, Code::kCancelled);
}

TEST_F(BadHelperTest, IsMissing) {
  options_.helper_program = data_.path() / "none";
  EXPECT_EQ(Fetch("https://localhost:1/x.tar.gz").error().code, Code::kFailedPrecondition);
}

TEST_F(BadHelperTest, SeesNothingOfCoresEnvironment) {
  setenv("MESG_TEST_SECRET_OF_CORE", "x", 1);
  const auto fetched = WithHelper("env | grep -c SECRET >&2; exit 1");
  EXPECT_NE(fetched.error().message.find("it said: 0"), std::string::npos)
      << fetched.error().message;
}

/// Answers every connection with the same bytes.
class WebServer {
 public:
  explicit WebServer(std::string answer) : answer_(std::move(answer)) {
    socket_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(socket_.get(), 8);
    thread_ = std::thread([this] { Serve(); });
  }
  ~WebServer() {
    shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string Url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void Serve() {
    for (;;) {
      const UniqueFd peer(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      char buffer[4096];
      if (read(peer.get(), buffer, sizeof(buffer)) <= 0) continue;
      send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }
  std::string answer_;
  UniqueFd socket_;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(FetchTest, DownloadsAnArchive) {
  const WebServer server("HTTP/1.0 200 OK\r\n\r\n" +
                         Archive({{.path = "mesg.yml", .data = "name: w"}}));
  EXPECT_EQ(Fetch(server.Url("/a.tar.gz"))->definition_yaml, "name: w");
}

TEST_F(FetchTest, ADownloadThatFailsSaysWhy) {
  EXPECT_EQ(Fetch(WebServer("HTTP/1.0 404 No\r\n\r\n").Url("/a.tgz")).error().code,
            Code::kNotFound);
  const WebServer broken("HTTP/1.0 500 No\r\n\r\n");
  EXPECT_NE(Fetch(broken.Url("/a.tgz")).error().message.find("500"), std::string::npos);
  const WebServer page("HTTP/1.0 200 OK\r\n\r\n<html>");
  EXPECT_EQ(Fetch(page.Url("/a.tgz")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Fetch("http://127.0.0.1:1/a.tgz").error().code, Code::kUnavailable);
  EXPECT_TRUE(StoreIsEmpty());
}

// A redirect must not reach the files of this machine.
TEST_F(FetchTest, ARedirectToAnotherSchemeIsRefused) {
  const WebServer server("HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n");
  EXPECT_EQ(Fetch(server.Url("/a.tgz")).error().code, Code::kInvalidArgument);
}

TEST_F(FetchTest, ADownloadThatIsTooLargeIsCutOff) {
  options_.limits.max_archive_bytes = 100'000;
  const WebServer server("HTTP/1.0 200 OK\r\n\r\n" + std::string(300'000, 'x'));
  EXPECT_EQ(Fetch(server.Url("/a.tgz")).error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace mesg::runtime

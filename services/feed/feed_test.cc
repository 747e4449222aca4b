// Parsing of hostile and friendly documents, and the whole service with a real Core and a real HTTP
// server, all of them stopped in between.
#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "feed/parse.h"
#include "feed/source.h"
#include "mesg/json.h"

namespace mesg::services::feed {
namespace {

namespace beast = boost::beast;
using boost::asio::ip::tcp;
using mesg::testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRss = R"(<?xml version="1.0"?><rss version="2.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>News</title><item><title>One &amp; only</title><link>http://a/1</link>
<guid isPermaLink="false">g1</guid><pubDate>Wed, 01 May 2024 12:00:00 +0200</pubDate>
<description><![CDATA[<b>short</b>]]></description><content:encoded>long</content:encoded>
<dc:creator>Ada</dc:creator><category>x</category><category>y</category></item>
<item><title>no id</title></item><item><guid>g1</guid></item></channel></rss>)";

TEST(ParseTest, Rss2) {
  const auto feed = ParseFeed(kRss);
  ASSERT_TRUE(feed) << feed.error().message;
  EXPECT_EQ(feed->title, "News");
  ASSERT_EQ(feed->items.size(), 2U) << "the same id is one item";
  EXPECT_EQ(ToJson(feed->items[0]),
            R"({"id":"g1","title":"One & only","link":"http://a/1","summary":"<b>short</b>",)"
            R"("content":"long","published":"2024-05-01T10:00:00Z","author":"Ada",)"
            R"("categories":["x","y"]})");
  EXPECT_EQ(feed->items[1].id.size(), 32U);
}

TEST(ParseTest, Rss1AndAtom) {
  const auto rdf = ParseFeed(R"(<rdf:RDF xmlns:rdf="r" xmlns="s"><channel><title>T</title></channel>
<item rdf:about="http://a/1"><title>one</title><dc:date>2024-05-01T10:00:00+02:00</dc:date></item>
</rdf:RDF>)");
  ASSERT_TRUE(rdf) << rdf.error().message;
  EXPECT_EQ(rdf->title, "T");
  EXPECT_EQ(
      ToJson(rdf->items.at(0)),
      R"({"id":"http://a/1","title":"one","published":"2024-05-01T08:00:00Z","categories":[]})");
  const auto atom = ParseFeed(R"(<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry>
<id>urn:1</id><title type="text">t</title><link rel="self" href="http://no"/><link href="http://a/1"/>
<updated>2024-05-01T10:00:00Z</updated><author><name>Bob</name><email>b@c</email></author>
<content type="xhtml"><div>x<b>y</b></div></content><category term="c"/></entry></feed>)");
  ASSERT_TRUE(atom) << atom.error().message;
  EXPECT_EQ(ToJson(atom->items.at(0)),
            R"({"id":"urn:1","title":"t","link":"http://a/1","content":"<div>x<b>y</b></div>",)"
            R"("published":"2024-05-01T10:00:00Z","author":"Bob","categories":["c"]})");
}

TEST(ParseTest, HostileDocumentsAreHarmless) {
  const auto bomb = ParseFeed(R"(<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY f SYSTEM "file:///etc/passwd">]><rss><channel><item><guid>1</guid><title>&b;&f;</title></item>
</channel></rss>)");
  ASSERT_TRUE(bomb) << bomb.error().message;
  EXPECT_EQ(bomb->items.at(0).title, "&b;&f;");
  std::string deep = "<rss><channel><item><title>";
  for (int i = 0; i < 200'000; ++i) deep += "<a>";
  EXPECT_THAT(ParseFeed(deep).error().message, HasSubstr("it is not XML"));
  for (int i = 0; i < 200'000; ++i) deep += "</a>";
  EXPECT_TRUE(ParseFeed(deep + "</title></item></channel></rss>"));
  EXPECT_THAT(ParseFeed("<html/>").error().message, HasSubstr(R"(with the root "html")"));
  EXPECT_THAT(ParseFeed("").error().message, HasSubstr("it is not XML"));
  std::string many = "<rss><channel>";
  for (int i = 0; i < 5000; ++i) many += "<item><guid>" + std::to_string(i) + "</guid></item>";
  EXPECT_EQ(ParseFeed(many + "</channel></rss>")->items.size(), 1000U);
  const std::string large(1'000'000, 'x');
  EXPECT_LE(ParseFeed("<rss><channel><item><description>" + large +
                      "</description></item></channel></rss>")
                ->items.at(0)
                .summary.size(),
            256U * 1024);
}

TEST(ParseTest, PartsOfJson) {
  EXPECT_EQ(*JsonPart(R"({ "a": [1, {"b/c": 12345678901234567890.10}] })", "/a/1/b~1c"),
            "12345678901234567890.10");
  EXPECT_EQ(*JsonPart("{ \"a\" : 1 }", ""), R"({"a":1})");
  EXPECT_THAT(JsonPart("{}", "/a").error().message, HasSubstr("nothing at /a"));
  EXPECT_THAT(JsonPart("<x>", "").error().message, HasSubstr("expected JSON"));
}

TEST(SourceTest, WhatCannotWorkIsNamedWithoutThePassword) {
  const auto why = [](const std::string& url) {
    const auto source = Source::Parse("FEEDS", url);
    return source ? source->name + " " + source->pointer : source.error().message;
  };
  EXPECT_EQ(why("https://a.b/c?token=secret#/d%20e"), "https://a.b/c /d e");
  for (const char* const url : {"file:///etc/secret", "http://u:secret@host/", "ftp://secret",
                                "http://a/ secret", "secret"}) {
    EXPECT_THAT(why(url), HasSubstr("FEEDS: expected")) << url;
    EXPECT_THAT(why(url), Not(HasSubstr("secret"))) << url;
  }
  EXPECT_THAT(ReadConfig(Environment([](const char* name) {
                return std::string(name) == "AUTH" ? std::string("secret") : std::string();
              }))
                  .error()
                  .message,
              HasSubstr("AUTH: expected USER:PASSWORD@HOST"));
}

/// A small HTTP server. Once told to break down it ends each connection without an answer; the port
/// stays its own, which another program could take otherwise.
class Server {
 public:
  using Request = beast::http::request<beast::http::string_body>;
  using Response = beast::http::response<beast::http::string_body>;
  using Handler = std::function<void(const Request&, Response&)>;

  explicit Server(Handler handler) : handler_(std::move(handler)), port_(FreePort()) { Start(); }
  ~Server() { Stop(); }

  void Start() {
    stopping_ = false;
    acceptor_.emplace(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_));
    thread_ = std::thread([this] { Accept(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    boost::system::error_code ignored;
    tcp::socket wake(io_);
    wake.connect({boost::asio::ip::address_v4::loopback(), port_}, ignored);
    thread_.join();
    acceptor_.reset();
  }
  void BreakDown(bool broken) { broken_ = broken; }
  std::string Url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }

 private:
  void Accept() {
    while (!stopping_) {
      boost::system::error_code error;
      tcp::socket socket(io_);
      acceptor_->accept(socket, error);
      if (error || stopping_ || broken_) continue;
      beast::flat_buffer buffer;
      Request request;
      beast::http::read(socket, buffer, request, error);
      if (error) continue;
      Response response(beast::http::status::ok, 11);
      handler_(request, response);
      response.keep_alive(false);
      response.prepare_payload();
      beast::http::write(socket, response, error);
    }
  }

  boost::asio::io_context io_;
  const Handler handler_;
  const std::uint16_t port_;
  std::optional<tcp::acceptor> acceptor_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> broken_ = false;
  std::thread thread_;
};

class FeedTest : public ServiceTest {
 protected:
  FeedTest()
      : ServiceTest("feed"),
        server_([this](const auto& request, auto& response) { Answer(request, response); }) {}
  ~FeedTest() override { server_.Stop(); }

  void Answer(const Server::Request& request, Server::Response& response) {
    const std::scoped_lock lock(mutex_);
    const std::string path(request.target());
    const std::string auth(request["Authorization"]);
    if (path == "/redirect") {
      response.result(302);
      response.set("Location", "/feed");
    } else if (path == "/loop") {
      response.result(302);
      response.set("Location", "/loop");
    } else if (path == "/escape") {
      response.result(302);
      response.set("Location", "file:///etc/passwd");
    } else if (path == "/private" && auth != "Basic dTpodXNoLWh1c2g=") {
      response.result(401);
    } else if (path == "/huge") {
      response.body() = "<rss>" + std::string(5 * 1024 * 1024, ' ') + "</rss>";
    } else if (const auto found = pages_.find(path == "/private" ? "/feed" : path);
               found != pages_.end()) {
      const std::string tag = fmt::format("\"{}\"", std::hash<std::string>()(found->second));
      if (modified_.empty()) response.set("ETag", tag);
      if (!modified_.empty()) response.set("Last-Modified", modified_);
      if (!date_.empty()) response.set("Date", date_);
      const bool is_dated = !modified_.empty() && request["If-Modified-Since"] == modified_;
      if (is_dated || request["If-None-Match"] == tag) {
        response.result(304);
        ++unchanged_;
      } else {
        response.body() = found->second;
      }
    } else {
      response.result(404);
    }
  }
  void Serve(const std::string& path, std::string body) {
    const std::scoped_lock lock(mutex_);
    pages_[path] = std::move(body);
  }
  // A feed that shows its last 50 items, newest first.
  void ServeItems(int count) {
    std::string body = "<rss><channel><title>T</title>";
    for (int i = count; i > std::max(0, count - 50); --i) {
      body += fmt::format("<item><guid>{}</guid><title>item {}</title></item>", i, i);
    }
    Serve("/feed", body + "</channel></rss>");
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    for (const Event& event : Events()) {
      const auto at = event.data.find("\"id\":\"") + 6;
      ids.push_back(event.data.substr(at, event.data.find('"', at) - at));
    }
    return ids;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> pages_;
  std::string modified_;  ///< What is answered instead of an ETag.
  std::string date_;
  std::atomic<int> unchanged_ = 0;
  Server server_;
};

TEST_F(FeedTest, NewItemsComeOnceAndInOrderWhileEverythingIsKilled) {
  ServeItems(10);
  ASSERT_NO_FATAL_FAILURE(StartService({{"FEEDS", server_.Url("/feed")}, {"POLL", "10ms"}}));
  ASSERT_TRUE(Eventually([&] { return unchanged_ > 0; })) << Log() << Health();
  EXPECT_TRUE(Events().empty()) << "what was there is known";
  ServeItems(40);
  AwaitEvents(30);
  KillService();
  ServeItems(80);
  KillCore();
  ServeItems(85);
  StartCore();
  AwaitEvents(75);
  server_.BreakDown(true);
  ASSERT_TRUE(Eventually([&] { return Health().find("/feed: ") != std::string::npos; }));
  server_.BreakDown(false);
  ServeItems(120);
  KillService();
  AwaitEvents(110);
  ASSERT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
  std::vector<std::string> expected;
  for (int i = 11; i <= 120; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(Ids(), expected);
}

TEST_F(FeedTest, ChangeWithinTheSecondOfAnAnswerIsSeen) {
  modified_ = "Tue, 24 Nov 2026 05:06:01 GMT";
  date_ = "Tue, 24 Nov 2026 05:06:01 GMT";
  ServeItems(1);
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"FEEDS", server_.Url("/feed")}, {"POLL", "10ms"}, {"START", "oldest"}}));
  AwaitEvents(1);
  ServeItems(2);
  AwaitEvents(2);
  EXPECT_EQ(unchanged_, 0);
  {
    const std::scoped_lock lock(mutex_);
    date_ = "Tue, 24 Nov 2026 05:06:02 GMT";
  }
  EXPECT_TRUE(Eventually([&] { return unchanged_ > 0; })) << Log() << Health();
}

TEST_F(FeedTest, DocumentThatChangesIsTold) {
  Serve("/price.json", R"({"time":1,"price":{"eur":1.10}})");
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"DOCUMENTS", server_.Url("/price.json#/price")}, {"POLL", "10ms"}}));
  ASSERT_TRUE(Eventually([&] { return unchanged_ > 0; })) << Log() << Health();
  Serve("/price.json", R"({"time":2,"price":{ "eur":1.10 }})");
  const int before = unchanged_;
  ASSERT_TRUE(Eventually([&] { return unchanged_ > before; }));
  Serve("/price.json", R"({"time":3,"price":{"eur":1.20}})");
  EXPECT_EQ(AwaitEvents(1).at(0).data,
            R"({"url":")" + server_.Url("/price.json#/price") + R"(","value":{"eur":1.20}})");
  KillService();
  Serve("/price.json", R"({"time":4,"price":{"eur":1.10}})");
  EXPECT_THAT(AwaitEvents(2).at(1).data, HasSubstr(R"("value":{"eur":1.10})"));
  EXPECT_EQ(Events().size(), 2U);
}

TEST_F(FeedTest, FailingSourceIsSaidAndHoldsUpNothing) {
  ServeItems(2);
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"FEEDS", server_.Url("/none?token=hush") + "," + server_.Url("/private")},
                    {"AUTH", "u:hush-hush@127.0.0.1"},
                    {"START", "oldest"},
                    {"POLL", "10ms"}}));
  EXPECT_THAT(AwaitEvents(2).at(0).data, HasSubstr("\"id\":\"1\",\"title\":\"item 1\""));
  ASSERT_TRUE(Eventually([&] { return !Health().empty(); }));
  EXPECT_THAT(Health(), HasSubstr("/none: expected status 200, got 404"));
  EXPECT_THAT(Health() + Log(), Not(HasSubstr("hush")));
}

TEST_F(FeedTest, FetchIsBoundedAndStaysWithHttp) {
  Serve("/feed", kRss);
  Serve("/x.json", R"({"a":[1,{"b":2}]})");
  Serve("/text", "just text");
  ASSERT_NO_FATAL_FAILURE(StartService({}));
  const auto fetch = [&](const std::string& url) {
    const auto outputs = Execute("fetch", sdk::JsonObject().Add("url", url).Take());
    return outputs ? *outputs : outputs.error().message;
  };
  EXPECT_THAT(fetch(server_.Url("/redirect")),
              HasSubstr(R"({"kind":"feed","title":"News","items":[{"id":"g1")"));
  EXPECT_EQ(fetch(server_.Url("/x.json#/a/1")), R"({"kind":"json","json":{"b":2}})");
  EXPECT_THAT(fetch(server_.Url("/x.json#/c")), HasSubstr("nothing at /c"));
  EXPECT_THAT(fetch(server_.Url("/text")), HasSubstr("expected JSON"));
  EXPECT_THAT(fetch(server_.Url("/none")), HasSubstr("expected status 200, got 404"));
  EXPECT_THAT(fetch(server_.Url("/loop")), HasSubstr("/loop: "));
  EXPECT_THAT(fetch(server_.Url("/huge")), HasSubstr("larger than 4194304 bytes"));
  EXPECT_THAT(fetch(server_.Url("/escape")), Not(HasSubstr("root:")));
  EXPECT_THAT(fetch("file:///etc/passwd"), HasSubstr("url: expected http:// or https://"));
}

}  // namespace
}  // namespace mesg::services::feed

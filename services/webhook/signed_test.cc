// Standard Webhooks and CloudEvents, as their specifications have them.
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/temporary_folder.h"
#include "webhook/cloud_event.h"
#include "webhook/server.h"
#include "webhook/signature.h"
#include "webhook/verdict.h"

namespace mesg::services::webhook {
namespace {

using ::testing::HasSubstr;

// The specification's own example.
constexpr const char* kKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr const char* kOther = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr const char* kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr const char* kTime = "1614265330";
constexpr const char* kBody = R"({"test": 2432232314})";
constexpr const char* kSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const TimePoint kNow = FromMicros(1'614'265'330'000'000);

Incoming Signed() {
  Incoming incoming;
  incoming.id = "request";
  incoming.method = "POST";
  incoming.target = "/";
  incoming.body = kBody;
  incoming.headers = {{"Webhook-Id", kId},
                      {"webhook-timestamp", kTime},
                      {"webhook-signature", kSignature},
                      {"Content-Type", "application/json"}};
  return incoming;
}

Config Standard(const std::string& secret = kKey) {
  return *ReadConfig([&](const std::string& name) {
    return name == "SIGNATURE" ? "standard" : name == "SECRET" ? secret : std::string();
  });
}

std::string Outcome(const Config& config, const Incoming& incoming, TimePoint now = kNow) {
  const Verdict verdict = Judge(config, incoming, now);
  if (verdict.answer) return std::to_string(verdict.answer->status) + " " + verdict.answer->body;
  return verdict.events.at(0).id;
}

TEST(StandardKeysTest, SignsAsTheSpecificationDoes) {
  EXPECT_EQ(StandardKeys::Parse("SECRET", kKey)->Sign(kId, kTime, kBody), kSignature);
  const auto both = StandardKeys::Parse("SECRET", std::string(kOther) + "  " + kKey);
  EXPECT_THAT(both->Sign(kId, kTime, kBody), ::testing::EndsWith(std::string(" ") + kSignature));
  for (const char* wrong : {"", "  ", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA",
                            "whsec_*", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw x"}) {
    const auto refused = StandardKeys::Parse("SECRET", wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_THAT(refused.error().message, HasSubstr("SECRET: expected whsec_"));
  }
}

TEST(SignedRequestTest, OneRightSignatureIsEnough) {
  const std::string id = Outcome(Standard(), Signed());
  EXPECT_THAT(id, ::testing::StartsWith("webhook-"));
  EXPECT_EQ(Outcome(Standard(), Signed()), id);  // A repeat, which Core drops by this.
  EXPECT_EQ(Outcome(Standard(std::string(kOther) + " " + kKey), Signed()), id);
  Incoming several = Signed();
  several.headers[2].second = std::string("v1,AAAA v2,x v1a,y ") + kSignature;
  EXPECT_EQ(Outcome(Standard(), several), id);
}

TEST(SignedRequestTest, TamperingAndReplayAreRefused) {
  const auto refused = [](std::size_t header, const std::string& text) {
    Incoming incoming = Signed();
    incoming.headers[header].second = text;
    return Outcome(Standard(), incoming);
  };
  EXPECT_THAT(refused(0, "msg_other"), HasSubstr("401 {\"error\":\"webhook-signature is missing"));
  EXPECT_THAT(refused(0, ""), HasSubstr("webhook-id is missing"));
  EXPECT_THAT(refused(1, "1614265331"), HasSubstr("webhook-signature is missing or wrong"));
  EXPECT_THAT(refused(1, "16x"), HasSubstr("no number of seconds"));
  EXPECT_THAT(refused(1, "-5"), HasSubstr("no number of seconds"));
  EXPECT_THAT(refused(2, std::string(kSignature).substr(3)), HasSubstr("missing or wrong"));
  Incoming tampered = Signed();
  tampered.body += " ";
  EXPECT_THAT(Outcome(Standard(), tampered), HasSubstr("missing or wrong"));
  EXPECT_THAT(Outcome(Standard(kOther), Signed()), HasSubstr("missing or wrong"));
  EXPECT_THAT(Outcome(Standard(), Signed(), kNow + std::chrono::seconds(301)),
              HasSubstr("too old"));
  EXPECT_THAT(Outcome(Standard(), Signed(), kNow - std::chrono::seconds(301)),
              HasSubstr("in the future"));
  EXPECT_THAT(Outcome(Standard(), Signed(), kNow + std::chrono::seconds(299)),
              ::testing::StartsWith("webhook-"));
}

// What anybody can do with curl and openssl.
constexpr const char* kScript = R"sh(
key=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')
time=$(date +%s)
sign() { printf '%s.%s.%s' "$1" "$2" "$3" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64; }
post() { curl -s -o /dev/null -w '%{http_code} ' -H "webhook-id: $1" -H "webhook-timestamp: $2" \
  -H "webhook-signature: $3" -d "$4" "$URL"; }
post m1 "$time" "v1,$(sign m1 "$time" paid)" paid
post m1 "$time" "v1,$(sign m1 "$time" paid)" paid
post m1 "$time" "v1,$(sign m1 "$time" paid)" PAID
old=$((time - 600))
post m2 "$old" "v1,$(sign m2 "$old" paid)" paid
)sh";

TEST(SignedRequestTest, CurlAndOpensslAreTakenAtTheirWord) {
  std::mutex mutex;
  std::vector<std::string> ids;
  Config config = Standard();
  config.port = 0;
  const auto server = Server::Listen(
      config, [&](const std::vector<Emission>& events, const Server::Done& done) -> Result<void> {
        const std::scoped_lock lock(mutex);
        ids.push_back(events.at(0).id);
        done({});
        return {};
      });
  ASSERT_TRUE(server);
  const mesg::testing::TemporaryFolder folder;
  mesg::testing::ChildProcess shell(
      {"/bin/sh", "-c", kScript},
      {{"PATH", "/usr/bin:/bin"},
       {"SECRET", kKey},
       {"URL", "http://127.0.0.1:" + std::to_string((*server)->port()) + "/"}},
      folder.path() / "out", folder.path() / "err");
  EXPECT_EQ(shell.AwaitExit(), 0);
  EXPECT_EQ(mesg::testing::ReadText(folder.path() / "out"), "202 202 401 401 ")
      << mesg::testing::ReadText(folder.path() / "err");
  const std::scoped_lock lock(mutex);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], ids[1]);  // Core drops the second.
}

TEST(SignedRequestTest, WrongConfigurationIsNamedWithoutTheSecret) {
  const auto config = ReadConfig([](const std::string& name) {
    return name == "SIGNATURE" ? "standard" : name == "SECRET" ? "hush" : "";
  });
  EXPECT_THAT(config.error().message,
              ::testing::AllOf(HasSubstr("SECRET: expected whsec_"), Not(HasSubstr("hush"))));
}

Incoming Binary() {
  Incoming incoming;
  incoming.id = "request";
  incoming.target = "/";
  incoming.body = R"({"n":1})";
  incoming.headers = {
      {"ce-specversion", "1.0"}, {"ce-id", "A-1"},  {"Ce-Source", "/a%20%E2%82%AC"},
      {"ce-type", "t"},          {"ce-myext", "x"}, {"Content-Type", "application/json"}};
  return incoming;
}

TEST(CloudEventTest, BothModesAreRead) {
  const auto binary = ReadCloudEvent(Binary());
  ASSERT_TRUE(binary && *binary);
  EXPECT_EQ((*binary)->json,
            R"({"id":"A-1","myext":"x","source":"/a €","specversion":"1.0","type":"t",)"
            R"("datacontenttype":"application/json","data":{"n":1}})");
  Incoming structured;
  structured.headers = {{"Content-Type", "application/cloudevents+json; charset=utf-8"}};
  structured.body = R"({"specversion":"1.0","id":"A-1","source":"/a €","type":"t","data":{"n":1}})";
  const auto read = ReadCloudEvent(structured);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->json, structured.body);
  // The same event, whichever way it came.
  EXPECT_EQ(Outcome({}, Binary()), Outcome({}, structured));
  EXPECT_THAT(Judge({}, Binary(), kNow).events.at(0).json,
              HasSubstr(R"("cloudevent":{"id":"A-1")"));
  EXPECT_THAT(Outcome({}, Binary()), ::testing::StartsWith("cloudevent-"));
}

TEST(CloudEventTest, DataIsWhatItIs) {
  Incoming text = Binary();
  text.headers.back().second = "text/plain";
  EXPECT_THAT((**ReadCloudEvent(text)).json, HasSubstr(R"("data":"{\"n\":1}")"));
  text.body = "\xFF";
  EXPECT_THAT((**ReadCloudEvent(text)).json, HasSubstr(R"("data_base64":"/w==")"));
  text.headers.push_back({"ce-data", "spoofed"});
  EXPECT_THAT((**ReadCloudEvent(text)).json, Not(HasSubstr("spoofed")));
}

TEST(CloudEventTest, WhatIsNoneStaysARequestAndWhatIsBrokenIsRefused) {
  Incoming plain = Binary();
  plain.headers.erase(plain.headers.begin());
  EXPECT_FALSE(*ReadCloudEvent(plain));
  EXPECT_EQ(Outcome({}, plain), "request");
  Incoming old = Binary();
  old.headers[0].second = "0.3";
  EXPECT_THAT(Outcome({}, old), HasSubstr("400 {\"error\":\"expected a CloudEvent of specversion"));
  Incoming without = Binary();
  without.headers[1].second.clear();
  EXPECT_THAT(Outcome({}, without), HasSubstr("the CloudEvent lacks id"));
  Incoming structured;
  structured.headers = {{"Content-Type", "application/cloudevents+json"}};
  for (const char* body :
       {"", "[]", "{", R"({"specversion":"1.0","id":1,"source":"a","type":"t"})"}) {
    structured.body = body;
    EXPECT_THAT(Outcome({}, structured), HasSubstr("400 ")) << body;
  }
}

}  // namespace
}  // namespace mesg::services::webhook

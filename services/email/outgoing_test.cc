// From the inputs of `send` to the lines of a header.
#include "email/outgoing.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "email/config.h"
#include "email/decode.h"

namespace mesg::services::email {
namespace {

using ::testing::HasSubstr;

Result<Outgoing> Read(const std::string& inputs) {
  return ReadInputs(inputs, Address{.name = "", .address = "me@example.com"}, "run_1:a");
}

std::string Header(const std::string& inputs) {
  const auto outgoing = Read(inputs);
  if (!outgoing) return "refused: " + outgoing.error().message;
  return fmt::format("{}",
                     fmt::join(HeaderLines(*outgoing, FromMicros(1'700'000'000'000'000)), "\n"));
}

std::string Why(const std::string& fields) {
  const auto read = Read(R"({"to":"ann@example.com","text":"x",)" + fields + "}");
  return read ? "" : read.error().message;
}

TEST(OutgoingTest, HeaderIsComplete) {
  EXPECT_EQ(
      Header(R"({"to":"Ann <ann@example.com>, b@example.com","cc":["\"C, D\" <c@example.com>"],
      "bcc":"secret@example.com","reply_to":"r@example.com","subject":"Hello","text":"x",
      "headers":{"X-Order":"7"}})"),
      "Date: Tue, 14 Nov 2023 22:13:20 +0000\nFrom: me@example.com\n"
      "To: Ann\r\n <ann@example.com>,\r\n b@example.com\n"
      "Cc: \"C, D\"\r\n <c@example.com>\nReply-To: r@example.com\nSubject: Hello\n"
      "Message-ID:\r\n <mesg.run1a@example.com>\nX-Order: 7");
  EXPECT_THAT(Header(R"({"bcc":"b@example.com","text":"x"})"),
              HasSubstr("To: undisclosed-recipients:;"));
}

TEST(OutgoingTest, LongAndForeignTextIsEncodedInShortLines) {
  std::string foreign;
  for (int i = 0; i < 60; ++i) foreign += "grüße ";
  foreign += "!";
  const std::string words(300, 'w');
  for (const std::string& subject :
       {foreign, words, "a " + words, std::string("=?utf-8?Q?x?="),
        std::string("plain words ") + std::string(40, 'y') + " " + std::string(40, 'z') + " end"}) {
    const auto outgoing =
        Read(R"({"to":"Jürgen <j@example.com>","text":"x","subject":")" + subject + "\"}");
    ASSERT_TRUE(outgoing) << outgoing.error().message;
    for (const std::string& line : HeaderLines(*outgoing, TimePoint())) {
      std::size_t column = 0;
      for (const char c : line) {
        ASSERT_TRUE(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f)) << line;
        column = c == '\n' ? 0 : column + 1;
        ASSERT_LE(column, 87U) << line;
      }
      if (line.starts_with("Subject: ")) {
        EXPECT_EQ(DecodeHeader(line.substr(9)), subject);
      }
      if (line.starts_with("To: ")) {
        EXPECT_THAT(DecodeHeader(line.substr(4)), HasSubstr("Jürgen"));
      }
    }
  }
}

TEST(OutgoingTest, FileNamesSurvive) {
  for (const std::string& name :
       {std::string("report.pdf"), std::string("Übersicht für März \"1\".pdf"),
        std::string(200, 'n')}) {
    const Structured read = ParseStructured(Disposition(name).substr(21));
    EXPECT_EQ(read.value, "attachment");
    EXPECT_EQ(read.Parameter("filename"), name);
  }
}

TEST(OutgoingTest, HeadersCannotBeInjected) {
  EXPECT_THAT(Why(R"("subject":"a\r\nBcc: evil@example.com")"),
              HasSubstr("subject: expected one line"));
  EXPECT_THAT(Why(R"("headers":{"X-A":"b\nBcc: evil@example.com"})"),
              HasSubstr("headers.X-A: expected one line"));
  EXPECT_THAT(Why(R"("headers":{"X A":"b"})"), HasSubstr("is not a header's name"));
  EXPECT_THAT(Why(R"("headers":{"bcc":"e@example.com"})"), HasSubstr("use the input for it"));
  EXPECT_THAT(Why(R"("cc":"a@example.com\r\nBcc: e@example.com")"),
              HasSubstr("cc: holds a line break"));
  EXPECT_THAT(Why(R"("from":"x\n <a@example.com>")"), HasSubstr("from: holds a line break"));
  EXPECT_THAT(Why(R"("attachments":[{"name":"a\r\nX: y","content":""}])"),
              HasSubstr("attachments.name"));
  EXPECT_THAT(Why(R"("attachments":[{"name":"a","type":"x/y\r\nX: y","content":""}])"),
              HasSubstr("attachments.type"));
}

TEST(OutgoingTest, InputsThatCannotBeSentAreNamed) {
  for (const char* address : {"ann", "@example.com", "ann@", "a b@example.com", "ann@exa mple.com",
                              "änn@example.com", "ann@example..com", "a@b@", "<>x"}) {
    EXPECT_THAT(Why(R"("cc":")" + std::string(address) + "\""),
                HasSubstr("cc: expected an address such as"))
        << address;
  }
  EXPECT_THAT(Why(R"("attachments":[{"name":"a","content":"x","base64":"eA=="}])"),
              HasSubstr("needs either content or base64"));
  EXPECT_THAT(Why(R"("attachments":[{"name":"a","base64":"*"}])"), HasSubstr("expected base64"));
  EXPECT_THAT(Read(R"({"to":[],"text":"x"})").error().message,
              HasSubstr("expected 1 to 500 recipients"));
  EXPECT_THAT(ReadInputs(R"({"to":"a@x.org","text":""})", {}, "e").error().message,
              HasSubstr("FROM is not set"));
}

std::string ConfigProblem(std::map<std::string, std::string> variables) {
  const auto config = ReadConfig(Environment([&](const char* name) { return variables[name]; }));
  return config ? "" : config.error().message;
}

TEST(ConfigTest, WhatCannotWorkIsNamed) {
  EXPECT_THAT(ConfigProblem({}), HasSubstr("SMTP_HOST, IMAP_HOST"));
  EXPECT_EQ(ConfigProblem({{"SMTP_HOST", "h"}}), "");
  EXPECT_THAT(ConfigProblem({{"SMTP_HOST", "h/x"}}), HasSubstr("SMTP_HOST: expected the name"));
  EXPECT_THAT(ConfigProblem({{"IMAP_HOST", "h"}}), HasSubstr("IMAP_USER: expected the user"));
  EXPECT_THAT(ConfigProblem({{"SMTP_HOST", "h"}, {"SMTP_USER", "u"}}),
              HasSubstr("expected both or none"));
  EXPECT_THAT(
      ConfigProblem({{"SMTP_HOST", "mail.example.com"},
                     {"SMTP_TLS", "none"},
                     {"SMTP_USER", "u"},
                     {"SMTP_PASSWORD", "hush"}}),
      ::testing::AllOf(HasSubstr("a password is not sent without TLS"), Not(HasSubstr("hush"))));
  EXPECT_THAT(ConfigProblem({{"SMTP_HOST", "h"}, {"SMTP_TLS", "ssl"}}),
              HasSubstr("SMTP_TLS: expected one of tls, starttls, none"));
  EXPECT_THAT(ConfigProblem({{"SMTP_HOST", "h"}, {"FROM", "me"}}),
              HasSubstr("FROM: expected an address"));
}

}  // namespace
}  // namespace mesg::services::email

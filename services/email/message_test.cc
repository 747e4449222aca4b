// Reading messages as they come, hostile ones included.
#include "email/message.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/encoding.h"
#include "email/decode.h"
#include "email/event.h"
#include "mesg/json.h"

namespace mesg::services::email {
namespace {

using ::testing::HasSubstr;

std::string Lines(const std::string& text) {
  std::string lines;
  for (const char c : text) lines += c == '\n' ? "\r\n" : std::string{c};
  return lines;
}

std::string Shown(const std::vector<Address>& addresses) {
  std::string all;
  for (const Address& each : addresses) all += each.name + "<" + each.address + ">";
  return all;
}

std::string Json(const Message& message, std::size_t attachments = 1024 * 1024) {
  const Stored stored{.uid = 7, .size = 10, .received = 1'700'000'000, .raw = "0123456789"};
  return WriteReceived("INBOX", 3, stored, message, "", attachments);
}

TEST(MessageTest, ReadsAPlainMessage) {
  const Message message = ParseMessage(
      Lines("From: Ann Example <ann@example.com>\nTo: bob@example.com,\n \"C, D\" <c@example.com>\n"
            "Subject: Hello\n  there\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n"
            "Message-ID: <id-1@example.com>\n\nFirst line\nsecond\n"));
  EXPECT_EQ(Shown(message.from), "Ann Example<ann@example.com>");
  EXPECT_EQ(Shown(message.to), "<bob@example.com>C, D<c@example.com>");
  EXPECT_EQ(message.subject, "Hello  there");
  EXPECT_EQ(message.date, 1'700'000'000);
  EXPECT_EQ(message.message_id, "id-1@example.com");
  EXPECT_EQ(message.text, "First line\r\nsecond\r\n");
  EXPECT_FALSE(message.truncated);
}

TEST(MessageTest, ReadsTextHtmlAndAttachments) {
  const Message message = ParseMessage(Lines(R"(Subject: =?utf-8?Q?caf=C3=A9?= =?UTF-8?B?IOKCrA==?=
Content-Type: multipart/mixed; boundary="outer b"

preamble
--outer b
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 soft=
ly
--inner
Content-Type: text/html; charset=utf-8

<b>x</b>
--inner--
--outer b
Content-Type: application/pdf
Content-Disposition: attachment; filename*0*=UTF-8''r%C3%A9; filename*1="port.pdf"
Content-Transfer-Encoding: base64

AQID
BA==
--outer b
Content-Type: text/plain; name="../../etc/passwd"

notes
--outer b--
epilogue
)"));
  EXPECT_EQ(message.subject, "café €");
  EXPECT_EQ(message.text, "café softly");
  EXPECT_EQ(message.html, "<b>x</b>");
  ASSERT_EQ(message.attachments.size(), 2U);
  EXPECT_EQ(message.attachments[0].name, "réport.pdf");
  EXPECT_EQ(message.attachments[0].type, "application/pdf");
  EXPECT_EQ(message.attachments[0].bytes, "\x01\x02\x03\x04");
  EXPECT_EQ(message.attachments[1].name, "passwd");
  EXPECT_EQ(message.attachments[1].bytes, "notes");
}

TEST(MessageTest, AForwardedMessageIsAnAttachment) {
  const Message message =
      ParseMessage(Lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee below\n--b\n"
                         "Content-Type: message/rfc822\n\nSubject: inner\n\ninner text\n--b--\n"));
  EXPECT_EQ(message.text, "see below");
  ASSERT_EQ(message.attachments.size(), 1U);
  EXPECT_EQ(message.attachments[0].type, "message/rfc822");
  EXPECT_EQ(message.attachments[0].bytes, "Subject: inner\r\n\r\ninner text");
}

TEST(DecodeTest, CharsetsBecomeUtf8) {
  EXPECT_EQ(ToUtf8("\xE9", "ISO-8859-1"), "é");
  EXPECT_EQ(ToUtf8("\x1B$B$\"\x1B(B", "iso-2022-jp"), "あ");
  EXPECT_EQ(ToUtf8("a\xFFz", "utf-8"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(ToUtf8("\x80", "no-such-charset"), "€");  // As Windows-1252 has it.
  EXPECT_EQ(ToUtf8("é", "../../tmp/evil"), "é");
  EXPECT_EQ(ToUtf8("x", "UTF-16BE"), "\xEF\xBF\xBD");  // Half a character.
}

TEST(DecodeTest, EncodedWordsAreReadAndBrokenOnesStay) {
  EXPECT_EQ(DecodeHeader("=?utf-8?B?w6Q=?=\r\n =?utf-8?Q?_b?= c"), "ä b c");
  // One character over two words.
  EXPECT_EQ(DecodeHeader("=?utf-8?Q?=C3?= =?utf-8?Q?=A4?="), "ä");
  EXPECT_EQ(DecodeHeader("=?utf-8?X?abc?= =?utf-8?B?"), "=?utf-8?X?abc?= =?utf-8?B?");
  EXPECT_EQ(DecodeHeader("=?utf-8*en?Q?ok?="), "ok");
}

TEST(DecodeTest, AddressesAreTakenApart) {
  EXPECT_EQ(Shown(SplitAddresses("team: a@x.org, (note (nested)) B <b@x.org>; c@x.org (C)")),
            "<a@x.org>B<b@x.org><c@x.org>");
  EXPECT_EQ(Shown(SplitAddresses(R"("a \" , b" <q@x.org>, <>,,)")), "a \" , b<q@x.org>");
}

// Everything below must end soon, in bounded memory, with a JSON value that Core takes.
TEST(HostileTest, NestingIsCutOff) {
  std::string raw;
  for (int i = 0; i < 100'000; ++i) {
    raw += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" +
           std::to_string(i) + "\n";
  }
  const Message message = ParseMessage(raw);
  EXPECT_TRUE(message.truncated);
  EXPECT_TRUE(sdk::IsJson(Json(message)));
  EXPECT_FALSE(SplitAddresses(std::string(1'000'000, '(') + "a@x.org").size() > 1);
}

TEST(HostileTest, ManyPartsAndHeadersAreCutOff) {
  std::string raw = "Content-Type: multipart/mixed; boundary=b\n";
  for (int i = 0; i < 50'000; ++i)
    raw += "X-" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  raw += "X-Long: " + std::string(500'000, 'x') + "\n\n";
  for (int i = 0; i < 50'000; ++i) raw += "--b\nContent-Type: image/png\n\n.\n";
  const Message message = ParseMessage(raw);
  EXPECT_TRUE(message.truncated);
  EXPECT_LE(message.headers.size(), 300U);
  EXPECT_LE(message.attachments.size(), 200U);
  EXPECT_TRUE(sdk::IsJson(Json(message)));
}

TEST(HostileTest, WhatIsTooMuchForAnEventIsLeftOutAndMarked) {
  Message message = ParseMessage("Subject: s\n\n" + std::string(6'000'000, '\x01'));
  message.attachments.push_back({.name = "a", .type = "x/y", .bytes = std::string(2'000'000, 'b')});
  const std::string json = Json(message, 100);
  EXPECT_LE(json.size(), 3'500U * 1024);
  EXPECT_TRUE(sdk::IsJson(json));
  EXPECT_THAT(json, HasSubstr(R"("name":"a","type":"x/y","size":2000000,"omitted":true)"));
  EXPECT_THAT(json, HasSubstr(R"("truncated":true)"));
  // Characters stay whole.
  message.text.clear();
  for (int i = 0; i < 600'000; ++i) message.text += "ä";
  message.text.insert(0, "x");
  EXPECT_THAT(Json(message), Not(HasSubstr("\xEF\xBF\xBD")));
}

TEST(HostileTest, NoiseIsReadAsFarAsItGoes) {
  const std::string sample = Lines(
      "From: =?utf-8?B?w6Q=?= <a@x.org>\nTo: \"x\\\" (, <\nSubject: =?=?utf-8?Q?=?=\n"
      "Content-Type: multipart/mixed; boundary=\"b\\\"\"; x*1*=%; x*0*='';;=\nDate: x\n\n--b\"\n"
      "Content-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: base64\n\n+A=\n--b\"--");
  std::mt19937 random(1);
  for (int round = 0; round < 3'000; ++round) {
    std::string raw = sample;
    for (int i = 0; i < 8; ++i) {
      const auto at = random() % raw.size();
      if (random() % 3 == 0) {
        raw.erase(at, random() % 9);
      } else {
        raw.insert(
            at, 1,
            static_cast<char>(random() % 4 == 0 ? random() % 256 : "=?\";<>:\r\n"[random() % 9]));
      }
      if (raw.empty()) raw = "x";
    }
    ASSERT_TRUE(sdk::IsJson(Json(ParseMessage(raw)))) << ToHex(raw);
  }
}

TEST(EventTest, IdFollowsTheMessageNotItsNumber) {
  Stored a{.uid = 1, .size = 3, .received = 5, .raw = "abc"};
  Stored b = a;
  b.uid = 9;
  EXPECT_EQ(EventId(a), EventId(b));
  b.raw = "abd";
  EXPECT_NE(EventId(a), EventId(b));
}

}  // namespace
}  // namespace mesg::services::email

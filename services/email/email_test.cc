// Against OpenSMTPD and Dovecot: what is sent goes through a real server into a real mailbox and
// comes back as an event.
#include <algorithm>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include "connector/service_test_support.h"
#include "email/smtp.h"

namespace mesg::services::email {
namespace {

using mesg::testing::ChildProcess;
using mesg::testing::Eventually;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

// OpenSMTPD's control socket and queue have fixed places, so one test at a time has it.
class OneAtATime {
 public:
  OneAtATime() : fd_(open("/tmp/mesg-test-smtpd.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    flock(fd_, LOCK_EX);
  }
  ~OneAtATime() { close(fd_); }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

 private:
  const int fd_;
};

class EmailTest : public ServiceTest {
 protected:
  EmailTest() : ServiceTest("email") {}

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: opensmtpd and dovecot change their user";
    fs::permissions(Folder(),
                    fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    fs::create_directory(Mail());
    const passwd* const nobody = getpwnam("nobody");
    ASSERT_NE(nobody, nullptr);
    ASSERT_EQ(chown(Mail().c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    uid_ = nobody->pw_uid;
    gid_ = nobody->pw_gid;
    ChildProcess openssl(
        {"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
         Path("key.pem"), "-out", Path("cert.pem")},
        {}, Folder() / "openssl.out", Folder() / "openssl.err");
    ASSERT_EQ(openssl.AwaitExit(), 0) << mesg::testing::ReadText(Folder() / "openssl.err");
    fs::permissions(Folder() / "key.pem", fs::perms::owner_read);
  }

  fs::path Mail() const { return Folder() / "mail"; }
  std::string Path(const std::string& name) const { return (Folder() / name).string(); }

  void StartDovecot(const std::string& more = {}) {
    if (imap_ == nullptr) {
      const std::uint16_t port = FreePort();
      std::ofstream(Folder() / "dovecot.conf")
          << "base_dir = " << Path("run") << "\nstate_dir = " << Path("state")
          << "\nlog_path = /dev/stderr\nprotocols = imap\nlisten = 127.0.0.1\n"
          << "ssl = required\nssl_cert = <" << Path("cert.pem") << "\nssl_key = <"
          << Path("key.pem") << "\nmail_location = maildir:~/Maildir\n"
          << "passdb {\n driver = static\n args = password=secret-imap\n}\n"
          << "userdb {\n driver = static\n args = uid=nobody gid=nogroup home=" << Path("mail")
          << "/%n\n}\nservice imap-login {\n chroot =\n inet_listener imap {\n port = 0\n }\n"
          << " inet_listener imaps {\n address = 127.0.0.1\n port = " << port
          << "\n ssl = yes\n }\n}\nservice stats {\n chroot =\n}\n"
          << more;
      imap_ = std::make_unique<Component>(
          std::vector<std::string>{"dovecot", "-F", "-c", Path("dovecot.conf")}, port, Folder());
    }
    ASSERT_TRUE(imap_->Start()) << imap_->Output();
  }

  void StartSmtpd() {
    lock_ = std::make_unique<OneAtATime>();
    const std::uint16_t port = FreePort();
    std::ofstream(Folder() / "smtpd.conf")
        << "table users { \"@\" = \"nobody\" }\n"
        << "filter later phase rcpt-to match rcpt-to { \"later@example.org\" } reject \"451 come "
           "back\"\n"
        << "listen on 127.0.0.1 port " << port << " filter later\n"
        << "action deliver maildir \"" << Path("mail")
        << "/%{rcpt.user}/Maildir\" virtual <users>\n"
        << "match from any for domain \"example.org\" action deliver\n";
    fs::permissions(Folder() / "smtpd.conf", fs::perms::owner_read | fs::perms::owner_write);
    smtp_ = std::make_unique<Component>(
        std::vector<std::string>{"smtpd", "-d", "-f", Path("smtpd.conf")}, port, Folder());
    ASSERT_TRUE(smtp_->Start()) << smtp_->Output();
  }

  Texts ImapEnv() const {
    return {{"IMAP_HOST", "localhost"},
            {"IMAP_PORT", std::to_string(imap_->port())},
            {"IMAP_USER", "bob"},
            {"IMAP_PASSWORD", "secret-imap"},
            {"CA_FILE", Path("cert.pem")}};
  }
  Texts FullEnv() const {
    Texts env = ImapEnv();
    env.insert({{"SMTP_HOST", "localhost"},
                {"SMTP_PORT", std::to_string(smtp_->port())},
                {"SMTP_TLS", "none"},
                {"FROM", "Ann <ann@example.org>"}});
    return env;
  }
  // OpenSMTPD as Debian 12 has it cannot accept TLS (its keys do not reach OpenSSL 3); that part
  // has its test with ScriptedServer.
  Server Smtp() const {
    return {.host = "localhost", .port = smtp_->port(), .security = Server::Security::kNone};
  }

  // As a delivery agent does it.
  void Deliver(const std::string& name, const std::string& raw) {
    const fs::path maildir = Mail() / "bob" / "Maildir";
    for (const char* each : {"", "tmp", "new", "cur"}) fs::create_directories(maildir / each);
    for (const fs::path& each :
         {Mail() / "bob", maildir, maildir / "tmp", maildir / "new", maildir / "cur"}) {
      ASSERT_EQ(chown(each.c_str(), uid_, gid_), 0);
    }
    std::ofstream(maildir / "tmp" / name, std::ios::binary) << raw;
    ASSERT_EQ(chown((maildir / "tmp" / name).c_str(), uid_, gid_), 0);
    fs::rename(maildir / "tmp" / name, maildir / "new" / name);
  }
  void DeliverNumber(int number) {
    const std::string text = std::to_string(number);
    ASSERT_NO_FATAL_FAILURE(
        Deliver(text + ".here", "From: a@x.org\nSubject: number " + text + ";\n\nbody\n"));
  }
  static std::size_t Count(const std::vector<Event>& events, const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        events, [&](const Event& each) { return each.data.find(text) != std::string::npos; }));
  }
  // The position is there: what comes from now on is new.
  void AwaitWatching() {
    ASSERT_TRUE(
        Eventually([&] { return imap_->Output().find("Login: user=<bob>") != std::string::npos; }));
  }

  uid_t uid_ = 0;
  gid_t gid_ = 0;
  std::unique_ptr<OneAtATime> lock_;
  std::unique_ptr<Component> smtp_;
  std::unique_ptr<Component> imap_;
};

TEST_F(EmailTest, WhatIsSentComesBackAsAnEvent) {
  ASSERT_NO_FATAL_FAILURE(StartSmtpd());
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  Texts env = FullEnv();
  env["START"] = "oldest";
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  const auto sent =
      Execute("send", R"({"to":"Bob <bob@example.org>, nobody@else.where","subject":"Grüße ✓",
      "text":"Hello\n.\nlast","html":"<p>Hällo</p>","headers":{"X-Order":"42"},
      "attachments":[{"name":"Übersicht.txt","type":"text/csv","content":"a,b"},
                     {"name":"raw","base64":"AAECAw=="}]})");
  ASSERT_TRUE(sent) << sent.error().message << Log();
  EXPECT_THAT(*sent, AllOf(HasSubstr(R"("accepted":["bob@example.org"])"),
                           HasSubstr(R"("rejected":[{"address":"nobody@else.where","code":550)")));
  const auto events = AwaitEvents(1);
  ASSERT_EQ(events.size(), 1U);
  const std::string& data = events[0].data;
  EXPECT_THAT(data, AllOf(HasSubstr(R"("from":"ann@example.org","from_name":"Ann")"),
                          HasSubstr(R"("to":["bob@example.org","nobody@else.where"])"),
                          HasSubstr(R"("subject":"Grüße ✓")"), HasSubstr(R"("x-order":"42")")));
  EXPECT_THAT(data, AllOf(HasSubstr(R"("text":"Hello\r\n.\r\nlast")"),
                          HasSubstr(R"("html":"<p>Hällo</p>")")));
  EXPECT_THAT(
      data,
      HasSubstr(
          R"({"name":"Übersicht.txt","type":"text/csv","size":3,"base64":"YSxi","omitted":false})"));
  EXPECT_THAT(data, HasSubstr(R"("size":4,"base64":"AAECAw==")"));
  const auto begin = sent->find(R"("message_id":)");
  EXPECT_THAT(data, HasSubstr(sent->substr(begin, sent->find(',', begin) - begin)));
  EXPECT_EQ(Health(), "");
  EXPECT_THAT(Log(), AllOf(HasSubstr("started"), Not(HasSubstr("secret-imap"))));
}

TEST_F(EmailTest, RefusalsForGoodAndForNowAreToldApart) {
  ASSERT_NO_FATAL_FAILURE(StartSmtpd());
  const auto send = [&](const std::string& to, const Server& server) {
    const auto outgoing = ReadInputs(R"({"text":"x","to":")" + to + "\"}",
                                     Address{.name = {}, .address = "ann@example.org"}, "e");
    return Send(server, *outgoing, TimePoint(), [] { return false; });
  };
  const auto never = send("x@else.where", Smtp());
  EXPECT_EQ(never.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(never.error().message,
              HasSubstr("takes none of the 1 recipients; x@else.where: 550"));
  const auto later = send("later@example.org, x@else.where", Smtp());
  EXPECT_EQ(later.error().code, Code::kUnavailable);
  EXPECT_THAT(later.error().message, HasSubstr("later@example.org: 451"));
  const auto outgoing = ReadInputs(R"({"text":"x","to":"bob@example.org"})",
                                   Address{.name = {}, .address = "ann@example.org"}, "e");
  EXPECT_EQ(Send(Smtp(), *outgoing, TimePoint(), [] { return true; }).error().code,
            Code::kCancelled);
}

// Kills of every side while messages keep coming: each becomes exactly one event.
TEST_F(EmailTest, NothingIsLostOrDoubledByKills) {
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  Texts env = ImapEnv();
  env["START"] = "oldest";
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  int next = 1000;
  const auto deliver = [&](int count) {
    for (int i = 0; i < count; ++i) DeliverNumber(next++);
  };
  deliver(40);
  AwaitEvents(5);
  imap_->Kill();
  deliver(20);
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  AwaitEvents(45);
  deliver(40);
  ASSERT_NO_FATAL_FAILURE(KillService());
  deliver(5);
  AwaitEvents(70);
  deliver(40);
  KillCore();
  deliver(5);
  ASSERT_NO_FATAL_FAILURE(StartCore());
  deliver(5);
  const auto events = AwaitEvents(155);
  EXPECT_EQ(events.size(), 155U);
  for (int number = 1000; number < next; ++number) {
    EXPECT_EQ(Count(events, "number " + std::to_string(number) + ";"), 1U) << number;
  }
  EXPECT_TRUE(Eventually([&] { return Health().empty(); })) << Health();
}

TEST_F(EmailTest, ANewStartBeginsWithTheNextMessage) {
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(1));
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  ASSERT_NO_FATAL_FAILURE(StartService(ImapEnv()));
  ASSERT_NO_FATAL_FAILURE(AwaitWatching());
  // Whether 2 came before the first look or after it is the machine's business; 1 was there before.
  ASSERT_TRUE(Eventually([&] {
    static int number = 2;
    DeliverNumber(number++);
    return !Events().empty();
  }));
  EXPECT_EQ(Count(Events(), "number 1;"), 0U);
}

TEST_F(EmailTest, MessagesNumberedAnewAreNotRepeated) {
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  Texts env = ImapEnv();
  env["START"] = "oldest";
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(1));
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(2));
  AwaitEvents(2);
  imap_->Kill();
  std::vector<fs::path> own;
  for (const auto& entry : fs::directory_iterator(Mail() / "bob" / "Maildir")) {
    if (entry.path().filename().string().starts_with("dovecot")) own.push_back(entry.path());
  }
  EXPECT_FALSE(own.empty());
  for (const fs::path& each : own) fs::remove_all(each);
  std::ofstream(Mail() / "bob" / "Maildir" / "dovecot-uidlist")
      << "3 V77 N1 G0123456789abcdef0123456789abcdef\n";
  ASSERT_EQ(chown((Mail() / "bob" / "Maildir" / "dovecot-uidlist").c_str(), uid_, gid_), 0);
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(3));
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  const auto events = AwaitEvents(4);
  EXPECT_EQ(events.size(), 4U);
  EXPECT_EQ(Count(events, R"("reason":"the server has numbered its messages anew")"), 1U);
  EXPECT_EQ(Count(events, R"("uidvalidity":77)"), 2U);
  for (const char* subject : {"number 1;", "number 2;", "number 3;"}) {
    EXPECT_EQ(Count(events, subject), 1U) << subject;
  }
}

TEST_F(EmailTest, WithoutIdleItPolls) {
  ASSERT_NO_FATAL_FAILURE(StartDovecot("imap_capability = IMAP4rev1\n"));
  Texts env = ImapEnv();
  env.insert({{"START", "oldest"}, {"POLL", "100ms"}, {"MARK_SEEN", "true"}});
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(1));
  AwaitEvents(1);
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(2));
  EXPECT_EQ(Count(AwaitEvents(2), "number 2;"), 1U);
  const auto seen = [&] {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(Mail() / "bob" / "Maildir" / "cur")) {
      count += entry.path().filename().string().ends_with(":2,S") ? 1U : 0U;
    }
    return count;
  };
  EXPECT_TRUE(Eventually([&] { return seen() == 2; }));
}

TEST_F(EmailTest, HostileMessagesDoNotStopTheStream) {
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  std::string nested;
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    nested.append("Content-Type: multipart/mixed; boundary=b").append(number);
    nested.append("\n\n--b").append(number).append("\n");
  }
  Deliver("1.here", nested);
  Deliver("2.here", "Subject: " + std::string(1'000'000, 'x') + "\n\n");
  Deliver("3.here", std::string(100'000, '\xFF'));
  Deliver("4.here", "From: " + std::string(200'000, '(') + "\n\n");
  Deliver("5.here", "");
  Deliver("6.here", "Subject: large\n\n" + std::string(9 * 1024 * 1024, '\x02'));
  ASSERT_NO_FATAL_FAILURE(DeliverNumber(7));
  Texts env = ImapEnv();
  env["START"] = "oldest";
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  const auto events = AwaitEvents(7);
  EXPECT_EQ(events.size(), 7U);
  EXPECT_EQ(Count(events, "number 7;"), 1U);
  EXPECT_GE(Count(events, R"("truncated":true)"), 3U);
}

TEST_F(EmailTest, ARefusedLoginIsReportedWithoutThePassword) {
  ASSERT_NO_FATAL_FAILURE(StartDovecot());
  Texts env = ImapEnv();
  env["IMAP_PASSWORD"] = "not-this-one";
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  EXPECT_TRUE(Eventually([&] {
    return Health().find("the login is refused") != std::string::npos;
  })) << Health();
  EXPECT_THAT(Health() + Log(),
              AllOf(HasSubstr("IMAP at localhost:"), Not(HasSubstr("not-this-one"))));
  env = ImapEnv();
  env.erase("CA_FILE");
  ASSERT_NO_FATAL_FAILURE(StartService(env));
  EXPECT_TRUE(Eventually([&] { return Health().find("ertificate") != std::string::npos; }))
      << Health();
}

}  // namespace
}  // namespace mesg::services::email

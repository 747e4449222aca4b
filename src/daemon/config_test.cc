#include "daemon/config.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "daemon/settings.h"

namespace mesg::daemon {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string folder = testing::TempDir() + "mesg-config-XXXXXX";
    home_ = mkdtemp(folder.data());
    variables_["MESG_HOME"] = home_;
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  void File(const std::string& text) { std::ofstream(home_ + "/config.yml") << text; }
  std::string FileName() const { return home_ + "/config.yml"; }

  Config Load(const std::vector<std::string>& arguments = {}) {
    Result<Request> request = LoadConfig(arguments, variables_);
    EXPECT_TRUE(request) << request.error().message;
    return request ? request->config : Config();
  }
  std::string Refusal(const std::vector<std::string>& arguments = {}) {
    const Result<Request> request = LoadConfig(arguments, variables_);
    return request ? "accepted" : request.error().message;
  }

  std::string home_;
  Variables variables_;
};

TEST_F(ConfigTest, DefaultsComeFromTheRooms) {
  const Config config = Load();
  EXPECT_EQ(config.broker.limits.payload_bytes, broker::Limits().payload_bytes);
  EXPECT_EQ(config.broker.durability, store::Durability::kSync);
  EXPECT_EQ(FormatAddresses(config.grpc), "localhost:50052");
  EXPECT_EQ(config.directories.data, home_ + "/data");
  EXPECT_TRUE(config.origins.empty());
}

TEST_F(ConfigTest, FlagsWinOverVariablesOverTheFile) {
  File("retry_initial: 1s\nretry_max: 2s\ndefault_timeout: 3s\n");
  variables_["MESG_RETRY_MAX"] = "20s";
  variables_["MESG_DEFAULT_TIMEOUT"] = "30s";
  const Config config = Load({"--default-timeout", "300s"});
  EXPECT_EQ(config.broker.default_retry.initial, seconds(1));
  EXPECT_EQ(config.broker.default_retry.max, seconds(20));
  EXPECT_EQ(config.broker.default_timeout, seconds(300));
  EXPECT_EQ(config.origins.at("retry_initial"), FileName() + ":1");
  EXPECT_EQ(config.origins.at("retry_max"), "MESG_RETRY_MAX");
  EXPECT_EQ(config.origins.at("default_timeout"), "--default-timeout");
}

TEST_F(ConfigTest, AFlagMayHaveItsValueBehindAnEqualsSign) {
  EXPECT_EQ(Load({"--durability=async"}).broker.durability, store::Durability::kAsync);
}

TEST_F(ConfigTest, ASwitchNeedsNoValue) {
  EXPECT_TRUE(Load({"--insecure"}).insecure);
  EXPECT_FALSE(Load({"--insecure=false"}).insecure);
}

TEST_F(ConfigTest, AllThatIsWrongInTheFileIsSaidAtOnce) {
  File("payload_byte: 1MiB\nlisteners: many\n\nworkers: [1, 2]\n");
  EXPECT_EQ(Refusal(), FileName() +
                           ":1: there is no setting payload_byte, did you mean "
                           "payload_bytes?\n" +
                           FileName() + ":2: listeners must be a whole number, got \"many\"\n" +
                           FileName() + ":4: workers must have one value");
}

TEST_F(ConfigTest, AKeyThatIsThereTwiceIsRefused) {
  File("workers: 1\nworkers: 2\n");
  EXPECT_THAT(Refusal(), HasSubstr(FileName() + ":2: "));
}

TEST_F(ConfigTest, AFileThatIsNoYamlIsRefusedWithItsLine) {
  File("workers: 1\nlisteners: [\n");
  EXPECT_THAT(Refusal(), HasSubstr(FileName() + ":"));
  File("just text\n");
  EXPECT_THAT(Refusal(), HasSubstr("must be lines of KEY: VALUE"));
}

TEST_F(ConfigTest, AnEmptyFileSaysNothing) {
  for (const char* text : {"", "# nothing yet\n", "\n\n"}) {
    File(text);
    EXPECT_TRUE(Load().origins.empty()) << text;
  }
}

TEST_F(ConfigTest, AnUnknownFlagIsWrongUsage) {
  const Result<Request> request = LoadConfig({"--payload-byte", "1"}, variables_);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message,
            "mesg core has no option --payload-byte: did you mean --payload-bytes?");
  EXPECT_EQ(request.error().reason, kUsageReason);
  EXPECT_THAT(Refusal({"now"}), HasSubstr("does not know what to do with \"now\""));
  EXPECT_EQ(Refusal({"--workers"}), "--workers needs a value");
  EXPECT_THAT(Refusal({"--json"}), HasSubstr("belongs to --print-config"));
}

TEST_F(ConfigTest, AMisspeltVariableIsAnErrorAndAStrangeOneIsNot) {
  variables_["MESG_SERVICE_PORT_50052_TCP"] = "tcp://10.0.0.1:50052";
  variables_["MESG_TOKEN"] = "somebody else's";
  Load();
  variables_["MESG_PAYLOAD_BYTE"] = "1MiB";
  EXPECT_EQ(Refusal(),
            "the environment sets MESG_PAYLOAD_BYTE, which is no setting: did you mean "
            "MESG_PAYLOAD_BYTES?");
}

TEST_F(ConfigTest, AnEmptyVariableIsNotSet) {
  variables_["MESG_WORKERS"] = "";
  EXPECT_EQ(Load().broker.limits.workers, broker::Limits().workers);
}

TEST_F(ConfigTest, ValuesOutOfRangeAreRefusedWithTheRange) {
  EXPECT_EQ(Refusal({"--payload-bytes", "1GiB"}),
            "--payload-bytes must be from 1KiB to 16MiB, got 1GiB");
  EXPECT_EQ(Refusal({"--retry-attempts", "0"}), "--retry-attempts must be from 1 to 1000, got 0");
  EXPECT_EQ(Refusal({"--retry-jitter", "2"}), "--retry-jitter must be from 0 to 1, got 2");
  EXPECT_EQ(Refusal({"--partitions", "2"}), "--partitions must be from 1 to 1, got 2");
  EXPECT_THAT(Refusal({"--stop-grace", "soon"}), HasSubstr("must be a time such as 10s"));
  EXPECT_THAT(Refusal({"--log-level", "or"}), HasSubstr("must be debug, info, warn or error"));
  EXPECT_THAT(Refusal({"--log-level", "info,"}), HasSubstr("must be debug"));
  EXPECT_THAT(Refusal({"--durability", "maybe"}), HasSubstr("must be sync or async"));
  EXPECT_THAT(Refusal({"--data-directory", "data"}), HasSubstr("must be an absolute path"));
}

TEST_F(ConfigTest, ACommitMustHoldWhatOneExecutionNeeds) {
  EXPECT_EQ(Refusal({"--payload-bytes", "8MiB"}),
            "commit_bytes (16MiB) must be at least three times payload_bytes (8MiB)");
  Load({"--payload-bytes", "8MiB", "--commit-bytes", "24MiB"});
}

TEST_F(ConfigTest, OtherMachinesAreOnlyLetInOnRequest) {
  EXPECT_THAT(Refusal({"--grpc-address", "0.0.0.0:50052"}), HasSubstr("--insecure"));
  EXPECT_THAT(Refusal({"--grpc-address", "localhost:1,192.168.0.1:1"}),
              HasSubstr("grpc_address 192.168.0.1:1 can be reached by other machines"));
  EXPECT_THAT(Refusal({"--http-address", "*:80"}), HasSubstr("http_address"));
  Load({"--grpc-address", "0.0.0.0:50052", "--insecure"});
}

TEST_F(ConfigTest, PrintedConfigurationReadsBackTheSameAndNamesOrigins) {
  variables_["MESG_DURABILITY"] = "async";
  const Config config = Load({"--grpc-address=[::1]:7", "--retry-factor", "1.5"});
  const std::string printed = PrintConfig(config);
  EXPECT_THAT(printed, HasSubstr("durability: async"));
  EXPECT_THAT(printed, HasSubstr("# MESG_DURABILITY\n"));
  EXPECT_THAT(printed, HasSubstr("# --grpc-address\n"));
  EXPECT_THAT(printed, HasSubstr("# default\n"));
  variables_.erase("MESG_DURABILITY");
  File(printed);
  const Config again = Load();
  for (const Setting& setting : Settings()) {
    EXPECT_EQ(setting.get(again), setting.get(config)) << setting.key;
    EXPECT_THAT(again.origins.at(std::string(setting.key)), HasSubstr("config.yml:"));
  }
  EXPECT_THAT(PrintConfigJson(config),
              HasSubstr(R"({"key":"durability","value":"async","origin":"MESG_DURABILITY"})"));
}

TEST_F(ConfigTest, TheKeyOfSecretsLiesBesideTheConfigurationUnlessToldOtherwise) {
  EXPECT_EQ(Load().secrets_key_file, home_ + "/secrets.key");
  EXPECT_EQ(Load().secrets_passphrase_file, "");
  EXPECT_EQ(Load({"--secrets-key-file", "/etc/mesg/key"}).secrets_key_file, "/etc/mesg/key");
  EXPECT_THAT(Refusal({"--secrets-key-file", "key"}), HasSubstr("must be an absolute path"));
  variables_["MESG_SECRETS_PASSPHRASE_FILE"] = "/dev/fd/3";
  EXPECT_EQ(Load().secrets_passphrase_file, "/dev/fd/3");
}

TEST_F(ConfigTest, APassphraseInTheWrongPlaceIsNotRepeated) {
  const std::string passphrase = "correct horse";
  for (const std::string flag : {"--secrets-passphrase-file", "--secrets-passphrase"}) {
    EXPECT_THAT(Refusal({flag, passphrase}), testing::Not(HasSubstr(passphrase)));
    EXPECT_THAT(Refusal({flag + "=" + passphrase}), testing::Not(HasSubstr(passphrase)));
  }
  EXPECT_THAT(Refusal({"--secrets-passphrase-file", passphrase}),
              HasSubstr("must be the absolute path of a file with the passphrase"));
  variables_["MESG_SECRETS_PASSPHRASE"] = passphrase;
  EXPECT_EQ(Refusal(),
            "the environment sets MESG_SECRETS_PASSPHRASE, which is no setting: did you mean "
            "MESG_SECRETS_PASSPHRASE_FILE?");
}

TEST_F(ConfigTest, HelpAndPrintingAreAskedForByFlags) {
  EXPECT_EQ(LoadConfig({"--help"}, variables_)->action, Request::Action::kHelp);
  EXPECT_EQ(LoadConfig({"--print-config"}, variables_)->action, Request::Action::kPrint);
  EXPECT_EQ(LoadConfig({"--print-config", "--json"}, variables_)->action,
            Request::Action::kPrintJson);
  for (const Setting& setting : Settings()) EXPECT_THAT(CoreHelp(), HasSubstr(setting.Flag()));
}

TEST_F(ConfigTest, EverySettingCanBeSetToWhatItIs) {
  for (const Setting& setting : Settings()) {
    Config config;
    config.directories.data = "/data";
    config.secrets_key_file = "/config/secrets.key";
    EXPECT_TRUE(setting.set(config, setting.get(config))) << setting.key;
  }
}

TEST(ConfigReference, IsWhatTheDocumentationSays) {
  std::ifstream in(MESG_CONFIG_REFERENCE);
  const std::string page(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(page, HasSubstr(ConfigReference()));
}

}  // namespace
}  // namespace mesg::daemon

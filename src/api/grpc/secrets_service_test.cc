#include <filesystem>

#include <gmock/gmock.h>
#include <stdlib.h>

#include "api/grpc/api_fixture_test.h"
#include "mesg/v1/secrets.grpc.pb.h"
#include "store/secrets/secret_store.h"

namespace mesg::api {
namespace {

using testing::HasSubstr;
using testing::Not;

/// `mesg.v1.Secrets` on a real server, over a store on disk.
class SecretsServiceTest : public ApiTest {
 protected:
  void SetUp() override {
    Start();
    std::string folder = testing::TempDir() + "mesg-secrets-api-XXXXXX";
    folder_ = mkdtemp(folder.data());
    store_ = store::SecretStore::Open({.file = folder_ / "secrets",
                                       .key_file = folder_ / "secrets.key",
                                       .passphrase_file = {},
                                       .cost = {}},
                                      clock_)
                 .value();
    Core core;
    core.broker = broker_.get();
    core.secrets = store_.get();
    server_ = Server::Start({{"127.0.0.1:0"}}, core).value();
    secrets_ = v1::Secrets::NewStub(
        grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials()));
    server_->SetReady();
  }
  void TearDown() override {
    ApiTest::TearDown();
    std::filesystem::remove_all(folder_);
  }

  grpc::Status Set(const std::string& name, const std::string& value,
                   v1::SetSecretResponse* response = nullptr) {
    v1::SetSecretRequest request;
    request.set_name(name);
    request.set_value(value);
    v1::SetSecretResponse ignored;
    return secrets_->Set(Anonymous().get(), request, response == nullptr ? &ignored : response);
  }
  grpc::Status Remove(const std::string& name) {
    v1::RemoveSecretRequest request;
    request.set_name(name);
    v1::RemoveSecretResponse response;
    return secrets_->Remove(Anonymous().get(), request, &response);
  }
  v1::ListSecretsResponse List() {
    v1::ListSecretsResponse response;
    EXPECT_TRUE(secrets_->List(Anonymous().get(), v1::ListSecretsRequest(), &response).ok());
    return response;
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  std::unique_ptr<store::SecretStore> store_;
  std::unique_ptr<v1::Secrets::Stub> secrets_;
};

TEST_F(SecretsServiceTest, ASecretIsSetListedAndRemoved) {
  v1::SetSecretResponse response;
  ASSERT_TRUE(Set("smtp", "hunter2", &response).ok());
  EXPECT_TRUE(response.created());
  EXPECT_EQ(response.secret().name(), "smtp");
  EXPECT_EQ(response.secret().created_us(), ToMicros(clock_.Now()));
  ASSERT_TRUE(Set("smtp", "hunter3", &response).ok());
  EXPECT_FALSE(response.created());
  ASSERT_TRUE(Set("api", "x").ok());
  ASSERT_EQ(List().secrets_size(), 2);
  EXPECT_EQ(List().secrets(0).name(), "api");
  EXPECT_EQ(List().secrets(1).updated_us(), ToMicros(clock_.Now()));
  EXPECT_EQ(store_->Get("smtp").value(), "hunter3");
  EXPECT_TRUE(Remove("smtp").ok());
  EXPECT_EQ(List().secrets_size(), 1);
  EXPECT_EQ(Remove("smtp").error_code(), grpc::NOT_FOUND);
}

TEST_F(SecretsServiceTest, NoAnswerHoldsAValue) {
  const std::string value = "a value to be kept";
  v1::SetSecretResponse response;
  ASSERT_TRUE(Set("a", value, &response).ok());
  EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr(value)));
  EXPECT_THAT(List().SerializeAsString(), Not(HasSubstr(value)));
  for (const grpc::Status& refused :
       {Set(value, "v"), Remove(value), Set("a", value + std::string(65'536, 'x')),
        Set("a", value + "\xff")}) {
    EXPECT_EQ(refused.error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_THAT(refused.error_message() + refused.error_details(), Not(HasSubstr(value)));
  }
}

TEST_F(SecretsServiceTest, NoSecretIsTakenOnceCoreStops) {
  server_->Stop(Duration(0));
  EXPECT_EQ(Set("a", "v").error_code(), grpc::UNAVAILABLE);
  EXPECT_TRUE(store_->List().empty());
}

TEST_F(SecretsServiceTest, ACoreWithoutSecretsSaysSo) {
  server_.reset();
  Serve();
  secrets_ = v1::Secrets::NewStub(channel_);
  EXPECT_EQ(Set("a", "v").error_code(), grpc::UNIMPLEMENTED);
}

}  // namespace
}  // namespace mesg::api

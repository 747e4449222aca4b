#include "api/grpc/application_wire.h"

#include <gtest/gtest.h>

namespace mesg::api {
namespace {

constexpr const char* kFile = R"(
name: alerts
description: Tells people.
inputs:
  limit: { type: Number, default: 10, description: from where on }
  tags: { type: String, repeated: true, optional: true }
services:
  shop: { use: ./shop, env: { TOKEN: "${ $secrets.token }", REGION: "${ $env.REGION // $inputs.limit }" } }
  mail: email
workflows:
  alert:
    description: On each order.
    on: shop.order
    steps:
      - if: .total > $inputs.limit
        then:
          - foreach: $inputs.tags
            steps: [{ task: mail.send, with: { to: "${ $env.TO }", key: "${ $secrets.mail }" } }]
    catch: [{ parallel: [[{ task: mail.send, with: { key: "${ $secrets.other }" } }]] }]
  nightly: { on: { schedule: "0 1 * * *" }, steps: [{ stop: {} }] }
  by-hand: { on: { manual: { who: { type: String } } }, steps: [{ stop: {} }] }
)";
constexpr const char* kShop =
    "name: shop\nsid: shop\nenv: { TOKEN: {}, REGION: {} }\nevents: { order: { data: { total: { "
    "type: Number } "
    "} } }\n";

v1::ValidateApplicationResponse Validate(const std::string& content,
                                         const std::map<std::string, std::string>& definitions) {
  v1::ValidateApplicationRequest request;
  request.mutable_file()->set_name("app.yml");
  request.mutable_file()->set_content(content);
  for (const auto& [alias, yaml] : definitions) (*request.mutable_definitions())[alias] = yaml;
  return ValidateApplication(request);
}

std::string Text(const google::protobuf::RepeatedPtrField<v1::Diagnostic>& diagnostics) {
  std::string text;
  for (const v1::Diagnostic& one : diagnostics) {
    text += fmt::format("{}:{}:{}: {}: {}\n", one.file(), one.line(), one.column(), one.path(),
                        one.message());
  }
  return text;
}

TEST(ApplicationWireTest, AnOutlineHoldsAllThatIsInTheFile) {
  const auto response = Validate(kFile, {{"shop", kShop}});
  EXPECT_EQ(Text(response.errors()), "");
  const v1::ApplicationOutline& outline = response.outline();
  EXPECT_EQ(outline.name(), "alerts");
  EXPECT_EQ(outline.description(), "Tells people.");
  EXPECT_EQ(outline.format(), "application");
  ASSERT_EQ(outline.inputs_size(), 2);
  EXPECT_EQ(outline.inputs(0).type(), "Number");
  EXPECT_EQ(outline.inputs(0).default_value(), "10");
  EXPECT_EQ(outline.inputs(0).description(), "from where on");
  EXPECT_TRUE(outline.inputs(1).repeated() && outline.inputs(1).optional());
  ASSERT_EQ(outline.services_size(), 2);
  EXPECT_EQ(outline.services(0).use(), "./shop");
  EXPECT_TRUE(outline.services(0).resolved());
  EXPECT_EQ(outline.services(0).env().at("TOKEN"), "${ $secrets.token }");
  EXPECT_EQ(outline.services(0).env().at("REGION"), "${ $env.REGION // $inputs.limit }");
  EXPECT_EQ(outline.services(1).use(), "email");
  EXPECT_FALSE(outline.services(1).resolved());
  ASSERT_EQ(outline.workflows_size(), 3);
  EXPECT_EQ(outline.workflows(0).trigger(), "shop.order");
  EXPECT_EQ(outline.workflows(0).description(), "On each order.");
  EXPECT_EQ(outline.workflows(1).trigger(), "every 0 1 * * *");
  EXPECT_EQ(outline.workflows(2).inputs(0).key(), "who");
  EXPECT_EQ(outline.workflows(2).inputs(0).type(), "String");
  EXPECT_TRUE(outline.workflows(0).mermaid().starts_with("flowchart TD\n"));
  EXPECT_TRUE(outline.workflows(0).dot().starts_with("digraph \"alert\" {\n"));
  EXPECT_EQ(std::vector<std::string>(outline.env().begin(), outline.env().end()),
            (std::vector<std::string>{"REGION", "TO"}));
  EXPECT_EQ(std::vector<std::string>(outline.secrets().begin(), outline.secrets().end()),
            (std::vector<std::string>{"mail", "other", "token"}));
}

TEST(ApplicationWireTest, WhatIsWrongBesideAServiceNeedsItsContract) {
  const std::string file =
      "name: n\nservices: { shop: ./shop }\nworkflows:\n  w:\n    on: shop.ordr\n    steps:\n"
      "      - stop: {}\n";
  EXPECT_EQ(Text(Validate(file, {}).errors()), "");
  const auto response = Validate(file, {{"shop", kShop}, {"nobody", ":"}});
  EXPECT_EQ(Text(response.errors()),
            "app.yml:5:5: workflows.w.on: shop has no event ordr, did you mean order?\n");
  EXPECT_EQ(response.outline().workflows_size(), 1) << "the file itself could be read";
}

TEST(ApplicationWireTest, AFileThatCannotBeReadSaysAllThatIsWrong) {
  const auto response = Validate("name: n\nworkflow: {}\nservices: 5\n", {});
  EXPECT_EQ(response.outline().workflows_size(), 0);
  EXPECT_GE(response.errors_size(), 3) << Text(response.errors());
  EXPECT_EQ(response.errors(0).file(), "app.yml");
  EXPECT_EQ(response.errors(0).line(), 1);
  EXPECT_EQ(response.errors(0).path(), "workflows");
  const auto binary = Validate("name: \xff\n", {});
  EXPECT_GE(binary.errors_size(), 1);
}

TEST(ApplicationWireTest, WhatIsWrongWithAFileAndBesideItsServicesIsSaidAtOnce) {
  const std::string file =
      "name: n\nservices: { shop: ./shop }\nworkflows:\n  w:\n    on: shop.ordr\n    stpes: []\n"
      "    steps:\n      - stop: {}\n";
  const auto response = Validate(file, {{"shop", kShop}});
  EXPECT_EQ(Text(response.errors()),
            "app.yml:5:5: workflows.w.on: shop has no event ordr, did you mean order?\n"
            "app.yml:6:5: workflows.w.stpes: unknown key, did you mean \"steps\"?\n");
  EXPECT_EQ(response.outline().services(0).use(), "./shop");
}

TEST(ApplicationWireTest, OfVeryManyErrorsAHundredAreListedAndTheRestIsCounted) {
  std::string file = "name: n\nworkflows:\n  w:\n    on: { manual: {} }\n    steps:\n";
  for (int i = 0; i < 150; ++i) file += "      - task: nobody.works\n";
  const auto response = Validate(file, {});
  ASSERT_EQ(response.errors_size(), 101);
  EXPECT_EQ(response.errors(100).message(), "50 more errors are not listed");
}

TEST(ApplicationWireTest, AContractMayBeInItsCanonicalForm) {
  const auto shop = ServiceDefinition::Parse(kShop);
  ASSERT_TRUE(shop);
  EXPECT_EQ(Text(Validate(kFile, {{"shop", shop->Canonical()}}).errors()), "");
}

TEST(ApplicationWireTest, AContractThatCannotBeReadIsNamed) {
  const auto response = Validate(kFile, {{"shop", "name: shop\nsid: a b\n"}});
  ASSERT_EQ(response.errors_size(), 1) << Text(response.errors());
  EXPECT_EQ(response.errors(0).file(), "./shop/mesg.yml");
  EXPECT_FALSE(response.outline().services(0).resolved());
}

TEST(ApplicationWireTest, WarningsAreNoErrors) {
  const auto response = Validate(
      "name: n\ninputs: { unused: { type: String } }\nworkflows:\n  w: { on: { manual: {} }, "
      "steps: [{ stop: {} }] }\n",
      {});
  EXPECT_EQ(Text(response.errors()), "");
  EXPECT_EQ(response.warnings_size(), 1);
}

}  // namespace
}  // namespace mesg::api

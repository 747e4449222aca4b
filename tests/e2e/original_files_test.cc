#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/application_fixture.h"

namespace mesg::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Every construct of a process file: both forms of filters, each predicate, paths with indexes and
// odd keys, references to any earlier step, tasks with and without inputs, constants of every
// type, and variables.
constexpr std::string_view kProcess = R"(name: packing orders
steps:
  - type: trigger
    key: order
    instance: { src: ./shop, env: ['REGION=$(env:REGION)'] }
    eventKey: order
  - type: filter
    conditions:
      - { key: n, predicate: GT, value: 10 }
      - { key: n, predicate: LTE, value: 1000 }
      - { key: tags, predicate: CONTAINS, value: book }
      - { key: country, predicate: EQ, value: $(env:COUNTRY) }
      - { key: 'odd\.key', predicates: EQ, value: { a: [1, 2.0] } }
  - type: task
    key: first
    instance: { src: ./shop, env: ['REGION=$(env:REGION)'] }
    taskKey: pack
    inputs:
      what: { key: "items[10].name" }
      where: to $(env:COUNTRY)-$(env:REGION)
      more:
        list: [{ key: n }, 2, true, "$${text}"]
        all: { key: customer, stepKey: order }
        nothing: { key: customer.phone }
  - type: filter
    conditions: { what: Moby Dick }
  - type: task
    instance: { src: ./shop, env: ['REGION=$(env:REGION)'] }
    taskKey: pack
  - type: filter
    stepKey: order
    conditions:
      - { key: n, predicate: GTE, value: 20 }
      - { key: n, predicate: LT, value: 1000 }
      - { key: where, stepKey: first, predicate: CONTAINS, value: $(env:COUNTRY)- }
  - type: task
    key: last
    instance: { service: mail }
    taskKey: send
    inputs:
      to: { stepKey: order, key: customer.mail }
      text: { stepKey: first, key: what }
)";

// What a workflow file of the plan could hold.
constexpr std::string_view kWorkflow = R"(title: "Orders to a letter"
description: Packs what is paid and writes about it
source:
  service: shop
  event: order
  whitelist: [GNdKd5T3qffAzUe]
tasks:
  packed:
    service: shop
    task: pack
    parameters:
      what: "${workflow:source.items[0].name}"
      more: { gift: "${workflow:inputs.gift}", plain: "${other}", n: "${workflow:source.n}" }
    filters: { data: { country: FR, customer.mail: a@example.org } }
    blacklist: [7wGcP]
  letter:
    service: mail
    task: send
    parameters: { to: "${workflow:source.customer.mail}", text: "${workflow:packed.what} for ${workflow:source.n}" }
  always:
    service: mail
    task: send
    parameters: { to: "${workflow:inputs.boss}", text: order }
inputs: { gift: a pen, boss: b@example.org }
)";

constexpr std::string_view kShop = R"(name: Shop
sid: shop
env: { REGION: {} }
events:
  order:
    data:
      n: { type: Number }
      country: { type: String }
      tags: { type: String, repeated: true }
      items: { type: Any }
      customer: { type: Any }
      odd.key: { type: Any, optional: true }
tasks:
  pack:
    inputs: &parcel
      what: { type: Any }
      where: { type: String, optional: true }
      more: { type: Any, optional: true }
    outputs: *parcel
)";

constexpr std::string_view kMail = R"(name: Mail
sid: mail
tasks:
  send: { inputs: { to: { type: String }, text: { type: Any } }, outputs: { id: { type: Number } } }
)";

class OriginalFilesTest : public ApplicationTest {
 protected:
  void SetUp() override {
    Start();
    Serve("mail", kMail, {{"send", Answering(mails_, R"({"id":1})")}});
    folder_.Write("shop/mesg.yml", kShop);
  }

  /// With what `mesg app deploy` is given beside the file.
  void DeployFile(std::string_view yaml, const std::vector<std::string>& options) {
    folder_.Write("original.yml", yaml);
    std::vector<std::string> arguments = {"app", "deploy", folder_.path() / "original.yml"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const CoreProcess::Ran ran = core_.Run(arguments);
    ASSERT_EQ(ran.status, 0) << ran.output << ran.errors;
    notes_ = ran.errors;
  }
  /// The shop packs what it is given, or keeps it until it is let go.
  void ServeShop(const std::string& name) {
    Perform(name, {{"pack", [this](sdk::Responder responder) {
                      const std::scoped_lock lock(mutex_);
                      packed_.Add(responder.task());
                      if (holds_) return held_.push_back(std::move(responder));
                      Pack(std::move(responder));
                    }}});
  }
  void Hold() {
    const std::scoped_lock lock(mutex_);
    holds_ = true;
  }
  bool Holds() {
    const std::scoped_lock lock(mutex_);
    return !held_.empty();
  }
  void LetGo() {
    const std::scoped_lock lock(mutex_);
    holds_ = false;
    for (sdk::Responder& responder : held_) Pack(std::move(responder));
    held_.clear();
  }
  /// `n` is followed by what differs from an order that is meant.
  static std::string Order(const std::string& n, const std::string& country = "FR",
                           const std::string& tag = "book", const std::string& name = "Moby Dick",
                           const std::string& odd = R"({"a":[1.0,2]})") {
    const std::string item = R"({"name":")" + name + R"("})";
    std::string items = item;
    for (int i = 0; i < 10; ++i) items += "," + item;
    return R"({"n":)" + n + R"(,"country":")" + country + R"(","tags":["new",")" + tag +
           R"("],"items":[)" + items + R"(],"customer":{"mail":"a@example.org"},"odd.key":)" + odd +
           "}";
  }

  Notes packed_;
  Notes mails_;
  std::string notes_;

 private:
  static void Pack(sdk::Responder responder) {
    const std::string inputs = responder.task().inputs();
    responder.Succeed({.json = inputs});
  }

  std::mutex mutex_;
  bool holds_ = false;
  std::vector<sdk::Responder> held_;
};

TEST_F(OriginalFilesTest, AProcessFileRunsAndIsNotDisturbedByAKill) {
  DeployFile(kProcess, {"--env", "REGION=north", "--set", "COUNTRY=FR"});
  const std::string shop = "packing-orders-shop";
  const CoreProcess::Ran env = core_.Run({"service", "env", shop});
  EXPECT_THAT(env.output, HasSubstr("REGION=north"));
  ServeShop(shop);
  for (const std::string& other :
       {Order("10"), Order("1001"), Order("20", "DE"), Order("20", "FR", "pen"),
        Order("20", "FR", "book", "Moby Dick", R"({"a":[1,3]})")}) {
    Emit(shop, "order", other);
  }
  Emit(shop, "order", Order("15"));
  Emit(shop, "order", Order("30", "FR", "book", "Ulysses"));
  const auto ended = [this](std::size_t count) {
    return Eventually([&] { return Runs("packing-orders", {v1::RUN_COMPLETED}).size() == count; });
  };
  ASSERT_TRUE(ended(2)) << core_.Log();
  EXPECT_THAT(mails_.All(), IsEmpty());
  EXPECT_THAT(Runs("packing-orders"), SizeIs(2));

  Hold();
  Emit(shop, "order", Order("40"));
  ASSERT_TRUE(Eventually([this] { return Holds(); }));
  KillAndStart();
  LetGo();
  ASSERT_TRUE(ended(3)) << core_.Log();
  const std::string parcel =
      R"({"what":"Moby Dick","where":"to FR-north","more":{"list":[15,2,true,"$${text}"],)"
      R"("all":{"mail":"a@example.org"},"nothing":null}})";
  const std::vector<std::string> packed = packed_.All();
  ASSERT_THAT(packed, SizeIs(5));
  EXPECT_THAT(std::vector(packed.begin(), packed.begin() + 3),
              ::testing::UnorderedElementsAre(parcel, parcel, HasSubstr("Ulysses")));
  EXPECT_THAT(packed[3], HasSubstr(R"("list":[40,)"));
  EXPECT_EQ(packed[4], packed[3]);
  EXPECT_THAT(mails_.All(), ElementsAre(R"({"to":"a@example.org","text":"Moby Dick"})"));
}

TEST_F(OriginalFilesTest, AProcessIsTriggeredByAResult) {
  DeployFile(R"(key: echo
steps:
  - { type: trigger, instance: { service: mail }, taskKey: send }
  - { type: filter, conditions: [{ key: id, predicate: GTE, value: 1 }] }
  - { type: task, instance: { src: shop }, taskKey: pack, inputs: { what: { key: id } } }
)",
             {});
  ServeShop("shop");
  ASSERT_TRUE(Create("mail", "send", R"({"to":"a","text":"b"})").ok());
  ASSERT_TRUE(Eventually([this] { return Runs("echo", {v1::RUN_COMPLETED}).size() == 1; }));
  EXPECT_THAT(packed_.All(), ElementsAre(R"({"what":1})"));
}

TEST_F(OriginalFilesTest, AWorkflowFileRunsAndIsNotDisturbedByAKill) {
  ASSERT_NE(DeployDefinition(kShop, "shop"), "");
  ServeShop("shop");
  DeployFile(kWorkflow, {"--set", "gift=a book"});
  EXPECT_THAT(notes_, HasSubstr("original.yml:6:3: source.whitelist: "));
  EXPECT_THAT(notes_, HasSubstr("original.yml:15:5: tasks.packed.blacklist: "));
  Hold();
  Emit("shop", "order", Order("1", "DE"));
  Emit("shop", "order", Order("2"));
  ASSERT_TRUE(Eventually([this] { return Holds(); })) << core_.Log();
  KillAndStart();
  LetGo();
  ASSERT_TRUE(Eventually([this] {
    return Runs("Orders-to-a-letter", {v1::RUN_COMPLETED}).size() == 2;
  })) << core_.Log();
  EXPECT_THAT(
      packed_.All(),
      ElementsAre(R"({"what":"Moby Dick","more":{"gift":"a book","plain":"${other}","n":2}})"));
  EXPECT_THAT(mails_.All(),
              ::testing::UnorderedElementsAre(R"({"to":"a@example.org","text":"Moby Dick for 2"})",
                                              R"({"to":"b@example.org","text":"order"})",
                                              R"({"to":"b@example.org","text":"order"})"));
}

}  // namespace
}  // namespace mesg::testing

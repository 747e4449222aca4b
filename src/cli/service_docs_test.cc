#include "cli/service_docs.h"

#include <gtest/gtest.h>

namespace mesg::cli {
namespace {

namespace v1 = ::mesg::v1;

TEST(ServiceDocsTest, EverythingDeclaredIsThere) {
  v1::Definition definition;
  definition.set_sid("shop");
  definition.set_name("Shop");
  definition.set_description("Sells things.");
  definition.set_version("1.2.0");
  auto& env = *definition.add_env();
  env.set_key("API_KEY");
  env.set_required(true);
  env.set_secret(true);
  env.set_type("String");
  env.set_value("never shown");
  auto& mode = *definition.add_env();
  mode.set_key("MODE");
  mode.set_value("fast");
  mode.add_choices("fast");
  mode.add_choices("slow");
  auto& event = *definition.add_events();
  event.set_key("sold");
  auto& items = *event.add_data();
  items.set_key("items");
  items.set_type("Object");
  items.set_repeated(true);
  auto& price = *items.add_object();
  price.set_key("price");
  price.set_type("Number");
  price.set_description("In cents | net");
  auto& task = *definition.add_tasks();
  task.set_key("refund");
  task.set_name("Refund");
  task.set_effect(v1::ONCE);
  task.set_timeout_us(5'000'000);
  task.add_outputs()->set_key("done");

  EXPECT_EQ(
      ServiceDocs(definition),
      "# Shop\n\nSells things.\n\nService `shop`, version 1.2.0.\n\n"
      "```sh\nmesg service deploy . --start\n```\n\n"
      "## Environment\n\n| Variable | Type | Default | | Description |\n"
      "|---|---|---|---|---|\n"
      "| `API_KEY` | String | secret | required |  |\n"
      "| `MODE` | `fast`, `slow` | `fast` | optional |  |\n\n"
      "## Events\n\n### sold\n\nKey: `sold`\n\n| Key | Type | | Description |\n|---|---|---|---|\n"
      "| `items` | Object list | required |  |\n"
      "| `items[].price` | Number | required | In cents \\| net |\n\n"
      "## Tasks\n\n### Refund\n\nKey: `refund`\n\nEffect: once. Timeout: 5.0 s.\n\n"
      "**Inputs**\n\nNothing is declared.\n\n**Output `done`**\n\nNothing is declared.\n");
}

}  // namespace
}  // namespace mesg::cli

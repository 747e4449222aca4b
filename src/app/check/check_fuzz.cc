#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/check/check.h"

// Whatever could be read of a file is compared with the services it uses, soon.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto shop = mesg::ServiceDefinition::Parse(
      "name: shop\nevents: { order: { data: { id: { type: String }, items: { type: Number, "
      "repeated: true } } } }\ntasks: { ship: { inputs: { id: { type: String } } } }\n");
  MESG_CHECK(shop);
  const auto reading =
      mesg::app::ApplicationFile::Read(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto findings = mesg::app::Check(reading, {{"shop", &*shop}});
  MESG_CHECK(findings.errors.size() >= reading.violations.size());
  return 0;
}

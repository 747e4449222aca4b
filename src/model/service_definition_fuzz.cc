#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/data_validator.h"
#include "model/service_definition.h"

// Any bytes as a mesg.yml: an error, or a definition that its canonical form gives back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto definition = mesg::ServiceDefinition::Parse(text);
  if (!definition) {
    MESG_CHECK(!definition.error().violations.empty());
    (void)mesg::ServiceDefinition::FromCanonical(text);
    return 0;
  }
  const auto again = mesg::ServiceDefinition::FromCanonical(definition->Canonical());
  MESG_CHECK(again.has_value(), "{}", again ? "" : again.error().message);
  MESG_CHECK(again->Canonical() == definition->Canonical() && again->Hash() == definition->Hash());
  MESG_CHECK(again->Events() == definition->Events() && again->Tasks() == definition->Tasks());
  for (const mesg::EventDefinition& event : definition->Events()) {
    MESG_CHECK(mesg::DataValidator::Compile(event.data).has_value());
  }
  return 0;
}

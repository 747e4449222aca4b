#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/check/check.h"
#include "app/convert/read_application.h"

// Any text is an application of one of the formats or is refused, soon, with at least one place,
// and the same way each time; what was converted can be checked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(data), size);
  const auto file = mesg::app::ReadAnyApplication(yaml);
  MESG_CHECK(file || !file.error().violations.empty());
  const auto again = mesg::app::ReadAnyApplication(yaml);
  MESG_CHECK(file.has_value() == again.has_value());
  MESG_CHECK(file ? file->notes == again->notes : file.error().message == again.error().message);
  if (file) mesg::app::Check(file->file, {});
  return 0;
}

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/file/application_file.h"

// Any text is an application or is refused, soon and with at least one place.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = mesg::app::ApplicationFile::Parse(
      std::string_view(reinterpret_cast<const char*>(data), size));
  MESG_CHECK(file || !file.error().violations.empty());
  return 0;
}

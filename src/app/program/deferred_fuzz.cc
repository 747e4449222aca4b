#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/program/deferred.h"

// What is stored, a zero byte, and the inputs it is filled into. Whatever both are, nothing but an
// error comes of what no Encode wrote, and what was read is written as something that reads the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mesg;
  using namespace mesg::app;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\0');
  const auto deferred = Deferred::Decode(all.substr(0, end));
  if (!deferred) {
    MESG_CHECK(deferred.error().code == Code::kDataLoss, "{}", deferred.error().message);
    return 0;
  }
  const auto secrets = [](std::string_view name) -> Result<std::optional<std::string>> {
    if (name == "missing") return std::optional<std::string>();
    return std::optional<std::string>("a secret's value");
  };
  std::vector<std::string> used;
  const auto filled = deferred->Fill(
      end == std::string_view::npos ? R"({"a":[null,{"b":null}]})" : all.substr(end + 1), secrets,
      used);
  MESG_CHECK(filled || filled.error().message.find("a secret's value") == std::string::npos);
  if (const auto again = Deferred::Decode(deferred->Encode())) {
    MESG_CHECK(again->Encode() == deferred->Encode());
    MESG_CHECK(again->Names() == deferred->Names());
  }
  return 0;
}

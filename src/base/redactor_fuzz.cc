#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "base/encoding.h"
#include "base/redactor.h"

// The first bytes of the input become values, the rest the text. Nothing of a value may be left,
// raw, escaped or in base64; JSON must stay JSON; and the rest must stay as it was.

namespace mesg {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsJson(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  return parser.parse(text).get(element) == simdjson::SUCCESS;
}

void Check(const std::vector<std::string>& values, std::string_view text) {
  const Redactor redactor(values);
  const std::string plain = redactor.Text(text);
  const std::string json = redactor.Json(text);
  if (IsJson(std::string(text))) Require(IsJson(json));
  for (const std::string& value : values) {
    if (value.size() < Redactor::kLeastBytes) continue;
    // Around a mark, what is left and the mark may look like a value that has asterisks itself.
    if (value.find('*') != std::string::npos) continue;
    Require(plain.find(value) == std::string::npos);
    Require(json.find(value) == std::string::npos);
    const std::string quoted = QuoteJson(value);
    if (IsUtf8(value)) {
      Require(redactor.Text(quoted).find(quoted) == std::string::npos);
      Require(redactor.Json(quoted) == "\"***\"");
    }
    const std::string encoded = ToBase64Url(value);
    Require(redactor.Text(encoded).find(encoded) == std::string::npos);
  }
}

}  // namespace
}  // namespace mesg

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::size_t count = 1 + static_cast<std::size_t>(input.front() & 3);
  input.remove_prefix(1);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count && !input.empty(); ++i) {
    const std::size_t length = std::min<std::size_t>(input.front() & 31, input.size() - 1);
    values.emplace_back(input.substr(1, length));
    input.remove_prefix(1 + length);
  }
  mesg::Check(values, input);
  return 0;
}

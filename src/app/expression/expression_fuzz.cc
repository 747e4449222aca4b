#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "app/expression/expression.h"

// An expression, a zero byte, and the data it works on. Whatever both are, an evaluation ends soon,
// and what is written for the helper can be read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mesg;
  using namespace mesg::app;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\0');
  const std::string_view source = all.substr(0, end);
  const std::string_view json =
      end == std::string_view::npos ? R"({"a":[1,"b",null]})" : all.substr(end + 1);

  constexpr std::array<std::string_view, 2> kScope = {"event", "steps"};
  static_cast<void>(Template::Parse(source, kScope));
  const auto expression = Expression::Parse(source, kScope);
  if (!expression) return 0;
  const auto again = Expression::Parse(expression->ToJq(), kScope);
  MESG_CHECK(again || again.error().message.find("deeper") != std::string::npos ||
                 again.error().message.find("more than") != std::string::npos ||
                 again.error().message.find("at most") != std::string::npos,
             "{}: {}", expression->ToJq(), again.error().message);
  const auto input = Value::Read(json);
  if (!input || expression->NeedsHelper()) return 0;
  const std::vector<Value> scope = {*input, Value()};
  const auto value = expression->Evaluate(*input, scope, 10'000);
  if (value) static_cast<void>(value->Json());
  return 0;
}

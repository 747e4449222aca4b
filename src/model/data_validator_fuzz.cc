#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "model/data_validator.h"
#include "model/predicate.h"

namespace {

mesg::DataValidator MakeValidator() {
  using mesg::Parameter;
  using mesg::ParameterType;
  const auto validator = mesg::DataValidator::Compile(
      {.parameters = {
           {.key = "a", .type = ParameterType::kString},
           {.key = "b", .type = ParameterType::kNumber, .optional = true, .repeated = true},
           {.key = "c",
            .type = ParameterType::kObject,
            .optional = true,
            .object = {{.key = "d", .type = ParameterType::kBoolean, .repeated = true}},
            .additional = false},
           {.key = "e",
            .optional = true,
            .schema =
                R"({"anyOf":[{"type":"integer","multipleOf":0.7},{"pattern":"^(a|b)*$"},)"
                R"({"items":{"$ref":"#"},"uniqueItems":true},{"additionalProperties":{"$ref":"#"}}]})"},
       }});
  return *validator;
}

}  // namespace

// Any bytes as data. What is accepted must also satisfy simdjson's own full parser (which knows no
// numbers beyond 64 bits), and predicates on it must not leave the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mesg::DataValidator validator = MakeValidator();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool valid = validator.Validate(text, "data").has_value();
  const bool json = mesg::CheckJson(text, "data").has_value();
  MESG_CHECK(json || !valid, "data was accepted that is not JSON");

  static simdjson::dom::parser parser;
  simdjson::dom::element element;
  const auto error = parser.parse(text).get(element);
  const bool number = error == simdjson::NUMBER_ERROR;
  MESG_CHECK(!json || !error || number, "accepted what simdjson refuses: {}",
             simdjson::error_message(error));

  static const mesg::JsonPath paths[] = {*mesg::JsonPath::Parse("a"),
                                         *mesg::JsonPath::Parse("b[1]"),
                                         *mesg::JsonPath::Parse("c.d[0].e")};
  std::string scalar;
  for (const mesg::JsonPath& path : paths) (void)mesg::ScalarAt(text, path, scalar);
  const auto predicate = mesg::Predicate::Make("a", mesg::Predicate::Operator::kContains, text);
  if (predicate) (void)predicate->Matches(text);
  if (json) {
    // A value equals itself, however it is looked at.
    const std::string object = "{\"a\":" + text + "}";
    const auto equal = mesg::Predicate::Make("a", mesg::Predicate::Operator::kEq, text);
    MESG_CHECK(!equal || equal->Matches(object));
  }
  return 0;
}

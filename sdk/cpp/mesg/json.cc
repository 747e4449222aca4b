#include "mesg/json.h"

#include <utility>

#include "base/encoding.h"

namespace mesg::sdk {

JsonObject& JsonObject::Add(std::string_view key, std::string_view text) {
  return AddRaw(key, QuoteJson(text));
}

JsonObject& JsonObject::AddRaw(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += QuoteJson(key);
  text_ += ':';
  text_ += json;
  return *this;
}

std::string JsonObject::Take() { return std::exchange(text_, "{") + '}'; }

}  // namespace mesg::sdk

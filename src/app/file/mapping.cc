#include "app/file/mapping.h"

#include <algorithm>

namespace mesg::app {

void Mapping::Simplify() {
  const auto literal_only = [](const Mapping& item) {
    return item.kind == Kind::kLiteral && !item.unread;
  };
  if ((kind != Kind::kList && kind != Kind::kObject) || !std::ranges::all_of(items, literal_only)) {
    return;
  }
  if (kind == Kind::kList) {
    Value::List values;
    for (const Mapping& item : items) values.push_back(item.literal);
    literal = Value::Of(std::move(values));
  } else {
    std::vector<Value::Member> members;
    for (std::size_t i = 0; i < items.size(); ++i) members.emplace_back(keys[i], items[i].literal);
    literal = Value::Of(std::move(members));
  }
  kind = Kind::kLiteral;
}

}  // namespace mesg::app

#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace mesg {

/// A string that cannot pass as another kind of string: an instance hash where a service hash is
/// meant does not compile. Empty means "none".
template <typename Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongId&) const = default;

 private:
  std::string value_;
};

}  // namespace mesg

template <typename Tag>
struct std::hash<mesg::StrongId<Tag>> {
  std::size_t operator()(const mesg::StrongId<Tag>& id) const {
    return std::hash<std::string>()(id.str());
  }
};

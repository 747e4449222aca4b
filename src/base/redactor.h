#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesg {

/// Puts `***` in the place of secret values, wherever a text repeats them: as they are, escaped as
/// in JSON (also in JSON that is a string in JSON, three times over), and in base64 of both
/// alphabets, also as a part of what was encoded.
///
/// What is not found: values of less than 4 bytes, which anything could hold; inside of longer
/// base64, values of less than 8 bytes, the first and last bits of any value, and base64 with line
/// ends in it; other encodings, and parts of a value.
///
/// The time is that of reading the text, whatever the number of values; memory is up to 200 times
/// the values. Immutable: any thread. It holds the values in ordinary memory.
class Redactor {
 public:
  static constexpr std::size_t kLeastBytes = 4;

  explicit Redactor(const std::vector<std::string>& values);

  /// Nothing would ever be replaced.
  bool empty() const { return nodes_.size() == 1; }

  std::string Text(std::string_view text) const;

  /// The same for a JSON text, which stays one: only the contents of strings are changed, and a
  /// number or word with a value in it becomes the string "***". Keys are strings too, so two may
  /// become equal. When a value is spread over several tokens (a value that is an object, say), the
  /// whole text becomes "***".
  std::string Json(std::string_view json) const;

 private:
  struct Range {
    std::size_t begin;
    std::size_t end;
  };
  using Ranges = std::vector<Range>;  // In order, none overlapping another.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint32_t next_sibling = 0;
    std::uint32_t shorter = 0;  // The node of the longest proper suffix of this one.
    std::uint32_t longest = 0;  // Bytes of the longest pattern that ends here.
    char byte = 0;
  };

  void AddForms(std::string_view value);
  void Add(std::string_view pattern);
  void Link();
  std::uint32_t Child(std::uint32_t node, char byte) const;
  std::uint32_t Next(std::uint32_t node, char byte) const;

  Ranges Find(std::string_view text) const;
  Ranges FindUnescaped(std::string_view text, int levels) const;
  static void Join(Ranges& ranges, Range next);
  static Ranges Merge(const Ranges& a, const Ranges& b);
  static std::string Replace(std::string_view text, const Ranges& ranges);

  std::vector<Node> nodes_;  // A tree of all patterns; 0 is the root, and nobody's child.
  std::array<std::uint32_t, 256> first_{};  // The root's children by byte.
};

}  // namespace mesg

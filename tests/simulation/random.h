#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mesg::simulation {

/// SplitMix64. The same numbers for the same seed on every machine, which the distributions of the
/// standard library do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U) {}

  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// 0 to `bound` - 1.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool OneIn(std::uint64_t count) { return Below(count) == 0; }
  bool Percent(std::uint64_t percent) { return Below(100) < percent; }
  /// 0 to 1.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  template <typename T>
  T& Of(std::vector<T>& some) {
    return some[Below(some.size())];
  }
  std::string Bytes(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count) {
      const std::uint64_t number = Next();
      for (int shift = 0; shift < 64 && bytes.size() < count; shift += 8)
        bytes += static_cast<char>((number >> shift) & 0xff);
    }
    return bytes;
  }

 private:
  std::uint64_t state_;
};

}  // namespace mesg::simulation

#include "base/encoding.h"

#include <algorithm>
#include <numeric>

#include <simdjson.h>
#include <sodium.h>

namespace mesg {
namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void InitSodium() {
  static const int ready = sodium_init();
  MESG_CHECK(ready >= 0, "libsodium could not be initialised");
}

}  // namespace

std::string ToBase58(std::string_view bytes) {
  std::size_t zeros = 0;
  while (zeros < bytes.size() && bytes[zeros] == 0) ++zeros;
  // The number in 32-bit limbs, most significant first.
  std::vector<std::uint32_t> limbs((bytes.size() + 3) / 4, 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t from_end = bytes.size() - 1 - i;
    limbs[limbs.size() - 1 - from_end / 4] |= static_cast<std::uint32_t>(Bytes(bytes)[i])
                                              << (8 * (from_end % 4));
  }
  std::string reversed;
  std::size_t first = 0;
  while (first < limbs.size()) {
    if (limbs[first] == 0) {
      ++first;
      continue;
    }
    // Divide by 58^5, which fits 32 bits, so that each pass yields five digits.
    constexpr std::uint32_t kFiveDigits = 656356768;
    std::uint64_t remainder = 0;
    for (std::size_t i = first; i < limbs.size(); ++i) {
      const std::uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<std::uint32_t>(value / kFiveDigits);
      remainder = value % kFiveDigits;
    }
    for (int digit = 0; digit < 5; ++digit) {
      reversed += kAlphabet[remainder % 58];
      remainder /= 58;
    }
  }
  while (!reversed.empty() && reversed.back() == kAlphabet[0]) reversed.pop_back();
  reversed.append(zeros, kAlphabet[0]);
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

Result<std::string> FromBase58(std::string_view text) {
  constexpr std::size_t kLongest = 512;
  if (text.size() > kLongest)
    return InvalidArgument("base58 text is longer than {} characters", kLongest);
  std::size_t zeros = 0;
  while (zeros < text.size() && text[zeros] == kAlphabet[0]) ++zeros;
  std::vector<unsigned char> reversed;
  for (const char c : text.substr(zeros)) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos)
      return InvalidArgument("'{}' is not a base58 character", c);
    std::uint32_t carry = static_cast<std::uint32_t>(digit);
    for (unsigned char& byte : reversed) {
      carry += 58U * byte;
      byte = static_cast<unsigned char>(carry & 0xff);
      carry >>= 8;
    }
    if (carry != 0) reversed.push_back(static_cast<unsigned char>(carry));
  }
  std::string bytes(zeros, '\0');
  bytes.append(reversed.rbegin(), reversed.rend());
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string ToBase64Url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), Bytes(bytes), bytes.size(), kVariant);
  text.pop_back();  // The terminator.
  return text;
}

Result<std::string> FromBase64Url(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size()) {
    return InvalidArgument("\"{}\" is not base64url text", text.substr(0, 64));
  }
  bytes.resize(size);
  return bytes;
}

std::string Sha256(std::string_view bytes) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()), Bytes(bytes), bytes.size());
  return hash;
}

std::string KeyedTag(std::string_view key, std::string_view bytes) {
  std::string tag(crypto_generichash_BYTES_MIN, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(tag.data()), tag.size(), Bytes(bytes),
                     bytes.size(), Bytes(key), key.size());
  return tag;
}

std::string RandomBytes(std::size_t count) {
  InitSodium();
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), count);
  return bytes;
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  // The rows for one, two and all of the characters of `a` that were looked at.
  std::vector<std::size_t> two_before(b.size() + 1);
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_before.swap(before);
    before.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = before[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kLongest = 64;  // Nobody misspells a longer key; bounds the work.
  if (word.size() > kLongest) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::size_t distance = EditDistance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void AppendUtf8(std::uint32_t code_point, std::string& into) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
  const std::uint32_t code = surrogate || code_point > 0x10FFFF ? kReplacement : code_point;
  const auto lead = [&](std::uint32_t mark, int shift) {
    into += static_cast<char>(mark | code >> shift);
  };
  const auto follow = [&](int shift) { into += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return lead(0, 0);
  if (code < 0x800) {
    lead(0xC0, 6);
  } else if (code < 0x10000) {
    lead(0xE0, 12);
    follow(6);
  } else {
    lead(0xF0, 18);
    follow(12);
    follow(6);
  }
  follow(0);
}

std::string Shortened(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  const std::string mark = fmt::format(" ... (cut, it had {} bytes)", text.size());
  std::size_t keep = limit - std::min(limit, mark.size());
  // Back to where a character begins.
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xc0) == 0x80) --keep;
  text.resize(keep);
  return text += mark;
}

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  quoted.reserve(text.size() + 2);
  std::size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(c);
      ++i;
    } else if (c < 0x20) {
      switch (c) {
        case '\n':
          quoted += "\\n";
          break;
        case '\r':
          quoted += "\\r";
          break;
        case '\t':
          quoted += "\\t";
          break;
        default:
          quoted += fmt::format("\\u{:04x}", c);
      }
      ++i;
    } else if (c < 0x80) {
      quoted += static_cast<char>(c);
      ++i;
    } else {
      const std::size_t length = c >= 0xf0 ? 4 : (c >= 0xe0 ? 3 : 2);
      const std::string_view sequence = text.substr(i, length);
      if (sequence.size() == length && IsUtf8(sequence)) {
        quoted += sequence;
        i += length;
      } else {
        quoted += "\xEF\xBF\xBD";
        ++i;
      }
    }
  }
  quoted += '"';
  return quoted;
}

}  // namespace mesg

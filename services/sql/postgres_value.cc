#include "sql/postgres_value.h"

#include <cctype>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::sql {
namespace {

// Object ids of built-in types never change (pg_type.dat).
enum Type : unsigned {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kTimestamp = 1114,
  kTimestampTz = 1184,
  kNumeric = 1700,
  kJsonb = 3802,
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// \x00ff, the output that the session asks for.
std::string FromHex(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(HexDigit(text[i]) * 16 + HexDigit(text[i + 1]));
  }
  return bytes;
}

// "2024-05-01 10:00:00.5+02" becomes "2024-05-01T10:00:00.5+02:00"; infinity and years before
// Christ stay as they are.
std::string ToIso(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos || text.ends_with("BC")) return std::string(text);
  std::string iso(text);
  iso[space] = 'T';
  const auto zone = iso.find_first_of("+-", space);
  if (zone != std::string::npos && iso.size() - zone == 3) iso += ":00";
  return iso;
}

}  // namespace

std::string PostgresToJson(unsigned type, std::string_view text) {
  switch (type) {
    case kBool:
      return text == "t" ? "true" : "false";
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
      return std::string(text);
    case kFloat4:
    case kFloat8:
    case kNumeric:  // NaN and Infinity are no JSON numbers.
      if (std::isdigit(static_cast<unsigned char>(text.back())) != 0) return std::string(text);
      return QuoteJson(text);
    case kJson:
    case kJsonb:  // The type json keeps repeated keys, which JSON for Core must not have.
      return sdk::IsJson(text) ? std::string(text) : QuoteJson(text);
    case kBytea:
      return QuoteJson(sdk::ToBase64(FromHex(text)));
    case kTimestamp:
    case kTimestampTz:
      return QuoteJson(ToIso(text));
    default:
      return QuoteJson(text);
  }
}

}  // namespace mesg::services::sql

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg {

/// Bitcoin's base58 alphabet: no 0, O, I or l. Leading zero bytes become leading '1's.
/// Source: https://datatracker.ietf.org/doc/html/draft-msporny-base58
/// Quadratic in the input: for ids and hashes, not for payloads.
std::string ToBase58(std::string_view bytes);
Result<std::string> FromBase58(std::string_view text);

std::string ToHex(std::string_view bytes);

/// RFC 4648 section 5, without padding.
std::string ToBase64Url(std::string_view bytes);
Result<std::string> FromBase64Url(std::string_view text);

/// SHA-256 of `bytes`, 32 raw bytes.
std::string Sha256(std::string_view bytes);

/// A keyed BLAKE2b tag of 16 bytes: unguessable without `key` (32 bytes).
std::string KeyedTag(std::string_view key, std::string_view bytes);

/// `count` bytes from the system's cryptographic random source. Any thread.
std::string RandomBytes(std::size_t count);

/// Compares in time that depends on the lengths only.
bool EqualSecrets(std::string_view a, std::string_view b);

/// How many bytes must be added, taken away, changed or swapped with their neighbour to make one of
/// the other (optimal string alignment). Takes as many steps as the product of the lengths.
std::size_t EditDistance(std::string_view a, std::string_view b);

/// The candidate nearest to `word` by edit distance, for "did you mean"; empty when none is near.
std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates);

/// True when `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

/// Appends one character, in one to four bytes. What is none (half of a surrogate pair, more than
/// 0x10FFFF) becomes U+FFFD.
void AppendUtf8(std::uint32_t code_point, std::string& into);

/// `text`; when it has more than `limit` bytes, as many whole characters of it as fit with a mark
/// that says how long it was. The mark alone when not even that fits.
std::string Shortened(std::string text, std::size_t limit);

/// `text` as a JSON string literal with its quotes. Invalid UTF-8 becomes U+FFFD.
std::string QuoteJson(std::string_view text);

}  // namespace mesg

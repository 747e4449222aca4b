#include "feed/parse.h"

#include <algorithm>
#include <ctime>
#include <set>
#include <sstream>

#include <curl/curl.h>
#include <pugixml.hpp>
#include <simdjson.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::feed {
namespace {

constexpr std::size_t kMostItems = 1000;
constexpr std::size_t kMostText = 256 * 1024;
constexpr std::size_t kMostShortText = 4 * 1024;
constexpr std::size_t kMostCategories = 100;

std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string Trimmed(std::string_view text, std::size_t limit) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
  // What is not UTF-8 is mended by QuoteJson, one character for each broken byte.
  return Shortened(std::string(text), limit);
}

// Its own text, CDATA too; of an XHTML element what is inside, as it is written.
std::string TextOf(const pugi::xml_node& node, std::size_t limit = kMostShortText) {
  if (std::string_view(node.attribute("type").value()) == "xhtml") {
    std::ostringstream out;
    for (const pugi::xml_node& child : node.children()) {
      child.print(out, "", pugi::format_raw);
    }
    return Trimmed(out.str(), limit);
  }
  std::string text;
  for (const pugi::xml_node& child : node.children()) {
    const auto type = child.type();
    if (type == pugi::node_pcdata || type == pugi::node_cdata) text += child.value();
  }
  return Trimmed(text, limit);
}

// Atom's dates are RFC 3339, RSS's RFC 822.
std::string TimeOf(const pugi::xml_node& node) {
  const std::string text = TextOf(node);
  if (const auto time = ParseTime(text)) return FormatTime(*time);
  const std::time_t seconds = curl_getdate(text.c_str(), nullptr);
  return seconds == -1 ? "" : FormatTime(FromMicros(std::int64_t{seconds} * 1'000'000));
}

// Atom: <link rel="alternate" href="..."/>, or without rel. RSS: <link>...</link>.
void TakeLink(const pugi::xml_node& node, Item& item) {
  const std::string_view rel = node.attribute("rel").value();
  const std::string href = Trimmed(node.attribute("href").value(), kMostShortText);
  if (href.empty()) {
    if (item.link.empty()) item.link = TextOf(node);
  } else if (rel.empty() || rel == "alternate") {
    item.link = href;
  }
}

void TakeCategory(const pugi::xml_node& node, Item& item) {
  const std::string term = Trimmed(node.attribute("term").value(), kMostShortText);
  const std::string text = term.empty() ? TextOf(node) : term;
  if (!text.empty() && item.categories.size() < kMostCategories) item.categories.push_back(text);
}

void TakeAuthor(const pugi::xml_node& node, Item& item) {
  std::string name;
  for (const pugi::xml_node& child : node.children()) {
    if (LocalName(child) == "name") name = TextOf(child);
  }
  if (name.empty()) name = TextOf(node);
  if (item.author.empty()) item.author = name;
}

void TakeField(const pugi::xml_node& node, Item& item, std::string& updated) {
  const std::string_view full = node.name();
  const std::string_view name = LocalName(node);
  if (full.starts_with("media:") || full.starts_with("itunes:")) return;
  if (name == "guid" || name == "id") {
    item.id = TextOf(node);
  } else if (name == "title") {
    item.title = TextOf(node);
  } else if (name == "link") {
    TakeLink(node, item);
  } else if (name == "description" || name == "summary") {
    item.summary = TextOf(node, kMostText);
  } else if (name == "encoded" || name == "content") {
    item.content = TextOf(node, kMostText);
  } else if (name == "pubDate" || name == "published" || name == "date") {
    item.published = TimeOf(node);
  } else if (name == "updated") {
    updated = TimeOf(node);
  } else if (name == "author" || name == "creator") {
    TakeAuthor(node, item);
  } else if (name == "category" || name == "subject") {
    TakeCategory(node, item);
  }
}

Item ReadItem(const pugi::xml_node& node) {
  Item item;
  std::string updated;
  for (const pugi::xml_node& child : node.children()) TakeField(child, item, updated);
  if (item.published.empty()) item.published = updated;
  if (item.id.empty()) item.id = Trimmed(node.attribute("rdf:about").value(), kMostShortText);
  if (item.id.empty()) item.id = item.link;
  if (item.id.empty()) item.id = ToHex(Sha256(item.title + '\0' + item.summary).substr(0, 16));
  return item;
}

}  // namespace

Result<Feed> ParseFeed(std::string_view document) {
  pugi::xml_document xml;
  // The DOCTYPE is passed over; only XML's own five entities are known.
  const pugi::xml_parse_result parsed = xml.load_buffer(document.data(), document.size());
  if (!parsed) {
    return InvalidArgument("expected an RSS or Atom feed, it is not XML: {} at byte {}",
                           parsed.description(), parsed.offset);
  }
  const pugi::xml_node root = xml.document_element();
  const std::string_view kind = LocalName(root);
  if (kind != "rss" && kind != "RDF" && kind != "feed") {
    return InvalidArgument("expected an RSS or Atom feed, got XML with the root {}",
                           QuoteJson(Shortened(std::string(kind), 100)));
  }
  Feed feed;
  const pugi::xml_node channel = kind == "feed" ? root : root.child("channel");
  feed.title = TextOf(channel.child("title"));
  std::set<std::string> ids;
  for (const pugi::xml_node& node : (kind == "rss" ? channel : root).children()) {
    const std::string_view name = LocalName(node);
    if (name != "item" && name != "entry") continue;
    if (feed.items.size() == kMostItems) break;
    Item item = ReadItem(node);
    if (ids.insert(item.id).second) feed.items.push_back(std::move(item));
  }
  return feed;
}

Result<std::string> JsonPart(std::string_view document, std::string_view pointer) {
  if (!sdk::IsJson(document)) return InvalidArgument("expected JSON, it is something else");
  std::string all(document);
  std::size_t size = 0;
  std::string small(document.size(), '\0');
  if (simdjson::minify(all.data(), all.size(), small.data(), size) != simdjson::SUCCESS) {
    return InvalidArgument("expected JSON, it is something else");
  }
  small.resize(size);
  if (pointer.empty()) return small;
  const simdjson::padded_string padded(small);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document json;
  simdjson::ondemand::value value;
  std::string_view part;
  if (parser.iterate(padded).get(json) != simdjson::SUCCESS ||
      json.at_pointer(pointer).get(value) != simdjson::SUCCESS ||
      simdjson::to_json_string(value).get(part) != simdjson::SUCCESS) {
    return NotFound("the document has nothing at {}", pointer);
  }
  return std::string(part);
}

std::string ToJson(const Item& item) {
  sdk::JsonObject json;
  json.Add("id", item.id);
  const std::pair<const char*, const std::string*> texts[] = {
      {"title", &item.title},     {"link", &item.link},           {"summary", &item.summary},
      {"content", &item.content}, {"published", &item.published}, {"author", &item.author}};
  for (const auto& [name, text] : texts) {
    if (!text->empty()) json.Add(name, *text);
  }
  std::string categories;
  for (const std::string& each : item.categories) {
    categories += (categories.empty() ? "" : ",") + QuoteJson(each);
  }
  return json.AddRaw("categories", "[" + categories + "]").Take();
}

}  // namespace mesg::services::feed

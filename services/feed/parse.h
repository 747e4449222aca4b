#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::services::feed {

/// An item of a feed; what is "" is not there. Texts are at most 256 KiB each.
struct Item {
  std::string id;  ///< guid or id, else the link, else made of the title and the summary.
  std::string title;
  std::string link;
  std::string summary;
  std::string content;
  std::string published;  ///< As FormatTime, when it can be understood.
  std::string author;
  std::vector<std::string> categories;
};

struct Feed {
  std::string title;
  std::vector<Item> items;  ///< As they stand there, at most 1,000; no id twice.
};

/// RSS 2.0, RSS 1.0 (RDF) or Atom. Entities that a document declares are not expanded. Any bytes
/// are safe; InvalidArgument when they are none of these.
Result<Feed> ParseFeed(std::string_view document);

/// The part of a JSON document that `pointer` (RFC 6901, "" for all) names, without spaces.
/// InvalidArgument when it is not JSON, NotFound when there is no such part.
Result<std::string> JsonPart(std::string_view document, std::string_view pointer);

/// The fields of event `item` without `feed`.
std::string ToJson(const Item& item);

}  // namespace mesg::services::feed

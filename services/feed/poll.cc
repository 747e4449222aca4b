#include "feed/poll.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "connector/input.h"
#include "connector/position.h"
#include "feed/parse.h"
#include "mesg/json.h"

namespace mesg::services::feed {
namespace {

constexpr std::size_t kMostSeen = 5000;
constexpr std::size_t kMostInCommit = 100;
constexpr std::size_t kMostCommitBytes = 1024 * 1024;
constexpr std::size_t kMostAnswerBytes = 2 * 1024 * 1024;
constexpr std::size_t kMostProblemBytes = 1000;

std::string HashOf(std::string_view text) { return ToHex(Sha256(text).substr(0, 10)); }

/// What is kept of a source between two polls.
struct Kept {
  std::string etag;
  std::string modified;
  std::vector<std::string> seen;  // Of a document: one, the hash of its value.

  static Result<Kept> Read(const std::optional<std::string>& json) {
    Kept kept;
    if (!json) return kept;
    const Input input = MESG_TRY(Input::Read(*json));
    kept.etag = input["etag"].text;
    kept.modified = input["modified"].text;
    for (const Input& each : input["seen"].items) kept.seen.push_back(each.text);
    return kept;
  }
  std::string Json() const {
    std::string list;
    for (const std::string& each : seen) list += (list.empty() ? "\"" : ",\"") + each + "\"";
    return sdk::JsonObject()
        .Add("etag", etag)
        .Add("modified", modified)
        .AddRaw("seen", "[" + list + "]")
        .Take();
  }
};

/// One poll of one source. A problem of the other side is a text; an Error is one of Core's.
class Poll {
 public:
  Poll(sdk::Service& service, const Fetcher& fetcher, const Source& source, bool tell_first,
       const std::stop_token& stop)
      : fetcher_(fetcher),
        source_(source),
        tell_first_(tell_first),
        stop_(stop),
        position_(service, "source/" + HashOf(source.given)) {}

  Result<std::string> Feed() {
    MESG_TRY(Load());
    const auto page = fetcher_.Get(source_, kept_.etag, kept_.modified, stop_);
    if (!page) return page.error().message;
    if (page->unchanged) return std::string();
    const auto feed = ParseFeed(page->body);
    if (!feed) return fmt::format("{}: {}", source_.name, feed.error().message);
    MESG_TRY(TakeItems(*feed, *page));
    return std::string();
  }

  Result<std::string> Document() {
    MESG_TRY(Load());
    const auto page = fetcher_.Get(source_, kept_.etag, kept_.modified, stop_);
    if (!page) return page.error().message;
    if (page->unchanged) return std::string();
    const auto part = JsonPart(page->body, source_.pointer);
    if (!part) return fmt::format("{}: {}", source_.name, part.error().message);
    if (part->size() > kMostAnswerBytes) {
      return fmt::format("{}: expected at most {} bytes, got {}; point to a part of it",
                         source_.name, kMostAnswerBytes, part->size());
    }
    const std::string hash = HashOf(*part);
    std::vector<sdk::Event> events;
    const bool is_same = kept_.seen.size() == 1 && kept_.seen[0] == hash;
    if (!is_same && (!first_ || tell_first_)) {
      events.push_back(
          {.key = "document",
           .json = sdk::JsonObject().Add("url", source_.given).AddRaw("value", *part).Take()});
    }
    Kept next{page->etag, page->modified, {hash}};
    MESG_TRY(Move(events, next));
    return std::string();
  }

 private:
  Result<void> Load() {
    const auto json = MESG_TRY(position_.Load(stop_));
    first_ = !json;
    kept_ = MESG_TRY(Kept::Read(json));
    return {};
  }

  Result<void> Move(const std::vector<sdk::Event>& events, const Kept& next) {
    std::string json = next.Json();
    if (position_.Current() == json) return {};
    return position_.Move(events, std::move(json), stop_);
  }

  // Oldest first, in commits of a bounded size. The page counts as known with the last one only, so
  // that a crash in between gets it again.
  Result<void> TakeItems(const feed::Feed& feed, const Fetcher::Page& page) {
    std::set<std::string> seen(kept_.seen.begin(), kept_.seen.end());
    std::vector<sdk::Event> events;
    std::size_t bytes = 0;
    for (auto item = feed.items.rbegin(); item != feed.items.rend(); ++item) {
      const std::string hash = HashOf(item->id);
      if (!seen.insert(hash).second) continue;
      std::string json = ToJson(*item);
      json.insert(1, "\"feed\":" + QuoteJson(source_.given) + ",");
      if (!events.empty() &&
          (events.size() == kMostInCommit || bytes + json.size() > kMostCommitBytes)) {
        MESG_TRY(Move(events, kept_));
        events.clear();
        bytes = 0;
      }
      bytes += json.size();
      kept_.seen.insert(kept_.seen.begin(), hash);
      if (first_ && !tell_first_) continue;
      events.push_back(
          {.key = "item", .json = std::move(json), .id = HashOf(source_.given + '\0' + item->id)});
    }
    KeepShownFirst(feed);
    kept_.etag = page.etag;
    kept_.modified = page.modified;
    return Move(events, kept_);
  }

  // What the feed still shows must not be forgotten before what it does not.
  void KeepShownFirst(const feed::Feed& feed) {
    std::set<std::string> shown;
    for (const Item& item : feed.items) shown.insert(HashOf(item.id));
    // Not the one of std::ranges: clang 14 cannot read what it gives back.
    std::stable_partition(kept_.seen.begin(), kept_.seen.end(),
                          [&](const std::string& each) { return shown.contains(each); });
    if (kept_.seen.size() > kMostSeen) kept_.seen.resize(kMostSeen);
  }

  const Fetcher& fetcher_;
  const Source& source_;
  const bool tell_first_;
  const std::stop_token& stop_;
  Position position_;
  Kept kept_;
  bool first_ = false;
};

}  // namespace

Result<void> PollSources(sdk::Service& service, const Fetcher& fetcher, const Config& config,
                         Upkeep::Session& session) {
  while (!session.Stopping()) {
    std::string problems;
    const auto note = [&](const std::string& problem) {
      if (problem.empty()) return;
      problems += (problems.empty() ? "" : "; ") + problem;
    };
    for (const Source& each : config.feeds) {
      if (session.Stopping()) return {};
      const std::string problem =
          MESG_TRY(Poll(service, fetcher, each, config.tell_first, session.Stop()).Feed());
      note(problem);
    }
    for (const Source& each : config.documents) {
      if (session.Stopping()) return {};
      const std::string problem =
          MESG_TRY(Poll(service, fetcher, each, config.tell_first, session.Stop()).Document());
      note(problem);
    }
    if (problems.empty()) {
      session.Up();
    } else {
      session.Degraded(Shortened(std::move(problems), kMostProblemBytes));
    }
    session.Pause(config.poll);
  }
  return {};
}

Result<sdk::Outputs> Fetch(const Fetcher& fetcher, const sdk::Task& task) {
  const auto inputs = Input::Read(task.inputs());
  if (!inputs) return sdk::Permanent(inputs.error());
  const auto source = Source::Parse("url", (*inputs)["url"].text);
  if (!source) return sdk::Permanent(source.error());
  const auto stop = std::make_shared<std::stop_source>();
  task.OnCancel([stop] { stop->request_stop(); });
  const auto page = fetcher.Get(*source, "", "", stop->get_token());
  if (!page) {
    const Code code = page.error().code;
    const bool passes =
        code == Code::kUnavailable || code == Code::kDeadlineExceeded || code == Code::kCancelled;
    return passes ? page.error() : sdk::Permanent(page.error());
  }
  sdk::JsonObject outputs;
  if (page->body.find_first_not_of(" \t\r\n\xef\xbb\xbf") == page->body.find('<')) {
    const auto feed = ParseFeed(page->body);
    if (!feed) return sdk::Permanent(feed.error());
    std::string items;
    for (const Item& item : feed->items) {
      const std::string json = ToJson(item);
      if (items.size() + json.size() > kMostAnswerBytes) break;
      items += (items.empty() ? "" : ",") + json;
    }
    outputs.Add("kind", "feed").Add("title", feed->title).AddRaw("items", "[" + items + "]");
    return sdk::Outputs{.json = outputs.Take()};
  }
  const auto part = JsonPart(page->body, source->pointer);
  if (!part) return sdk::Permanent(part.error());
  if (part->size() > kMostAnswerBytes) {
    return sdk::Permanent(FailedPrecondition("{}: expected at most {} bytes, got {}", source->name,
                                             kMostAnswerBytes, part->size()));
  }
  return sdk::Outputs{.json = outputs.Add("kind", "json").AddRaw("json", *part).Take()};
}

}  // namespace mesg::services::feed

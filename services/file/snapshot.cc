#include "file/snapshot.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "connector/input.h"
#include "mesg/json.h"

namespace mesg::services::file {
namespace {

constexpr std::string_view kPrefix = "file/";
constexpr std::string_view kBegun = "begun";
constexpr unsigned kPage = 1000;
constexpr std::size_t kMostInCommit = 200;

std::string KeyOf(const std::string& path) {
  return std::string(kPrefix) + ToHex(Sha256(path).substr(0, 16));
}

// A path need not be UTF-8.
std::string ToJson(const std::string& path, const Known& known) {
  return sdk::JsonObject()
      .Add("path", sdk::ToBase64(path))
      .Add("size", known.size)
      .Add("modified", ToMicros(known.modified))
      .Add("nanoseconds", known.nanoseconds)
      .Add("inode", known.inode)
      .Take();
}

template <typename Number>
Number ToNumber(const std::string& text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Known Known::Of(const struct stat& status) {
  return {.size = status.st_size,
          .modified = ModifiedAt(status),
          .nanoseconds = status.st_mtim.tv_nsec % 1000,
          .inode = status.st_ino};
}

Result<bool> Snapshot::Load() {
  files_.clear();
  changes_.clear();
  std::string after;
  while (true) {
    const auto page = MESG_TRY(service_.List(kPrefix, kPage, after));
    for (const sdk::KeyValue& each : page) {
      const Input kept = MESG_TRY(Input::Read(each.json));
      const std::string path = MESG_TRY(sdk::FromBase64(kept["path"].text));
      files_[path] = {{.size = ToNumber<std::int64_t>(kept["size"].text),
                       .modified = FromMicros(ToNumber<std::int64_t>(kept["modified"].text)),
                       .nanoseconds = ToNumber<std::int64_t>(kept["nanoseconds"].text),
                       .inode = ToNumber<std::uint64_t>(kept["inode"].text)},
                      each.version};
    }
    if (page.size() < kPage) break;
    after = page.back().key;
  }
  const auto begun = MESG_TRY(service_.Get(kBegun));
  return begun.version != 0;
}

Result<void> Snapshot::Begin() {
  MESG_TRY(service_.Put(std::string(kBegun), "true"));
  return {};
}

void Snapshot::Look(const std::string& path, const std::optional<Known>& now, bool tell) {
  const auto found = files_.find(path);
  const bool was = found != files_.end();
  if (was ? now == found->second.known : !now) return;
  const Known& shown = now ? *now : found->second.known;
  const auto place = folders_.Find(path);
  if (!place) return;
  Change change{path, now, {}};
  if (tell) {
    change.event.key = !was ? "created" : now ? "changed" : "removed";
    change.event.json = sdk::JsonObject()
                            .Add("path", path)
                            .Add("folder", folders_.paths().at(place->folder))
                            .Add("size", shown.size)
                            .Add("modified", FormatTime(shown.modified))
                            .Take();
  }
  changes_.push_back(std::move(change));
}

Result<void> Snapshot::Commit() {
  while (!changes_.empty()) MESG_TRY(CommitSome());
  return {};
}

Result<void> Snapshot::CommitSome() {
  std::vector<sdk::Event> events;
  std::vector<sdk::KeyChange> moves;
  const std::size_t count = std::min(changes_.size(), kMostInCommit);
  for (std::size_t i = 0; i < count; ++i) {
    const Change& change = changes_[i];
    if (!change.event.key.empty()) events.push_back(change.event);
    const auto found = files_.find(change.path);
    const std::uint64_t version = found == files_.end() ? 0 : found->second.version;
    moves.push_back(change.now ? sdk::KeyChange::Put(KeyOf(change.path),
                                                     ToJson(change.path, *change.now), version)
                               : sdk::KeyChange::Delete(KeyOf(change.path), version));
  }
  const sdk::Emitted emitted = MESG_TRY(service_.EmitBatch(events, moves));
  for (std::size_t i = 0; i < count; ++i) {
    Take(changes_[i].path, changes_[i].now, emitted.versions.at(i));
  }
  changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(count));
  return {};
}

void Snapshot::Take(const std::string& path, const std::optional<Known>& now,
                    std::uint64_t version) {
  if (now) {
    files_[path] = {*now, version};
  } else {
    files_.erase(path);
  }
}

std::vector<std::string> Snapshot::Paths() const {
  std::vector<std::string> paths;
  paths.reserve(files_.size());
  for (const auto& [path, entry] : files_) paths.push_back(path);
  return paths;
}

}  // namespace mesg::services::file

#include "daemon/settings.h"

#include <algorithm>
#include <limits>

#include "base/encoding.h"
#include "daemon/values.h"

namespace mesg::daemon {
namespace {

using Text = std::string_view;

/// A row reaches its member through a function, so that a row is one line and needs no name twice.
template <typename T>
using Member = T& (*)(Config&);

template <typename T>
const T& Read(Member<T> member, const Config& config) {
  return member(const_cast<Config&>(config));  // The member is only found, not changed.
}

struct Range {
  std::uint64_t least = 1;
  std::uint64_t most = std::numeric_limits<std::int64_t>::max();
};
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;

template <typename Value, typename Format>
Result<void> Within(const Value& value, const Value& least, const Value& most, Format format) {
  if (value >= least && value <= most) return {};
  return InvalidArgument("must be from {} to {}, got {}", format(least), format(most),
                         format(value));
}

Setting Size(Text group, Text key, Text about, Range range, Member<std::uint64_t> member) {
  return {group,
          key,
          "size",
          about,
          [=](Config& config, Text text) -> Result<void> {
            const std::uint64_t bytes = MESG_TRY(ParseSize(text));
            MESG_TRY(Within(bytes, range.least, range.most, FormatSize));
            member(config) = bytes;
            return {};
          },
          [=](const Config& config) { return FormatSize(Read(member, config)); }};
}

template <typename Number>
Setting Count(Text group, Text key, Text about, Range range, Member<Number> member) {
  return {group,
          key,
          "number",
          about,
          [=](Config& config, Text text) -> Result<void> {
            const std::uint64_t count = MESG_TRY(ParseCount(text));
            const std::uint64_t most =
                std::min<std::uint64_t>(range.most, std::numeric_limits<Number>::max());
            MESG_TRY(Within(count, range.least, most,
                            [](std::uint64_t number) { return std::to_string(number); }));
            member(config) = static_cast<Number>(count);
            return {};
          },
          [=](const Config& config) { return std::to_string(Read(member, config)); }};
}

Setting Time(Text group, Text key, Text about, Duration least, Member<Duration> member) {
  constexpr Duration kMost = std::chrono::hours(24 * 365 * 100);
  return {group,
          key,
          "time",
          about,
          [=](Config& config, Text text) -> Result<void> {
            const Result<Duration> time = ParseDuration(text);
            if (!time) return InvalidArgument("must be a time such as 10s, got \"{}\"", text);
            MESG_TRY(Within(*time, least, kMost, FormatDuration));
            member(config) = *time;
            return {};
          },
          [=](const Config& config) { return FormatDuration(Read(member, config)); }};
}

Setting Real(Text group, Text key, Text about, double least, double most, Member<double> member) {
  return {
      group,
      key,
      "number",
      about,
      [=](Config& config, Text text) -> Result<void> {
        const double number = MESG_TRY(ParseReal(text));
        MESG_TRY(Within(number, least, most, [](double value) { return fmt::to_string(value); }));
        member(config) = number;
        return {};
      },
      [=](const Config& config) { return fmt::format("{:g}", Read(member, config)); }};
}

Setting Switch(Text group, Text key, Text about, Member<bool> member) {
  return {group,
          key,
          "true or false",
          about,
          [=](Config& config, Text text) -> Result<void> {
            member(config) = MESG_TRY(ParseBool(text));
            return {};
          },
          [=](const Config& config) { return Read(member, config) ? "true" : "false"; }};
}

/// `choices` as they are shown: "sync or async".
Setting Choice(Text group, Text key, Text choices, Text about, Member<std::string> member) {
  return {group,
          key,
          choices,
          about,
          [=](Config& config, Text text) -> Result<void> {
            // A choice is a word of the list between spaces, with or without a comma behind it.
            const std::string list = " " + std::string(choices) + " ";
            const std::string word(text);
            const bool known = word.find_first_of(" ,") == std::string::npos && word != "or" &&
                               (list.find(" " + word + " ") != std::string::npos ||
                                list.find(" " + word + ", ") != std::string::npos);
            if (word.empty() || !known) {
              return InvalidArgument("must be {}, got \"{}\"", choices, text);
            }
            member(config) = word;
            return {};
          },
          [=](const Config& config) { return Read(member, config); }};
}

Setting DataDirectory(Text group) {
  return {group,
          "data_directory",
          "folder",
          "What must survive: the store and the services' files.",
          [](Config& config, Text text) -> Result<void> {
            const std::filesystem::path path(text);
            if (!path.is_absolute()) {
              return InvalidArgument("must be an absolute path, got \"{}\"", text);
            }
            config.directories.data = path.lexically_normal();
            return {};
          },
          [](const Config& config) { return config.directories.data.string(); }};
}

Setting GrpcAddress(Text group) {
  return {group,
          "grpc_address",
          "addresses",
          "Where the API listens: HOST:PORT, several separated by commas; port 0 takes a free one.",
          [](Config& config, Text text) -> Result<void> {
            config.grpc = MESG_TRY(ParseAddresses(text));
            return {};
          },
          [](const Config& config) { return FormatAddresses(config.grpc); }};
}

Setting HttpAddress(Text group) {
  return {group,
          "http_address",
          "addresses",
          "Reserved for HTTP and the console: checked, and not used yet.",
          [](Config& config, Text text) -> Result<void> {
            if (!text.empty()) MESG_TRY(ParseAddresses(text));
            config.http = text;
            return {};
          },
          [](const Config& config) { return config.http; }};
}

Setting DurabilitySetting(Text group) {
  return {group,
          "durability",
          "sync or async",
          "What an acknowledgement means: on the disk, or handed to the operating system.",
          [](Config& config, Text text) -> Result<void> {
            if (text != "sync" && text != "async") {
              return InvalidArgument("must be sync or async, got \"{}\"", text);
            }
            config.broker.durability =
                text == "sync" ? store::Durability::kSync : store::Durability::kAsync;
            return {};
          },
          [](const Config& config) { return std::string(Name(config.broker.durability)); }};
}

Setting SecretsKeyFile(Text group) {
  return {group,
          "secrets_key_file",
          "file",
          "The key of the secrets, made with the first one; `secrets.key` beside config.yml.",
          [](Config& config, Text text) -> Result<void> {
            const std::filesystem::path path(text);
            if (!path.is_absolute()) {
              return InvalidArgument("must be an absolute path, got \"{}\"", text);
            }
            config.secrets_key_file = path.lexically_normal();
            return {};
          },
          [](const Config& config) { return config.secrets_key_file.string(); }};
}

Setting SecretsPassphraseFile(Text group) {
  return {group,
          "secrets_passphrase_file",
          "file",
          "A file, or /dev/fd/N, with a passphrase that is the key in the place of a key file.",
          [](Config& config, Text text) -> Result<void> {
            const std::filesystem::path path(text);
            if (!path.empty() && !path.is_absolute()) {
              // What came is not repeated: it may be a passphrase.
              return InvalidArgument(
                  "must be the absolute path of a file with the passphrase, which itself may "
                  "stand in no option, variable or configuration");
            }
            config.secrets_passphrase_file = path.lexically_normal();
            return {};
          },
          [](const Config& config) { return config.secrets_passphrase_file.string(); }};
}

void AddSecrets(std::vector<Setting>& rows) {
  const Text group = "Secrets";
  rows.push_back(SecretsKeyFile(group));
  rows.push_back(SecretsPassphraseFile(group));
}

void AddCore(std::vector<Setting>& rows) {
  const Text group = "Core";
  rows.push_back(GrpcAddress(group));
  rows.push_back(HttpAddress(group));
  rows.push_back(Switch(group, "insecure",
                        "Allow addresses that other machines can reach, without TLS or tokens.",
                        [](Config& c) -> bool& { return c.insecure; }));
  rows.push_back(DataDirectory(group));
  rows.push_back(Choice(group, "log_level", "debug, info, warn or error",
                        "The least that is logged.",
                        [](Config& c) -> std::string& { return c.log_level; }));
  rows.push_back(Choice(group, "log_format", "text or json", "One line a message, or one object.",
                        [](Config& c) -> std::string& { return c.log_format; }));
  rows.push_back(Time(group, "stop_grace", "How long open calls may take to end when Core stops.",
                      Duration(0), [](Config& c) -> Duration& { return c.stop_grace; }));
}

void AddStore(std::vector<Setting>& rows) {
  const Text group = "Store";
  rows.push_back(DurabilitySetting(group));
  rows.push_back(Time(group, "retention_age", "Events and results older than this are removed.",
                      std::chrono::seconds(1),
                      [](Config& c) -> Duration& { return c.broker.engine.retention_age; }));
  rows.push_back(Size(group, "retention_bytes", "And the oldest beyond this size of history.",
                      {.least = kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.engine.retention_bytes; }));
  rows.push_back(Size(group, "subscription_hold_bytes",
                      "How far a named subscription may hold back removal before it is broken.",
                      {.least = 0},
                      [](Config& c) -> std::uint64_t& { return c.broker.engine.hold_bytes; }));
  rows.push_back(Time(
      group, "dedup_window", "How long event ids and idempotency keys are remembered at least.",
      Duration(0), [](Config& c) -> Duration& { return c.broker.engine.dedup_window; }));
  rows.push_back(Size(group, "write_buffer_bytes", "Memory for changes, up to three of them.",
                      {.least = kMiB, .most = kGiB},
                      [](Config& c) -> std::uint64_t& { return c.write_buffer_bytes; }));
  rows.push_back(Size(group, "block_cache_bytes", "Memory for what is read.",
                      {.least = kMiB, .most = 64 * kGiB},
                      [](Config& c) -> std::uint64_t& { return c.block_cache_bytes; }));
  rows.push_back(Count<std::uint64_t>(
      group, "partitions", "How many the store is divided into; only 1 for now.",
      {.least = 1, .most = 1}, [](Config& c) -> std::uint64_t& { return c.partitions; }));
}

void AddLimits(std::vector<Setting>& rows) {
  const Text group = "Limits";
  // A result is stored with its inputs, in one commit: twice the payload has to fit a batch.
  rows.push_back(Size(group, "payload_bytes", "Of one event's data, inputs, outputs or value.",
                      {.least = kKiB, .most = 16 * kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.limits.payload_bytes; }));
  rows.push_back(Count<std::size_t>(
      group, "inbox_requests", "Requests that wait to be decided; more are refused.", {.least = 16},
      [](Config& c) -> std::size_t& { return c.broker.limits.inbox_requests; }));
  rows.push_back(Size(group, "inbox_bytes", "The same in bytes.", {.least = kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.limits.inbox_bytes; }));
  rows.push_back(Size(group, "commit_bytes", "Decided and not yet durable; more waits.",
                      {.least = kMiB, .most = 64 * kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.limits.commit_bytes; }));
  rows.push_back(
      Count<std::size_t>(group, "listeners", "Open listeners.", {},
                         [](Config& c) -> std::size_t& { return c.broker.limits.listeners; }));
  rows.push_back(
      Count<std::size_t>(group, "workers", "Connected workers.", {},
                         [](Config& c) -> std::size_t& { return c.broker.limits.workers; }));
  rows.push_back(
      Count<std::size_t>(group, "worker_credits", "Deliveries one worker may hold.", {},
                         [](Config& c) -> std::size_t& { return c.broker.limits.worker_credits; }));
  rows.push_back(Count<std::size_t>(
      group, "list_page", "Items of one page of a list.", {.least = 1, .most = 10'000},
      [](Config& c) -> std::size_t& { return c.broker.limits.list_page; }));
  rows.push_back(Size(group, "list_bytes", "The same in bytes; one item may have more.",
                      {.least = kKiB, .most = 64 * kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.limits.list_bytes; }));
  rows.push_back(Count<std::uint64_t>(
      group, "open_executions", "Executions without a result; more are refused.", {},
      [](Config& c) -> std::uint64_t& { return c.broker.engine.max_open_executions; }));
  rows.push_back(Size(group, "open_execution_bytes", "The same in bytes.", {.least = kMiB},
                      [](Config& c) -> std::uint64_t& { return c.broker.engine.max_open_bytes; }));
  rows.push_back(Count<std::uint64_t>(
      group, "subscriptions", "Named subscriptions.", {},
      [](Config& c) -> std::uint64_t& { return c.broker.engine.max_subscriptions; }));
}

void AddExecutions(std::vector<Setting>& rows) {
  const Text group = "Executions";
  rows.push_back(Time(group, "default_timeout", "Of an attempt whose task declares none.",
                      std::chrono::milliseconds(1),
                      [](Config& c) -> Duration& { return c.broker.default_timeout; }));
  rows.push_back(Count<std::uint32_t>(
      group, "retry_attempts", "Attempts all in all, of a task that declares none.",
      {.least = 1, .most = 1000},
      [](Config& c) -> std::uint32_t& { return c.broker.default_retry.attempts; }));
  rows.push_back(Time(group, "retry_initial", "Pause before the second attempt.", Duration(0),
                      [](Config& c) -> Duration& { return c.broker.default_retry.initial; }));
  rows.push_back(Real(group, "retry_factor", "Each pause is the last one times this.", 1, 1000,
                      [](Config& c) -> double& { return c.broker.default_retry.factor; }));
  rows.push_back(Time(group, "retry_max", "But never longer than this.", Duration(0),
                      [](Config& c) -> Duration& { return c.broker.default_retry.max; }));
  rows.push_back(Real(group, "retry_jitter", "Up to this part of a pause is taken off at random.",
                      0, 1, [](Config& c) -> double& { return c.broker.default_retry.jitter; }));
}

void AddServices(std::vector<Setting>& rows) {
  const Text group = "Services";
  rows.push_back(Count<std::uint64_t>(group, "deployments", "At once; more are refused.",
                                      {.least = 1, .most = 64},
                                      [](Config& c) -> std::uint64_t& { return c.deployments; }));
  rows.push_back(Size(group, "service_bytes", "Of all files of a service, unpacked.",
                      {.least = kKiB},
                      [](Config& c) -> std::uint64_t& { return c.fetch.max_bytes; }));
  rows.push_back(Size(group, "service_archive_bytes", "Of an archive, or what a repository sends.",
                      {.least = kKiB},
                      [](Config& c) -> std::uint64_t& { return c.fetch.max_archive_bytes; }));
  rows.push_back(
      Count<std::uint64_t>(group, "service_files", "Files and folders of a service.", {},
                           [](Config& c) -> std::uint64_t& { return c.fetch.max_files; }));
  rows.push_back(Time(group, "fetch_timeout", "Of one download, clone or unpacking.",
                      std::chrono::seconds(1),
                      [](Config& c) -> Duration& { return c.fetch_timeout; }));
  rows.push_back(Time(group, "install_timeout", "Of installing what a service depends on.",
                      std::chrono::seconds(1),
                      [](Config& c) -> Duration& { return c.install_timeout; }));
  rows.push_back(Time(group, "restart_initial", "Pause before a process that ended starts again.",
                      std::chrono::milliseconds(1),
                      [](Config& c) -> Duration& { return c.restart.initial; }));
  rows.push_back(Time(group, "restart_max", "The longest such pause; each is twice the last.",
                      std::chrono::milliseconds(1),
                      [](Config& c) -> Duration& { return c.restart.max; }));
  rows.push_back(Time(group, "restart_steady", "Up this long, a process counts as working.",
                      std::chrono::milliseconds(1),
                      [](Config& c) -> Duration& { return c.restart.steady; }));
  rows.push_back(Count<int>(group, "restart_give_up", "Early ends in a row before Core gives up.",
                            {}, [](Config& c) -> int& { return c.restart.give_up_after; }));
  rows.push_back(Size(group, "service_log_bytes", "Of one log file of a service.", {.least = kKiB},
                      [](Config& c) -> std::uint64_t& { return c.service_log.max_bytes; }));
  rows.push_back(Count<int>(group, "service_log_files", "Older log files that are kept.",
                            {.least = 0, .most = 1000},
                            [](Config& c) -> int& { return c.service_log.old_files; }));
}

}  // namespace

std::string Setting::Flag() const {
  std::string flag = "--" + std::string(key);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string Setting::Variable() const {
  std::string variable = "MESG_" + std::string(key);
  std::ranges::transform(variable, variable.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return variable;
}

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> rows = [] {
    std::vector<Setting> all;
    AddCore(all);
    AddStore(all);
    AddLimits(all);
    AddExecutions(all);
    AddServices(all);
    AddSecrets(all);
    return all;
  }();
  return rows;
}

const Setting* FindSetting(std::string_view key) {
  const auto row = std::ranges::find(Settings(), key, &Setting::key);
  return row == Settings().end() ? nullptr : &*row;
}

std::string_view NearestKey(std::string_view key) {
  std::vector<std::string_view> keys;
  for (const Setting& setting : Settings()) keys.push_back(setting.key);
  return Nearest(key, keys);
}

}  // namespace mesg::daemon

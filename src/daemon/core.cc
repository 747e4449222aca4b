#include "daemon/core.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/port.h"
#include "api/server.h"
#include "broker/broker.h"
#include "daemon/delivery_key.h"
#include "daemon/pid_file.h"
#include "daemon/status.h"
#include "daemon/stop_request.h"
#include "daemon/systemd.h"
#include "runtime/evaluate/expression_helper.h"
#include "runtime/services/service_manager.h"
#include "store/rocksdb/rocks_database.h"
#include "store/secrets/secret_store.h"

namespace mesg::daemon {
namespace {

namespace fs = std::filesystem;

/// The folders Core keeps its things in; nobody else may look into them.
Result<void> MakeDirectories(const Directories& directories) {
  for (const fs::path& folder : {directories.data, directories.state}) {
    std::error_code error;
    const bool made = fs::create_directories(folder, error);
    if (error) {
      return FailedPrecondition(
          "cannot make the folder {}: {}. Give its parent to the user who runs Core, or set "
          "MESG_HOME to another place",
          folder.string(), error.message());
    }
    if (made) chmod(folder.c_str(), S_IRWXU);
    if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
      return FailedPrecondition(
          "cannot write in {}: give it to the user who runs Core, or set MESG_HOME to another "
          "place",
          folder.string());
    }
  }
  return {};
}

/// Each connection, listener's process and file needs a descriptor, and the usual limit is 1,024.
void AllowManyFiles() {
  constexpr rlim_t kEnough = 65'536;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  setrlimit(RLIMIT_NOFILE, &limit);
}

store::rocks::RocksOptions StoreOptions(const Config& config) {
  return {.directory = (config.directories.data / "store").string(),
          .durability = config.broker.durability,
          .write_buffer_bytes = config.write_buffer_bytes,
          .block_cache_bytes = config.block_cache_bytes};
}

store::SecretStore::Options SecretOptions(const Config& config) {
  return {.file = config.directories.data / "secrets",
          .key_file = config.secrets_key_file,
          .passphrase_file = config.secrets_passphrase_file};
}

runtime::ServiceManager::Options ServiceOptions(const Config& config,
                                                const Installation& installation,
                                                std::string endpoint) {
  return {.endpoint = std::move(endpoint),
          .standard_services = installation.services,
          .available_services = installation.available,
          .deployments = config.deployments,
          .fetcher = {.content_directory = config.directories.data / "services" / "content",
                      .helper_program = installation.helpers / "mesg-fetch",
                      .limits = config.fetch,
                      .timeout = config.fetch_timeout},
          .supervisor = {.data_directory = config.directories.data,
                         .log_directory = config.directories.state / "logs",
                         .guard_program = installation.helpers / "mesg-guard",
                         .restart = config.restart,
                         .log = config.service_log,
                         .install_timeout = config.install_timeout}};
}

Duration Since(const Clock& clock, TimePoint start) { return clock.Now() - start; }

void SayReady(const StartReport& report, const Config& config, Duration took) {
  if (report.bytes_cut > 0) {
    spdlog::warn(
        "the last shutdown was a crash: {} bytes that were never acknowledged were cut from the "
        "end of the store",
        report.bytes_cut);
  }
  if (config.broker.durability == store::Durability::kAsync) {
    spdlog::warn("durability is async: what was acknowledged last can be lost in a power loss");
  }
  spdlog::info("ready at {} after {} ms: version {}, process {}, sequence {}, {} open executions",
               report.grpc_address, took.count() / 1000, report.version, getpid(),
               report.last_sequence, report.open_executions);
}

}  // namespace

Installation Installation::Of(const fs::path& executable) {
  const fs::path prefix = executable.parent_path().parent_path();
  const fs::path helpers = prefix / "libexec" / "mesg";
  return {helpers, helpers / "services", prefix / "share" / "mesg" / "services", MESG_VERSION};
}

Result<void> RunCore(const Config& config, const Installation& installation) {
  const SystemClock clock;
  const TimePoint started = clock.Now();
  StopRequest stop;
  AllowManyFiles();
  MESG_TRY(MakeDirectories(config.directories));
  const std::vector<std::string> addresses = MESG_TRY(api::ChoosePorts(ToListen(config.grpc)));

  const auto database = MESG_TRY(store::rocks::RocksDatabase::Open(StoreOptions(config)));
  const std::unique_ptr<store::Store> store = database->Partition(0);
  // Behind the database, whose lock says that no other Core uses the directory. Before those that
  // ask it when work is handed out.
  const auto secrets = MESG_TRY(store::SecretStore::Open(SecretOptions(config), clock));
  // Before the broker, which asks it and is destroyed first.
  runtime::ExpressionHelper helper({.program = installation.helpers / "mesg-eval"});
  broker::Settings settings = config.broker;
  settings.helper = [&helper](const app::HelperCall& call, auto reply) {
    const auto asked =
        helper.Evaluate(call.expression, app::kVariables, call.input, call.scope, reply);
    // Too much waits for it: a reason to ask again later, none to fail.
    if (!asked) reply(Unavailable("{}", asked.error().message));
  };
  const app::Deferred::Secrets ask_secrets = [&secrets](std::string_view name) {
    return secrets->Get(name);
  };
  settings.secrets = ask_secrets;
  settings.delivery_key = MESG_TRY(ReadOrMakeDeliveryKey(config.directories.data / "delivery.key"));
  const auto broker =
      MESG_TRY(broker::Broker::Start({store.get()}, clock, std::move(settings),
                                     [&](Error error) { stop.Fail(std::move(error)); }));
  const StartReport report{.version = installation.version,
                           .started = started,
                           .recovery_time = Since(clock, started),
                           .last_sequence = store->Recovered().last_sequence,
                           .bytes_cut = database->BytesCut(),
                           .open_executions = broker->Count().open_executions,
                           .grpc_address = MESG_TRY(ToShow(config.grpc, addresses))};

  auto options = ServiceOptions(config, installation, MESG_TRY(ToConnect(addresses.front())));
  options.secrets = ask_secrets;
  const auto services =
      MESG_TRY(runtime::ServiceManager::Start(std::move(options), *broker, clock));
  std::atomic<bool> ready = false;
  const auto status = [&] {
    return MakeStatus(config, report, broker->Count(), database->Counters(), services->Deploying(),
                      ready);
  };
  const auto server = MESG_TRY(
      api::Server::Start({addresses}, {.broker = broker.get(),
                                       .services = services.get(),
                                       .secrets = secrets.get(),
                                       .status = status,
                                       .shutdown = [&] { stop.Ask("a call of Shutdown"); }}));
  const PidFile pid_file = MESG_TRY(PidFile::Write(config.directories.PidFile()));
  ready = true;
  server->SetReady();
  NotifySystemd("READY=1");
  SayReady(report, config, Since(clock, started));

  const Result<std::string> why = stop.Wait();

  // From here on everything ends in the reverse order of the lines above.
  NotifySystemd("STOPPING=1");
  constexpr unsigned kForceSeconds = 60;
  const auto grace = why ? config.stop_grace : Duration(0);
  StopRequest::ForceAfter(
      kForceSeconds +
      static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(grace).count()));
  if (!why) return why.error();
  spdlog::info("stopping: {}", *why);
  server->Stop(grace);
  return {};
}

}  // namespace mesg::daemon

#include "runtime/services/service_manager.h"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>

#include "base/guarded.h"
#include "runtime/services/service_manager_fixture_test.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// ---- Deploying ----

TEST_F(ServiceManagerTest, DeployingAFolderRegistersItAndStartsNothing) {
  HasService();
  std::string steps;
  const auto deployed =
      Deploy(DeployRequest{Source().string(), {}, "", false}, [&](const DeployProgress& progress) {
        if (progress.done) steps += progress.step + " ";
      });
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(steps, "fetch validate register ");
  EXPECT_EQ(deployed->state, ServiceState::kStopped);
  EXPECT_TRUE(deployed->managed);
  EXPECT_EQ(deployed->pid, 0);
  EXPECT_EQ(deployed->instance->Name(), "test");
  EXPECT_EQ(deployed->instance->Record().origin, Source().string());
  EXPECT_EQ(deployed->instance->Record().token.size(), 43);
  EXPECT_EQ(HashOf(*Get(HashOf(*deployed))), HashOf(*deployed));
  EXPECT_EQ(Contents(), 1);
}

TEST_F(ServiceManagerTest, DeployingWithStartRunsItsProcess) {
  HasService();
  std::string steps;
  const auto deployed =
      Deploy(DeployRequest{Source().string(), {}, "", true}, [&](const DeployProgress& progress) {
        if (progress.done) steps += progress.step + " ";
      });
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(steps, "fetch validate install register ");
  const ServiceStatus running = Comes(ServiceState::kRunning);
  EXPECT_TRUE(Lives(running.pid));
  EXPECT_TRUE(Eventually([&] { return !Wrote().empty() && Wrote().front() == "hello"; }));
}

TEST_F(ServiceManagerTest, DeployingAnArchiveThatArrivedInPieces) {
  HasService();
  const fs::path archive = data_.path() / "a.tar.gz";
  const std::string tar =
      "tar -C '" + data_.path().string() + "' -czf '" + archive.string() + "' source";
  ASSERT_EQ(std::system(tar.c_str()), 0);
  auto upload = manager_->Upload();
  ASSERT_TRUE(upload);
  const std::string bytes = ReadFile(archive);
  ASSERT_TRUE((*upload)->Append(bytes.substr(0, 10)));
  ASSERT_TRUE((*upload)->Append(bytes.substr(10)));
  const auto deployed = Deploy(DeployRequest{*std::move(upload), {}, "", false});
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(deployed->instance->Record().origin, "archive");
  // The same files are the same instance, wherever they came from.
  const auto again = Deploy();
  ASSERT_TRUE(again);
  EXPECT_EQ(HashOf(*again), HashOf(*deployed));
  EXPECT_EQ(again->instance->Record().token, deployed->instance->Record().token);
}

TEST_F(ServiceManagerTest, AnotherInstanceOfWhatIsDeployedUsesItsFiles) {
  HasService("env: {KEY: {}}\n");
  const auto first = Deploy(DeployRequest{Source().string(), {}, "", false});
  ASSERT_TRUE(first) << first.error().message;
  fs::remove_all(Source());
  const auto second =
      Deploy(DeployRequest{DeployRequest::Deployed{"test"}, {{"KEY", "other"}}, "second", true});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->instance->Record().origin, first->instance->Record().origin);
  Comes(ServiceState::kRunning, "second");
  EXPECT_EQ(Get("test")->state, ServiceState::kStopped) << "the first is as it was";
  EXPECT_EQ(Deploy(DeployRequest{DeployRequest::Deployed{"none"}, {}, "", false}).error().code,
            Code::kNotFound);
}

// Whoever runs the process of the first runs that of the second, too.
TEST_F(ServiceManagerTest, AnotherInstanceOfAContractWithoutFilesIsTheContractAgain) {
  Has("mesg.yml", "name: Test\nsid: test\nenv: {KEY: {required: true}}\n");
  const auto first = Deploy(false, {{"KEY", "one"}});
  ASSERT_TRUE(first) << first.error().message;
  const auto again = [&](bool start, std::map<std::string, std::string> env) {
    return Deploy(
        DeployRequest{DeployRequest::Deployed{HashOf(*first)}, std::move(env), "second", start});
  };
  EXPECT_EQ(again(false, {}).error().code, Code::kInvalidArgument) << "it has no value of its own";
  const auto started = again(true, {{"KEY", "other"}});
  EXPECT_EQ(started.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(started.error().message, HasSubstr("nothing to start"));
  EXPECT_EQ(List().size(), 1);

  const auto second = again(false, {{"KEY", "other"}});
  ASSERT_TRUE(second) << second.error().message;
  const engine::Instance& record = second->instance->Record();
  EXPECT_EQ(record.source->service_hash, first->instance->Record().source->service_hash);
  EXPECT_EQ(record.origin, first->instance->Record().origin);
  EXPECT_EQ(record.content_hash, "");
  EXPECT_EQ(record.env.at("KEY"), "other");
  EXPECT_NE(record.token, first->instance->Record().token);
  EXPECT_EQ(HashOf(*again(false, {{"KEY", "other"}})), HashOf(*second)) << "the same once more";
}

TEST_F(ServiceManagerTest, DeployingARepository) {
  HasService();
  const std::string git = "cd '" + Source().string() +
                          "' && git init -q -b main . && git add -A && git -c user.name=t -c "
                          "user.email=t@t commit -q -m x";
  ASSERT_EQ(std::system(git.c_str()), 0);
  const std::string url = "file://" + Source().string() + "#main";
  const auto deployed = Deploy(DeployRequest{url, {}, "from-git", true});
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(deployed->instance->Name(), "from-git");
  EXPECT_EQ(deployed->instance->Record().origin, url);
  Comes(ServiceState::kRunning, "from-git");
}

TEST_F(ServiceManagerTest, WhatIsRefusedLeavesNothingBehind) {
  EXPECT_EQ(Deploy().error().code, Code::kNotFound);
  Has("mesg.yml", "name: Test\ntaks: {}\nevents: 3\n");
  const auto invalid = Deploy();
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().code, Code::kInvalidArgument);
  EXPECT_EQ(invalid.error().violations.size(), 2);
  EXPECT_THAT(invalid.error().message, HasSubstr("mesg.yml:2:1"));
  HasService();
  EXPECT_EQ(Deploy(DeployRequest{Source().string(), {}, "a/b", false}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(Deploy(DeployRequest{std::unique_ptr<ArchiveUpload>(), {}, "", false}).error().code,
            Code::kInvalidArgument);
  EXPECT_TRUE(List().empty());
  EXPECT_TRUE(Eventually([&] { return Contents() == 0; }));
}

TEST_F(ServiceManagerTest, TheEnvironmentMustFitWhatIsDeclared) {
  HasService("env: {KEY: {required: true, secret: true}, REGION: eu}\n");
  const auto missing = Deploy(false, {{"REGON", "us"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, "INVALID_ENVIRONMENT");
  EXPECT_EQ(missing.error().violations.size(), 2);
  const auto deployed = Deploy(false, {{"KEY", "k"}});
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(deployed->instance->Record().env.at("REGION"), "eu");
  // The default said aloud is the same environment.
  EXPECT_EQ(HashOf(*Deploy(false, {{"KEY", "k"}, {"REGION", "eu"}})), HashOf(*deployed));
  EXPECT_NE(HashOf(*Deploy(false, {{"KEY", "other"}})), HashOf(*deployed));
}

TEST_F(ServiceManagerTest, AnEnvironmentThatMentionsASecretHasItOnlyInTheProcess) {
  End();
  const auto value = std::make_shared<Guarded<std::string>>();
  options_.secrets = [value](std::string_view name) -> Result<std::optional<std::string>> {
    const std::string now = value->With([](const auto& current) { return current; });
    return name == "smtp" && !now.empty() ? std::optional(now) : std::nullopt;
  };
  Begin();
  HasService("env: {KEY: {required: true, secret: true}, URL: {}}\n", "\"key $KEY\" ${#KEY} $URL");
  const auto request = [&] {
    DeployRequest wanted{Source().string(), {}, "", true};
    wanted.templates = {{{"KEY", "u:${ $secrets.smtp }"}, {"URL", "${ $inputs.host }/x"}},
                        {{"host", R"("h")"}},
                        {}};
    return wanted;
  };
  const auto deployed = Deploy(request());
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(deployed->instance->Record().env.at("KEY"), "***");
  EXPECT_EQ(deployed->instance->Record().env.at("URL"), "h/x");
  EXPECT_EQ(Comes(ServiceState::kRestarting).reason,
            "not started: the secret smtp is not set; set it with mesg secret set smtp");
  value->With([](std::string& current) { current = "hunter2"; });
  const std::string hash = HashOf(Comes(ServiceState::kRunning));
  EXPECT_TRUE(Eventually([&] {
    const auto wrote = Wrote();
    return !wrote.empty() && wrote.front() == "key u:*** 9 h/x";
  }));
  EXPECT_EQ(manager_->Environment("test")->env.at("KEY"), "***");
  value->With([](std::string& current) { current = "another"; });
  EXPECT_EQ(HashOf(*Deploy(request())), hash) << "what the secret is makes no other instance";
  DeployRequest other = request();
  other.templates.texts["KEY"] = "v:${ $secrets.smtp }";
  EXPECT_NE(HashOf(*Deploy(std::move(other))), hash);

  DeployRequest wrong = request();
  wrong.templates.texts = {{"KEI", "${ $secrets.smtp }"}};
  EXPECT_EQ(Deploy(std::move(wrong)).error().reason, "INVALID_ENVIRONMENT");
}

TEST_F(ServiceManagerTest, AServiceWithoutAnythingToStartWaitsForItsProcess) {
  Has("mesg.yml", "name: Test\nsid: test\n");
  Has("code.py", "print(1)");
  const auto deployed = Deploy();
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_FALSE(deployed->managed);
  const auto started = Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(started.error().reason, "NOTHING_TO_START");
  EXPECT_FALSE(Get()->instance->Record().started);
  EXPECT_EQ(manager_->Environment("test")->folder, "");
  EXPECT_TRUE(Eventually([&] { return Contents() == 0; }));
  // Its process is the user's: changing the code changes nothing here.
  Has("code.py", "print(2)");
  EXPECT_EQ(HashOf(*Deploy()), HashOf(*deployed));
  EXPECT_EQ(Deploy(true).error().code, Code::kFailedPrecondition);
}

TEST_F(ServiceManagerTest, MoreDeploymentsThanAllowedAreRefused) {
  End();
  options_.deployments = 1;
  Begin();
  HasService();
  std::promise<void> entered;
  std::promise<void> go_on;
  std::promise<Result<ServiceStatus>> first;
  bool told = false;
  manager_->Deploy(
      DeployRequest{Source().string(), {}, "", false},
      [&](const DeployProgress&) {
        if (std::exchange(told, true)) return;
        entered.set_value();
        go_on.get_future().wait();
      },
      {}, [&](Result<ServiceStatus> status) { first.set_value(std::move(status)); });
  entered.get_future().wait();
  EXPECT_EQ(manager_->Deploying(), 1U);
  const auto second = Deploy();
  go_on.set_value();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(first.get_future().get());
  // It is answered a moment before its thread has ended.
  EXPECT_TRUE(Eventually([&] { return Deploy().has_value(); }));
  EXPECT_TRUE(Eventually([&] { return manager_->Deploying() == 0; }));
}

TEST_F(ServiceManagerTest, AStoppedDeploymentChangesNothing) {
  HasService();
  std::stop_source stop;
  const auto deployed = Deploy(
      DeployRequest{Source().string(), {}, "", true},
      [&](const DeployProgress& progress) {
        if (progress.step == "validate") stop.request_stop();
      },
      stop.get_token());
  ASSERT_FALSE(deployed);
  EXPECT_EQ(deployed.error().code, Code::kCancelled);
  EXPECT_TRUE(List().empty());
  EXPECT_TRUE(Eventually([&] { return Contents() == 0; }));
}

TEST_F(ServiceManagerTest, TheSecondDeploymentOfANameWaitsForTheFirstAndReplacesIt) {
  HasService();
  std::promise<void> first_installs;
  std::promise<void> second_is_valid;
  std::promise<Result<ServiceStatus>> first;
  const auto both = [&](const DeployProgress& progress) {
    if (progress.step != "install" || progress.done) return;
    first_installs.set_value();
    second_is_valid.get_future().wait();
  };
  manager_->Deploy(DeployRequest{Source().string(), {}, "", true}, both, {},
                   [&](Result<ServiceStatus> status) { first.set_value(std::move(status)); });
  first_installs.get_future().wait();
  HasService("", "changed");
  std::string steps;
  const auto second =
      Deploy(DeployRequest{Source().string(), {}, "", false}, [&](const DeployProgress& progress) {
        if (!progress.done) return;
        steps += progress.step + " ";
        if (progress.step == "validate") second_is_valid.set_value();
      });
  const auto replaced = first.get_future().get();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(replaced);
  // It saw that the first is to run, and so installed and started too.
  EXPECT_EQ(steps, "fetch validate install register ");
  EXPECT_EQ(HashOf(*Get()), HashOf(*second));
  Comes(ServiceState::kRunning);
}

// ---- Starting, stopping, deleting ----

TEST_F(ServiceManagerTest, StartAndStop) {
  HasService();
  ASSERT_TRUE(Deploy());
  const auto started = Start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_NE(started->state, ServiceState::kStopped);
  const pid_t pid = Comes(ServiceState::kRunning).pid;
  ASSERT_TRUE(Start());  // It runs already.
  EXPECT_EQ(Get()->pid, pid);
  const auto stopped = Stop();
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(stopped->state, ServiceState::kStopped);
  EXPECT_FALSE(Lives(pid));
  ASSERT_TRUE(Stop());
  ASSERT_TRUE(Start());
  EXPECT_NE(Comes(ServiceState::kRunning).pid, pid);
}

TEST_F(ServiceManagerTest, WhatIsNotDeployedIsNotFound) {
  EXPECT_EQ(Get().error().code, Code::kNotFound);
  EXPECT_EQ(Start().error().code, Code::kNotFound);
  EXPECT_EQ(Stop().error().code, Code::kNotFound);
  EXPECT_EQ(Delete().error().code, Code::kNotFound);
  EXPECT_EQ(manager_->Environment("test").error().code, Code::kNotFound);
  EXPECT_EQ(manager_->ReadLog("test", 0).error().code, Code::kNotFound);
  EXPECT_EQ(manager_->FollowLog("test", 0, [](const auto&) {}).error().code, Code::kNotFound);
  const auto moved =
      Wait<broker::Broker::Moved>([&](auto reply) { manager_->MovePinned("test", reply); });
  EXPECT_EQ(moved.error().code, Code::kNotFound);
}

TEST_F(ServiceManagerTest, OneThatKeepsEndingIsGivenUpAndCanBeTriedAnew) {
  HasService();
  Has("run.sh", "#!/bin/sh\ntest -e \"$HOLD\" && exec sleep 1000\necho no hold; exit 7\n", true);
  Has("mesg.yml", "name: Test\nsid: test\nrun: [sh, run.sh]\nenv: {HOLD: '" +
                      (data_.path() / "hold").string() + "'}\n");
  ASSERT_TRUE(Deploy(true));
  const ServiceStatus failed = Comes(ServiceState::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr("status 7"));
  EXPECT_TRUE(failed.instance->Record().started);
  WriteFile(data_.path() / "hold", "");
  ASSERT_TRUE(Start());
  Comes(ServiceState::kRunning);
}

TEST_F(ServiceManagerTest, DeletingEndsItsProcessAndRemovesWhatBelongsToIt) {
  HasService();
  const auto deployed = Deploy(true);
  ASSERT_TRUE(deployed);
  const pid_t pid = Comes(ServiceState::kRunning).pid;
  EXPECT_EQ(Contents(), 1);
  EXPECT_TRUE(fs::exists(data_.path() / "logs" / HashOf(*deployed)));
  EXPECT_EQ(manager_->Environment("test")->folder,
            data_.path() / "services" / "prepared" / deployed->instance->Record().content_hash);
  const auto deleted = Delete();
  ASSERT_TRUE(deleted) << deleted.error().message;
  EXPECT_FALSE(Lives(pid));
  EXPECT_TRUE(List().empty());
  EXPECT_FALSE(fs::exists(data_.path() / "logs" / HashOf(*deployed)));
  EXPECT_TRUE(Eventually([&] { return Contents() == 0; }));
  EXPECT_TRUE(fs::is_empty(data_.path() / "services" / "prepared"));
  EXPECT_EQ(Delete().error().code, Code::kNotFound);
}

TEST_F(ServiceManagerTest, WorkThatIsPinnedKeepsAServiceFromBeingDeleted) {
  HasService(kTask);
  ASSERT_TRUE(Deploy());
  Pin();
  EXPECT_EQ(Get()->open_executions, 1);
  const auto refused = Delete();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "WORK_PINNED");
  EXPECT_TRUE(Get());
  EXPECT_TRUE(Delete("test", true));
  EXPECT_FALSE(Get());
}

TEST_F(ServiceManagerTest, FilesStayWhileAnotherInstanceNeedsThem) {
  HasService();
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "one", true}));
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "two", true}));
  EXPECT_EQ(Contents(), 1);
  const pid_t pid = Comes(ServiceState::kRunning, "two").pid;
  ASSERT_TRUE(Delete("one"));
  // The sweep that follows is over when this is deployed and deleted again.
  HasService("", "other");
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "three", false}));
  ASSERT_TRUE(Delete("three"));
  EXPECT_TRUE(Eventually([&] { return Contents() == 1; }));
  EXPECT_TRUE(Lives(pid));
  EXPECT_TRUE(fs::exists(manager_->Environment("two")->folder));
}

// ---- Replacing ----

TEST_F(ServiceManagerTest, ARedeployedServiceWithNothingPinnedIsReplacedAtOnce) {
  HasService();
  const auto old = Deploy(true);
  ASSERT_TRUE(old);
  const pid_t pid = Comes(ServiceState::kRunning).pid;
  HasService("", "changed");
  const auto deployed = Deploy();
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_NE(HashOf(*deployed), HashOf(*old));
  EXPECT_NE(deployed->instance->Record().token, old->instance->Record().token);
  Comes(ServiceState::kRunning);  // As the one it replaced was.
  EXPECT_TRUE(Eventually([&] { return !Lives(pid); }));
  EXPECT_TRUE(Eventually([&] { return Contents() == 1; }));
  EXPECT_EQ(List().size(), 1);
}

TEST_F(ServiceManagerTest, AReplacedInstanceKeepsItsProcessWhileWorkIsPinnedToIt) {
  HasService(kTask);
  const auto old = Deploy(true);
  ASSERT_TRUE(old);
  const pid_t pid = Comes(ServiceState::kRunning).pid;
  const ExecutionId work = Pin();
  HasService(kTask, "changed");
  ASSERT_TRUE(Deploy());
  Comes(ServiceState::kRunning);
  const auto all = List();
  ASSERT_EQ(all.size(), 2);
  EXPECT_EQ(all[1].state, ServiceState::kDraining);
  EXPECT_EQ(HashOf(all[1]), HashOf(*old));
  EXPECT_EQ(all[1].pid, pid);
  EXPECT_EQ(all[1].open_executions, 1);
  EXPECT_EQ(all[1].reason, "1 open executions are pinned to it; its process is running");
  EXPECT_TRUE(Lives(pid));

  Cancel(work);
  EXPECT_TRUE(Eventually([&] { return !Lives(pid); }));
  EXPECT_TRUE(Eventually([&] { return List().size() == 1 && Contents() == 1; }));
}

TEST_F(ServiceManagerTest, PinnedWorkMovesToTheSuccessor) {
  HasService(kTask);
  ASSERT_TRUE(Deploy());
  Pin();
  const auto move = [&] {
    return Wait<broker::Broker::Moved>([&](auto reply) { manager_->MovePinned("test", reply); });
  };
  EXPECT_EQ(move().error().code, Code::kFailedPrecondition);
  HasService(kTask, "changed");
  ASSERT_TRUE(Deploy());
  EXPECT_EQ(List().size(), 2);
  const auto moved = move();
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->moved, 1);
  EXPECT_TRUE(Eventually([&] { return List().size() == 1; }));
  EXPECT_EQ(Get()->open_executions, 1);
}

// ---- Core's end and start ----

TEST_F(ServiceManagerTest, WhatWasStartedIsStartedAgainWithCore) {
  HasService();
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "runs", true}));
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "rests", false}));
  const pid_t pid = Comes(ServiceState::kRunning, "runs").pid;
  const std::string token = Get("runs")->instance->Record().token;
  End();
  EXPECT_FALSE(Lives(pid));
  Begin();
  const ServiceStatus again = Comes(ServiceState::kRunning, "runs");
  EXPECT_NE(again.pid, pid);
  EXPECT_EQ(again.instance->Record().token, token);
  EXPECT_EQ(Get("rests")->state, ServiceState::kStopped);
}

TEST_F(ServiceManagerTest, ADrainingInstanceGoesOnAfterARestartOfCore) {
  HasService(kTask);
  ASSERT_TRUE(Deploy(true));
  const ExecutionId work = Pin();
  HasService(kTask, "changed");
  ASSERT_TRUE(Deploy());
  End();
  Begin();
  ASSERT_TRUE(Eventually([&] { return List().size() == 2 && List()[1].pid != 0; }));
  const pid_t pid = List()[1].pid;
  Cancel(work);
  EXPECT_TRUE(Eventually([&] { return !Lives(pid); }));
  EXPECT_TRUE(Eventually([&] { return List().size() == 1; }));
}

TEST_F(ServiceManagerTest, WhatAnAbortedDeploymentLeftIsRemovedWhenCoreStarts) {
  HasService();
  ASSERT_TRUE(Deploy());
  End();
  WriteFile(options_.fetcher.content_directory / "orphan" / "mesg.yml", "name: x\n");
  WriteFile(data_.path() / "services" / "prepared" / "orphan" / "mesg.yml", "name: x\n");
  Begin();
  EXPECT_TRUE(Eventually([&] { return Contents() == 1; }));
  EXPECT_FALSE(fs::exists(data_.path() / "services" / "prepared" / "orphan"));
  EXPECT_TRUE(Start());
  Comes(ServiceState::kRunning);
}

TEST_F(ServiceManagerTest, AServiceWhoseFilesAreGoneSaysSo) {
  HasService();
  const auto deployed = Deploy(true);
  ASSERT_TRUE(deployed);
  End();
  const std::string content = deployed->instance->Record().content_hash;
  fs::remove_all(options_.fetcher.content_directory / content);
  Begin();
  const ServiceStatus failed = Comes(ServiceState::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr(content));
  ASSERT_TRUE(Deploy(true));  // Which brings them back.
  Comes(ServiceState::kRunning);
}

TEST_F(ServiceManagerTest, CoreEndsInTheMiddleOfADeployment) {
  HasService();
  std::promise<void> entered;
  std::promise<Result<ServiceStatus>> ended;
  bool told = false;
  manager_->Deploy(
      DeployRequest{Source().string(), {}, "", true},
      [&](const DeployProgress&) {
        if (!std::exchange(told, true)) entered.set_value();
      },
      {}, [&](Result<ServiceStatus> status) { ended.set_value(std::move(status)); });
  entered.get_future().wait();
  End();
  const auto status = ended.get_future().get();  // Answered, whichever way it went.
  if (!status) {
    EXPECT_THAT((std::vector{Code::kCancelled, Code::kUnavailable}), Contains(status.error().code));
  }
  Begin();
  EXPECT_TRUE(Eventually([&] { return Contents() == List().size(); }));
}

// ---- What a process and a person see ----

TEST_F(ServiceManagerTest, WhoWatchesAnInstanceIsToldWhenItIsGone) {
  HasService();
  ASSERT_TRUE(Deploy(true));
  std::promise<void> gone;
  const auto watch = manager_->WhenGone("test", [&] { gone.set_value(); });
  ASSERT_TRUE(watch);
  auto forgotten = manager_->WhenGone("test", [] { ADD_FAILURE() << "nobody listens any more"; });
  ASSERT_TRUE(forgotten);
  forgotten->reset();
  ASSERT_TRUE(Delete());
  gone.get_future().wait();
  EXPECT_FALSE(manager_->WhenGone("test", [] {}));
}

TEST_F(ServiceManagerTest, AProcessGetsItsEnvironmentAndNothingElseOfCore) {
  setenv("MESG_TEST_SECRET_OF_CORE", "x", 1);
  HasService("env: {KEY: {secret: true}, REGION: eu}\n");
  ASSERT_TRUE(Deploy(true, {{"KEY", "k"}}));
  const auto environment = manager_->Environment("test");
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->env.size(), 7);
  EXPECT_EQ(environment->env.at("MESG_ENDPOINT"), "127.0.0.1:50052");
  EXPECT_EQ(environment->env.at("MESG_ENDPOINT_TCP"), "127.0.0.1:50052");
  EXPECT_EQ(environment->env.at("MESG_SERVICE"), "test");
  EXPECT_EQ(environment->env.at("MESG_TOKEN"), Get()->instance->Record().token);
  EXPECT_EQ(environment->env.at("KEY"), "k");
  EXPECT_EQ(environment->env.at("REGION"), "eu");
  EXPECT_THAT(environment->env.at("PATH"), StartsWith(options_.standard_services.string() + ":"));
  ASSERT_TRUE(Eventually([&] { return Wrote().size() > environment->env.size(); }));
  for (const auto& [key, value] : environment->env) {
    const std::string line = fmt::format("{}={}", key, value);
    EXPECT_TRUE(Eventually([&] { return std::ranges::count(Wrote(), line) > 0; })) << key;
  }
  EXPECT_THAT(Wrote(), Not(Contains(StartsWith("MESG_TEST_SECRET_OF_CORE"))));
}

TEST_F(ServiceManagerTest, AProgramThatComesWithMesgIsFoundByItsName) {
  WriteFile(options_.standard_services / "mesg-standard",
            "#!/bin/sh\necho standard\nexec sleep 1000\n", true);
  Has("mesg.yml", "name: Test\nsid: test\nrun: [mesg-standard]\n");
  ASSERT_TRUE(Deploy(true));
  EXPECT_TRUE(Eventually([&] { return !Wrote().empty() && Wrote().front() == "standard"; }));
}

TEST_F(ServiceManagerTest, ALogIsFollowedFromItsBeginning) {
  HasService();
  ASSERT_TRUE(Deploy());
  Guarded<std::string> all;
  const auto following = manager_->FollowLog("test", 0, [&](const std::vector<LogLine>& lines) {
    for (const LogLine& line : lines) {
      if (line.stream == LogStream::kOut) all.With([&](auto& text) { text += line.text + "\n"; });
    }
  });
  ASSERT_TRUE(following);
  ASSERT_TRUE(Start());
  EXPECT_TRUE(Eventually([&] {
    return all.With([](const auto& text) { return text.find("MESG_TOKEN=") != text.npos; });
  }));
  EXPECT_THAT(all.With([](const auto& text) { return text; }), StartsWith("hello\n"));
}

TEST_F(ServiceManagerTest, TheListIsByNameWithDrainingOnesBehind) {
  HasService(kTask);
  for (const char* name : {"b", "a"}) {
    ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, name, false}));
  }
  Pin("a");
  HasService(kTask, "changed");
  ASSERT_TRUE(Deploy(DeployRequest{Source().string(), {}, "a", false}));
  std::string order;
  for (const ServiceStatus& status : List()) {
    order += status.instance->Name();
    order += status.state == ServiceState::kDraining ? "- " : " ";
  }
  EXPECT_EQ(order, "a a- b ");
}

}  // namespace
}  // namespace mesg::runtime

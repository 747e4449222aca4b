#include "e2e/application_fixture.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace mesg::testing {

void ApplicationTest::Start() {
  CoreTest::Start();
  Connect();
}

void ApplicationTest::Connect() {
  const auto channel = grpc::CreateChannel(core_.endpoint(), grpc::InsecureChannelCredentials());
  applications_ = v1::Applications::NewStub(channel);
  runs_ = v1::Runs::NewStub(channel);
}

void ApplicationTest::KillAndStart() {
  core_.Kill();
  Start();
}

void ApplicationTest::Serve(const std::string& name, std::string_view yaml,
                            const std::map<std::string, Handler>& handlers) {
  ASSERT_NE(DeployDefinition(yaml, name), "");
  Perform(name, handlers);
}

void ApplicationTest::Perform(const std::string& name,
                              const std::map<std::string, Handler>& handlers) {
  sdk::ServiceOptions options;
  options.endpoint = core_.endpoint();
  options.token = client_.Token(name);
  ASSERT_NE(options.token, "") << name;
  options.threads = 1;
  options.drain_grace = std::chrono::milliseconds(0);
  options.log = [](std::string_view) {};
  auto& service = served_[name] = std::make_unique<sdk::Service>(std::move(options));
  for (const auto& [task, handler] : handlers) service->OnTaskAsync(task, handler);
  service->Start();
}

void ApplicationTest::Emit(const std::string& service, const std::string& key,
                           const std::string& json) {
  const auto emitted = served_.at(service)->Emit({.key = key, .json = json});
  EXPECT_TRUE(emitted) << emitted.error().message;
}

grpc::Status ApplicationTest::Deploy(std::string_view yaml, const Texts& inputs, const Texts& env,
                                     const Texts& services) {
  Call call;
  v1::DeployApplicationRequest request;
  request.mutable_file()->set_name("app.yml");
  request.mutable_file()->set_content(std::string(yaml));
  for (const auto& [key, json] : inputs) (*request.mutable_inputs())[key] = json;
  for (const auto& [key, text] : env) (*request.mutable_env())[key] = text;
  for (const auto& [alias, name] : services) (*request.mutable_services())[alias] = name;
  v1::DeployApplicationResponse response;
  return applications_->Deploy(call(), request, &response);
}

std::string ApplicationTest::Run(const std::string& application, const std::string& workflow,
                                 const std::string& inputs) {
  Call call;
  v1::StartRunRequest request;
  request.set_application(application);
  request.set_workflow(workflow);
  request.set_inputs(inputs);
  v1::Run run;
  const grpc::Status status = runs_->Start(call(), request, &run);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return run.id();
}

v1::Run ApplicationTest::GetRun(const std::string& id) {
  Call call;
  v1::GetRunRequest request;
  request.set_id(id);
  v1::Run run;
  const grpc::Status status = runs_->Get(call(), request, &run);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return run;
}

std::vector<v1::Run> ApplicationTest::Runs(const std::string& application,
                                           const std::vector<v1::RunState>& states) {
  std::vector<v1::Run> all;
  v1::ListRunsRequest request;
  request.mutable_filter()->set_application(application);
  for (const v1::RunState state : states) request.mutable_filter()->add_states(state);
  v1::ListRunsResponse response;
  do {
    Call call;
    response.Clear();
    if (!runs_->List(call(), request, &response).ok()) break;
    all.insert(all.end(), response.runs().begin(), response.runs().end());
    request.mutable_page()->set_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  std::ranges::reverse(all);
  return all;
}

v1::Run::Step ApplicationTest::Step(const std::string& run, const std::string& id) {
  v1::Run::Step latest;
  const v1::Run whole = GetRun(run);
  for (const v1::Run::Step& step : whole.steps()) {
    if (step.id() == id && step.number() > latest.number()) latest = step;
  }
  return latest;
}

bool ApplicationTest::Becomes(const std::string& run, v1::RunState state) {
  return Eventually([&] { return GetRun(run).state() == state; });
}

std::string ApplicationTest::Story(const std::string& run) { return GetRun(run).DebugString(); }

grpc::Status ApplicationTest::Cancel(const std::string& run) {
  Call call;
  v1::CancelRunRequest request;
  request.set_id(run);
  request.set_reason("enough");
  v1::Run response;
  return runs_->Cancel(call(), request, &response);
}

grpc::Status ApplicationTest::Decide(const std::string& run, bool approve) {
  Call call;
  v1::DecideRequest request;
  request.set_id(run);
  request.set_approve(approve);
  v1::Run response;
  return runs_->Decide(call(), request, &response);
}

std::uint64_t ApplicationTest::Retry(const std::string& run) {
  Call call;
  v1::RunSelection request;
  request.add_ids(run);
  const auto stream = runs_->Retry(call(), request);
  v1::RunsProgress progress;
  while (stream->Read(&progress)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  return progress.done();
}

std::uint64_t ApplicationTest::Reset(const std::string& run, const std::string& step) {
  Call call;
  v1::ResetRunsRequest request;
  request.mutable_selection()->add_ids(run);
  request.set_step(step);
  const auto stream = runs_->Reset(call(), request);
  v1::RunsProgress progress;
  while (stream->Read(&progress)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  return progress.done();
}

void Notes::Add(const sdk::Task& task) {
  const std::scoped_lock lock(mutex_);
  if (known_.insert(task.execution_id()).second) inputs_.push_back(task.inputs());
}

std::vector<std::string> Notes::All() const {
  const std::scoped_lock lock(mutex_);
  return inputs_;
}

sdk::Service::AsyncHandler Answering(Notes& notes, std::string json) {
  return [&notes, json = std::move(json)](sdk::Responder responder) {
    notes.Add(responder.task());
    responder.Succeed({.json = json});
  };
}

}  // namespace mesg::testing

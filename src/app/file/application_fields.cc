#include "app/file/application_reader.h"

// The keys of an application file, one row each: what the reader accepts and what the reference
// lists.

namespace mesg::app {

using R = ApplicationReader;

template <>
const std::vector<R::Field<ApplicationFile>>& R::Fields() {
  using A = ApplicationFile;
  static const std::vector<Field<A>> fields = {
      {"name", "text without spaces, required", "What it is called, by people and by commands.",
       &R::ReadName},
      {"description", "text", "What it is for.", &R::ReadTextField<A, &A::description>},
      {"inputs", "mapping of inputs", "What it is deployed with (--set NAME=VALUE); $inputs.NAME.",
       &R::ReadInputs},
      {"services", "mapping of services", "The services it uses, under the names it gives them.",
       &R::ReadServices},
      {"events", "mapping of events", "The events it emits itself, as in mesg.yml.",
       &R::ReadOwnEvents},
      {"workflows", "mapping of workflows, required", "What it does.", &R::ReadWorkflows},
  };
  return fields;
}

template <>
const std::vector<R::Field<ServiceUse>>& R::Fields() {
  using S = ServiceUse;
  static const std::vector<Field<S>> fields = {
      {"use", "service, required",
       "A name, hash, folder, archive or git URL. A name is of a deployed service, else of one "
       "that "
       "comes with Core.",
       &R::ReadTextField<S, &S::use>},
      {"env", "mapping of texts", "Its environment; $inputs, $env and $secrets may be used.",
       &R::ReadServiceEnv},
  };
  return fields;
}

template <>
const std::vector<R::Field<Workflow>>& R::Fields() {
  using W = Workflow;
  static const std::vector<Field<W>> fields = {
      {"description", "text", "What it is for.", &R::ReadTextField<W, &W::description>},
      {"on", "SERVICE.EVENT or a mapping, required", "What starts it.", &R::ReadOn},
      {"if", "expression", "Starts it only when this is true; `.` is the trigger's data.",
       &R::ReadWorkflowIf},
      {"steps", "list of steps, required", "What it does, one after the other.",
       &R::ReadWorkflowSteps},
      {"catch", "list of steps", "What it does when a step failed; $error says why.",
       &R::ReadWorkflowCatch},
      {"timeout", "duration", "How long a run may take.", &R::ReadTimeField<W, &W::timeout>},
      {"concurrency", "whole number or mapping", "How many runs there may be at once.",
       &R::ReadConcurrency},
      {"dedupe", "expression or mapping", "Triggers with the same value start one run.",
       &R::ReadDedupe},
      {"order", "expression", "Runs with the same value go one after the other.", &R::ReadOrder},
  };
  return fields;
}

template <>
const std::vector<R::Field<Trigger>>& R::Fields() {
  using T = Trigger;
  static const std::vector<Field<T>> fields = {
      {"event", "SERVICE.EVENT", "An event of a service, or of the application itself.",
       &R::ReadOnEvent},
      {"result", "SERVICE.TASK", "A task that was completed; `.` is its output.", &R::ReadOnResult},
      {"schedule", "cron", "Minute, hour, day of the month, month, day of the week.",
       &R::ReadOnSchedule},
      {"manual", "{} or mapping of parameters", "Somebody starts it, with these inputs.",
       &R::ReadOnManual},
      {"if", "expression", "The same as the workflow's `if`.", &R::ReadOnIf},
      {"output", "text", "Of a result: only of the output with this key.",
       &R::ReadTextField<T, &T::output>},
      {"timezone", "IANA name", "Of a schedule (UTC).", &R::ReadTextField<T, &T::timezone>},
      {"missed", "all, latest or skip", "Of a schedule: times at which Core did not run (latest).",
       &R::ReadMissed},
      {"jitter", "duration", "Of a schedule: each time is up to this much later (0).",
       &R::ReadJitter},
  };
  return fields;
}

template <>
const std::vector<R::Field<Concurrency>>& R::Fields() {
  static const std::vector<Field<Concurrency>> fields = {
      {"limit", "1 to 1000000", "How many (1).", &R::ReadLimit},
      {"key", "expression", "Counts the runs of each value apart.", &R::ReadConcurrencyKey},
      {"when_full", "queue, drop or replace",
       "A new trigger waits, is dropped, or cancels the oldest run (queue).", &R::ReadWhenFull},
  };
  return fields;
}

template <>
const std::vector<R::Field<Dedupe>>& R::Fields() {
  static const std::vector<Field<Dedupe>> fields = {
      {"key", "expression, required", "What makes two triggers the same.", &R::ReadDedupeKey},
      {"window", "duration", "For how long (24h).", &R::ReadWindow},
  };
  return fields;
}

template <>
const std::vector<R::Field<AwaitStep>>& R::Fields() {
  static const std::vector<Field<AwaitStep>> fields = {
      {"event", "SERVICE.EVENT, required", "Of a service, or of the application itself.",
       &R::ReadAwaitEvent},
      {"if", "expression", "Only one for which this is true; `.` is the data of the event.",
       &R::ReadAwaitIf},
      {"timeout", "duration", "Fails when it takes longer.",
       &R::ReadTimeField<AwaitStep, &AwaitStep::timeout>},
  };
  return fields;
}

template <>
const std::vector<R::Field<ApproveStep>>& R::Fields() {
  static const std::vector<Field<ApproveStep>> fields = {
      {"by", "text", "Who should decide, for people to read.", &R::ReadApproveBy},
      {"timeout", "duration", "How long it waits for a decision.",
       &R::ReadTimeField<ApproveStep, &ApproveStep::timeout>},
      {"default", "approve or reject", "What counts after the timeout (it fails).",
       &R::ReadApproveDefault},
  };
  return fields;
}

const std::vector<R::StepKey>& R::StepKeys() {
  static const std::vector<StepKey> keys = {
      {"id", "", "name", "What $steps.ID calls its value; no two steps of a workflow share one."},
      {"description", "", "text", "What it is for."},
      {"if", "", "expression", "Skipped unless this is true. With `then` it decides the way."},
      {"retry", "", "mapping", "How it is repeated when it failed, as in mesg.yml."},
      {"timeout", "", "duration", "How long it may take, all attempts together."},
      {"catch", "", "list of steps", "What is done when it failed; then the workflow goes on."},
      {"compensate", "", "list of steps",
       "What undoes it when the run fails later; the last step is undone first."},
      {"task", "task", "SERVICE.TASK", "Performs a task; the value is its output."},
      {"with", "task", "mapping", "Its inputs."},
      {"then", "then", "list of steps", "What is done when `if` is true."},
      {"else", "then", "list of steps", "What is done when it is not."},
      {"switch", "switch", "expression", "Goes the way of the value."},
      {"cases", "switch", "mapping of values to steps", "The ways, by the value as text."},
      {"default", "switch", "list of steps", "The way when no case fits."},
      {"parallel", "parallel", "list of lists of steps", "Goes several ways at once."},
      {"join", "parallel", "all, any or a number", "How many must be done to go on (all)."},
      {"foreach", "foreach", "expression", "For each item of a list, which is $item."},
      {"concurrency", "foreach", "1 to 1000", "How many items at once (1)."},
      {"steps", "foreach", "list of steps", "What is done; the value is the list of results."},
      {"set", "set", "anything", "Gives a value of its own."},
      {"wait", "wait", "duration or {until: time}", "Waits."},
      {"await", "await", "SERVICE.EVENT or mapping", "Waits for an event; the value is its data."},
      {"approve", "approve", "{} or mapping", "Waits for a person (`mesg run approve`)."},
      {"emit", "emit", "event of the application", "Emits it, with the data of `with`."},
      {"with", "emit", "mapping", "The data of the event."},
      {"run", "run", "workflow of the file", "Runs it and waits for its end."},
      {"with", "run", "mapping", "The inputs of the workflow."},
      {"stop", "stop", "{} or text", "Ends the run; it is done."},
      {"fail", "fail", "text", "Ends the run; it failed, with this message."},
  };
  return keys;
}

namespace {

template <typename T>
void Append(std::string_view section, std::vector<ApplicationField>& into) {
  for (const auto& field : R::Fields<T>()) {
    into.push_back({section, field.key, field.expected, field.meaning});
  }
}

}  // namespace

std::vector<ApplicationField> ApplicationFields() {
  std::vector<ApplicationField> all;
  Append<ApplicationFile>("application", all);
  Append<ServiceUse>("service", all);
  Append<Workflow>("workflow", all);
  Append<Trigger>("on", all);
  Append<Concurrency>("concurrency", all);
  Append<Dedupe>("dedupe", all);
  for (const R::StepKey& key : R::StepKeys()) {
    all.push_back({key.action.empty() ? "step" : key.action, key.key, key.expected, key.meaning});
  }
  Append<AwaitStep>("await, a mapping", all);
  Append<ApproveStep>("approve, a mapping", all);
  return all;
}

}  // namespace mesg::app

#include <cctype>

#include <fmt/format.h>

#include "tests/simulation/applications.h"

namespace mesg::simulation {
namespace {

// Flow style: JSON, which YAML is as well.
std::string Duration(Random& random, std::uint64_t least, std::uint64_t most) {
  return fmt::format("{}ms", least + random.Below(most - least));
}

}  // namespace

std::uint64_t NumberIn(const std::string& data) {
  const std::size_t member = data.find("\"n\":");
  const std::size_t at = member == std::string::npos ? 0 : member + 4;
  if (at >= data.size() || std::isdigit(static_cast<unsigned char>(data[at])) == 0) return 0;
  return std::stoull(data.substr(at));
}

// What follows from what never leads back, so that everything ends: hands, schedules and events of
// services may emit and have `none` performed, own events may have `none` performed, results of
// `none` lead to neither.
ApplicationPlan PlanApplication(Random& random, const std::string& name,
                                const std::vector<std::string>& services) {
  using On = WorkflowPlan::On;
  ApplicationPlan plan{name, {}};
  const auto add = [&](std::string key, On on) {
    WorkflowPlan workflow;
    workflow.key = std::move(key);
    workflow.on = on;
    if (on == On::kEvent || on == On::kResult) {
      workflow.service = services[random.Below(services.size())];
      workflow.fact = on == On::kResult ? "none" : random.Percent(60) ? "counted" : "chain";
    } else if (on == On::kOwnEvent) {
      workflow.service = name;
      workflow.fact = "happened";
    }
    if (on == On::kEvent || on == On::kResult || on == On::kOwnEvent) {
      workflow.condition = random.Percent(60);
      workflow.helper = workflow.condition && random.Percent(40);
    }
    if (on != On::kSchedule) {
      if (random.Percent(25)) workflow.order = 1 + random.Below(3);
      if (random.Percent(15)) workflow.dedupe = 1 + random.Below(20);
      if (random.Percent(30)) {
        workflow.limit = 1 + random.Below(3);
        workflow.limit_key = random.Below(3);
        const std::uint64_t full = random.Below(4);
        workflow.when_full = full == 0 ? "drop" : full == 1 ? "replace" : "queue";
      }
    }
    plan.workflows.push_back(std::move(workflow));
  };
  add("byhand", On::kManual);
  add("child", On::kManual);
  add("one", On::kEvent);
  if (random.Percent(60)) add("two", On::kEvent);
  if (random.Percent(60)) add("own", On::kOwnEvent);
  if (random.Percent(50)) add("result", On::kResult);
  if (random.Percent(50)) add("clock", On::kSchedule);
  return plan;
}

std::string Author::Write() {
  std::string text = fmt::format(
      "name: {}\nevents: {{ happened: {{ data: {{ n: {{ type: Any, optional: true }} }} }} }}\n"
      "services:\n",
      plan_.name);
  for (std::size_t i = 0; i < services_.size(); ++i)
    text += fmt::format("  s{}: {{ use: {} }}\n", i, services_[i]);
  text += "workflows:\n";
  for (const WorkflowPlan& workflow : plan_.workflows) text += WriteWorkflow(workflow);
  return text;
}

std::string Author::WriteWorkflow(const WorkflowPlan& workflow) {
  using On = WorkflowPlan::On;
  workflow_ = &workflow;
  number_ = workflow.on == On::kEvent ? "." : workflow.on == On::kSchedule ? "7" : ".n";
  next_id_ = 0;
  std::string alias = plan_.name;
  for (std::size_t i = 0; i < services_.size(); ++i) {
    if (services_[i] == workflow.service) alias = fmt::format("s{}", i);
  }
  std::string text = fmt::format("  {}:\n    on: ", workflow.key);
  switch (workflow.on) {
    case On::kEvent:
    case On::kOwnEvent:
      text += fmt::format(R"({{"event":"{}.{}"}})", alias, workflow.fact);
      break;
    case On::kResult:
      text += fmt::format(R"({{"result":"{}.{}"}})", alias, workflow.fact);
      break;
    case On::kSchedule: {
      const char* const missed[] = {"all", "latest", "skip"};
      text += fmt::format(R"({{"schedule":"*/20 * * * * *","missed":"{}"{}}})",
                          missed[random_.Below(3)], random_.OneIn(2) ? R"(,"jitter":"5s")" : "");
      break;
    }
    case On::kManual:
      text += R"({"manual":{"n":{"type":"Any","optional":true}}})";
      break;
  }
  text += "\n";
  if (workflow.helper) {
    text += fmt::format("    if: \"[[{}]] | combinations | . != null\"\n", number_);
  } else if (workflow.condition) {
    text += fmt::format("    if: \"{} % 3 != 1\"\n", number_);
  }
  const auto key = [&](std::uint64_t modulus) {
    return fmt::format("({} // 0) % {}", number_, modulus);
  };
  if (workflow.order > 0) text += fmt::format("    order: \"{}\"\n", key(workflow.order));
  if (workflow.dedupe > 0) {
    text +=
        fmt::format("    dedupe: {{\"key\":\"{}\",\"window\":\"60s\"}}\n", key(workflow.dedupe));
  }
  if (workflow.limit > 0) {
    text += fmt::format(
        "    concurrency: {{\"limit\":{},\"when_full\":\"{}\"{}}}\n", workflow.limit,
        workflow.when_full,
        workflow.limit_key == 0 ? "" : fmt::format(",\"key\":\"{}\"", key(workflow.limit_key)));
  }
  if (random_.Percent(25)) text += fmt::format("    timeout: {}\n", Duration(random_, 5000, 90000));
  text += "    steps: " + WriteSteps(0, 4) + "\n";
  if (random_.Percent(30)) text += "    catch: [" + WriteLeaf() + "]\n";
  return text;
}

std::string Author::WriteSteps(std::size_t depth, std::size_t most) {
  std::string steps = "[";
  const std::uint64_t count = 1 + random_.Below(most);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) steps += ",";
    steps += WriteStep(depth);
  }
  return steps + "]";
}

std::string Author::Condition() {
  if (random_.Percent(15)) return fmt::format("[[{}]] | combinations | . != null", number_);
  return fmt::format("({} // 0) % {} != 0", number_, 2 + random_.Below(3));
}

std::string Author::WriteTask() {
  // What results start performs nothing that results start.
  const char* const tasks[] = {"idempotent", "once", "none"};
  const bool any = workflow_->on != WorkflowPlan::On::kResult && workflow_->key != "child";
  std::string task =
      fmt::format(R"("task":"s{}.{}","with":{{"n":"${{ {} }}"}})", random_.Below(services_.size()),
                  tasks[random_.Below(any ? 3 : 2)], number_);
  if (random_.Percent(60)) {
    task += fmt::format(R"(,"retry":{{"attempts":{},"initial":"{}"}})", 1 + random_.Below(3),
                        Duration(random_, 100, 2000));
  }
  return task;
}

// Done on the way of failure: nothing inside, nothing that takes long.
std::string Author::WriteLeaf() {
  const std::uint64_t what = random_.Below(10);
  if (what < 5) return "{" + WriteTask() + R"(,"timeout":"20s"})";
  if (what < 7) return fmt::format(R"({{"wait":"{}"}})", Duration(random_, 100, 3000));
  if (what < 8) return R"({"fail":"and this too"})";
  return R"({"set":{"a":1}})";
}

std::string Author::WriteStep(std::size_t depth) {
  std::string condition;
  const std::string action = WriteAction(depth, &condition);
  std::string step = fmt::format(R"({{"id":"x{}",{})", next_id_++, action);
  if (!condition.empty()) {
    step += fmt::format(R"(,"if":"{}")", condition);
  } else if (random_.Percent(15)) {
    step += fmt::format(R"(,"if":"{}")", Condition());
  }
  if (random_.Percent(30))
    step += fmt::format(R"(,"timeout":"{}")", Duration(random_, 2000, 40000));
  if (random_.Percent(20)) step += R"(,"catch":[)" + WriteLeaf() + "]";
  if (random_.Percent(35)) step += R"(,"compensate":[)" + WriteLeaf() + "]";
  return step + "}";
}

std::string Author::WriteAction(std::size_t depth, std::string* condition) {
  using On = WorkflowPlan::On;
  const bool deeper = depth < 2;
  const std::uint64_t what = random_.Below(100);
  if (what < 40) return WriteTask();
  if (what < 46 && deeper) {
    *condition = Condition();
    return R"("then":)" + WriteSteps(depth + 1, 2) + R"(,"else":)" + WriteSteps(depth + 1, 2);
  }
  if (what < 51 && deeper) {
    return fmt::format(R"("switch":"({} // 0) % 3","cases":{{"0":{},"1":{}}},"default":{})",
                       number_, WriteSteps(depth + 1, 2), WriteSteps(depth + 1, 1),
                       WriteSteps(depth + 1, 1));
  }
  if (what < 58 && deeper) {
    const char* const joins[] = {R"("all")", R"("any")", "2"};
    return R"("parallel":[)" + WriteSteps(depth + 1, 2) + "," + WriteSteps(depth + 1, 2) + "," +
           WriteSteps(depth + 1, 1) + R"(],"join":)" + joins[random_.Below(3)];
  }
  if (what < 65 && deeper) {
    return fmt::format(R"("foreach":"{}","concurrency":{},"steps":{})",
                       random_.Percent(20) ? "[[1],[2]] | [combinations]" : "[1, 2, 3]",
                       1 + random_.Below(3), WriteSteps(depth + 1, 2));
  }
  if (what < 70) return fmt::format(R"("set":{{"n":"${{ {} }}","run":"${{ $run.id }}"}})", number_);
  if (what < 76) return fmt::format(R"("wait":"{}")", Duration(random_, 1, 10000));
  if (what < 81) {
    return fmt::format(R"("await":{{"event":"s{}.counted","if":"{}","timeout":"{}"}})",
                       random_.Below(services_.size()),
                       random_.Percent(40) ? "[[.]] | combinations | .[0] % 2 == 0" : ". % 2 == 0",
                       Duration(random_, 1000, 20000));
  }
  if (what < 86) {
    const char* const otherwise[] = {R"(,"default":"approve")", R"(,"default":"reject")", ""};
    return fmt::format(R"("approve":{{"by":"the one of ${{ {} }}","timeout":"{}"{}}})", number_,
                       Duration(random_, 1000, 30000), otherwise[random_.Below(3)]);
  }
  if (what < 90 && workflow_->on != On::kOwnEvent && workflow_->on != On::kResult &&
      workflow_->key != "child") {
    return fmt::format(R"("emit":"happened","with":{{"n":"${{ {} }}"}})", number_);
  }
  if (what < 94 && workflow_->key != "child") {
    return fmt::format(R"("run":"child","with":{{"n":"${{ {} }}"}})", number_);
  }
  if (what < 97) {
    *condition = fmt::format("({} // 0) % 4 == 0", number_);
    return random_.OneIn(3) ? R"("stop":"enough")" : R"("fail":"as it should")";
  }
  return fmt::format(R"("set":{{"n":"${{ [[{}]] | combinations }}"}})", number_);
}

}  // namespace mesg::simulation

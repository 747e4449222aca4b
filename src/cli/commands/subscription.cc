#include "base/encoding.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/filters.h"
#include "cli/human.h"
#include "cli/json_text.h"
#include "cli/show.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

std::string Described(const v1::Subscription& subscription) {
  std::string text;
  for (const v1::Filter& filter : subscription.filters())
    text += (text.empty() ? "" : ", ") + DescribeFilter(filter);
  return text;
}

Result<int> RunList(const Arguments&, Context& context) {
  const v1::ListSubscriptionsResponse list = MESG_TRY(context.client().ListSubscriptions());
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  Table table({"NAME", "STATE", "BEHIND", "ACKNOWLEDGED", "CREATED", "HEARS"});
  table.Paint(1, StateColour);
  for (const v1::Subscription& each : list.subscriptions()) {
    const std::string state = each.broken() ? "broken" : each.connected() ? "connected" : "waiting";
    table.Add({each.name(), state, fmt::to_string(each.behind()), each.acknowledged(),
               HumanTime(each.created_us(), context.Now()),
               each.broken() ? each.broken_reason() : Described(each)});
  }
  context.terminal().Print(table.Render(context.terminal()));
  return 0;
}

Result<int> RunCreate(const Arguments& arguments, Context& context) {
  v1::CreateSubscriptionRequest request;
  request.set_name(arguments.Get("NAME"));
  Result<v1::Filter> filter =
      FilterFrom(arguments, arguments.Has("--results") ? v1::Filter::RESULTS : v1::Filter::EVENTS);
  if (!filter) return WrongUsage(std::move(filter).error());
  *request.add_filters() = *std::move(filter);
  request.set_after_position(arguments.Get("--from"));
  const v1::Subscription created = MESG_TRY(context.client().CreateSubscription(request));
  if (context.json()) {
    context.Print(created);
  } else {
    context.Tell(
        fmt::format("{} Subscription {} hears {}. Next: `mesg event watch --subscription {}`.",
                    context.terminal().ForError(Style::kGreen, "✓"), created.name(),
                    Described(created), created.name()));
  }
  return 0;
}

Result<int> RunDelete(const Arguments& arguments, Context& context) {
  const std::string name = arguments.Get("NAME");
  MESG_TRY(context.client().DeleteSubscription(name));
  if (context.json()) {
    context.terminal().Print(ToJsonObject({{"deleted", QuoteJson(name)}}));
  } else {
    context.Tell(fmt::format("{} Subscription {} is deleted.",
                             context.terminal().ForError(Style::kGreen, "✓"), name));
  }
  return 0;
}

}  // namespace

std::vector<Command> SubscriptionCommands() {
  return {
      {.path = "subscription list",
       .summary = "List the named subscriptions and how far behind they are",
       .details = "",
       .example = "mesg subscription list",
       .positionals = {},
       .options = {},
       .run = RunList},
      {.path = "subscription create",
       .summary = "Make a named listener whose position Core keeps",
       .details = "It holds back retention until what it asks for is acknowledged.",
       .example =
           "mesg subscription create invoices --service shop --key paid --where 'amount > 100'",
       .positionals = {{"NAME", "Its name"}},
       .options = {{"--service", "SERVICE", "Only this service's"},
                   {"--key", "KEY", "Only this event, or with --results this task"},
                   {"--results", "", "Results of executions instead of events"},
                   {"--output-key", "KEY", "With --results: only with this named output"},
                   {"--tag", "TAG", "With --results: only with this tag; all must be there", true},
                   {"--where", "'PATH OP VALUE'",
                    "On its data: ==, >, >=, <, <=, contains, exists; all must hold", true},
                   {"--from", "POSITION",
                    "Begin behind it; 0: with the oldest kept. Else from now on"}},
       .run = RunCreate},
      {.path = "subscription delete",
       .summary = "Forget a named subscription",
       .details = "",
       .example = "mesg subscription delete invoices",
       .positionals = {{"NAME", "Its name"}},
       .options = {},
       .run = RunDelete},
  };
}

}  // namespace mesg::cli

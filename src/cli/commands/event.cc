#include "base/encoding.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/filters.h"
#include "cli/human.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/paging.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/task_choice.h"

namespace mesg::cli {
namespace {

Result<std::string> EventData(const v1::EventDefinition& event, const Arguments& arguments,
                              Context& context) {
  if (arguments.Has("--data-file")) {
    if (arguments.Has("--data")) {
      return WrongUsage(
          InvalidArgument("give the data either by --data or by --data-file, not both"));
    }
    return ReadFileOrInput(arguments.Get("--data-file"), context.terminal());
  }
  return CastData(event.data(), arguments.All("--data"));
}

Result<int> RunEmit(const Arguments& arguments, Context& context) {
  const std::string name = arguments.Get("SERVICE");
  const v1::Service service = MESG_TRY(context.client().GetService(name));
  const v1::EventDefinition* event = MESG_TRY(FindEvent(service, arguments.Get("EVENT")));
  // Only the instance may emit: its token is in its environment, which the owner of Core may read.
  const v1::GetEnvironmentResponse environment = MESG_TRY(context.client().GetEnvironment(name));
  const auto token = environment.env().find("MESG_TOKEN");
  if (token == environment.env().end()) {
    return Internal("Core gave no token for {}: see `mesg service env {}`", name, name);
  }
  v1::EmitRequest request;
  v1::EventToEmit& emitted = *request.add_events();
  emitted.set_key(event->key());
  emitted.set_data(MESG_TRY(EventData(*event, arguments, context)));
  emitted.set_id(arguments.Get("--id"));
  const v1::EmitResponse response = MESG_TRY(context.client().Emit(request, token->second));
  if (context.json()) {
    context.Print(response);
    return 0;
  }
  if (response.positions().empty()) return Internal("Core did not say where the event stands");
  context.terminal().Say(fmt::format(
      "{} {} at position {} ({}).", context.terminal().ForError(Style::kGreen, "✓"),
      response.duplicates().empty() ? "Emitted"
                                    : "An event with this id was emitted before; it stands",
      response.positions(0), response.durability()));
  return 0;
}

Result<v1::ListEventsRequest> ListRequest(const Arguments& arguments, Context& context) {
  v1::ListEventsRequest request;
  request.set_service(arguments.Get("--service", arguments.Get("SERVICE")));
  request.set_key(arguments.Get("--key"));
  if (arguments.Has("--since")) {
    request.set_after_us(MESG_TRY(ParseWhen(arguments.Get("--since"), context.Now())));
  }
  if (arguments.Has("--until")) {
    request.set_before_us(MESG_TRY(ParseWhen(arguments.Get("--until"), context.Now())));
  }
  request.set_after_position(arguments.Get("--from"));
  for (const std::string& where : arguments.All("--where")) {
    *request.add_predicates() = MESG_TRY(ParseWhere(where));
  }
  // A person wants the latest, unless they say where to begin.
  request.set_newest_first(!arguments.Has("--oldest-first") && !arguments.Has("--from"));
  *request.mutable_page() = MESG_TRY(PageFrom(arguments));
  return request;
}

Result<int> RunList(const Arguments& arguments, Context& context) {
  Result<v1::ListEventsRequest> request = ListRequest(arguments, context);
  if (!request) return WrongUsage(std::move(request).error());
  v1::ListEventsResponse list = MESG_TRY(context.client().ListEvents(*request));
  // What fits may be rare in a long history, which Core reads a part at a time.
  while (list.events().empty() && !list.next_page_token().empty()) {
    request->mutable_page()->set_token(list.next_page_token());
    list = MESG_TRY(context.client().ListEvents(*request));
  }
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  Table table({"POSITION", "TIME", "SERVICE", "EVENT", "DATA"});
  for (const v1::Event& event : list.events()) {
    table.Add({event.position(), HumanTime(event.recorded_us(), context.Now()),
               event.source().service(), event.key(),
               CompactJson(event.data()).value_or(event.data())});
  }
  context.terminal().Print(table.Render(context.terminal()));
  TellNextPage(list.next_page_token(), context);
  return 0;
}

Result<int> RunWatch(const Arguments& arguments, Context& context) {
  v1::ListenRequest::Open open;
  if (arguments.Has("--subscription")) {
    open.set_subscription(arguments.Get("--subscription"));
  } else {
    Result<v1::Filter> filter = FilterFrom(arguments, v1::Filter::EVENTS);
    if (!filter) return WrongUsage(std::move(filter).error());
    *open.add_filters() = *std::move(filter);
    if (arguments.Has("--from")) {
      open.set_after_position(arguments.Get("--from"));
    } else {
      open.set_live(true);
    }
  }
  return WatchAndPrint(arguments, context, std::move(open));
}

const Option kWhere = {"--where", "'PATH OP VALUE'",
                       "On its data: ==, >, >=, <, <=, contains, exists; all must hold", true};
const Option kKey = {"--key", "EVENT", "Only this event"};
const Positional kFrom = {"SERVICE", "Only this service's", Positional::Count::kOptional};

}  // namespace

std::vector<Command> EventCommands() {
  return {
      {.path = "event emit",
       .summary = "Emit an event on behalf of a service",
       .details = "It is durable when the command returns.",
       .example = "mesg event emit hello greeted --data name=Ada --id greeting-1",
       .positionals = {{"SERVICE", "Whose event"}, {"EVENT", "Which one"}},
       .options = {{"-d,--data", "KEY=VALUE", "One value, read by its declared type", true},
                   {"--data-file", "FILE|-",
                    "All data, as a JSON object in a file or on the input"},
                   {"--id", "ID", "Deduplication key: a second event with it is not recorded"}},
       .run = RunEmit},
      {.path = "event list",
       .summary = "List recorded events, the newest first",
       .details = "",
       .example = "mesg event list webhook --key request --where 'method == POST' --since 2h",
       .positionals = {kFrom},
       .options = {{"--service", "SERVICE", "The same as SERVICE"},
                   kKey,
                   kWhere,
                   {"--since", "TIME",
                    "Recorded since: 2024-05-01T10:00:00Z, or how long ago, like 2h"},
                   {"--until", "TIME", "Recorded before"},
                   {"--from", "POSITION", "Only what stands behind it, the oldest first"},
                   {"--oldest-first", "", "The oldest first"},
                   SizeOption(),
                   PageOption()},
       .run = RunList},
      {.path = "event watch",
       .summary = "Print events as they become durable, until Ctrl-C",
       .details = "Goes on behind the last one when the connection to Core ends. With --json, one "
                  "line an event.",
       .example = "mesg event watch webhook --where 'body.amount > 100' --json",
       .positionals = {kFrom},
       .options = {{"--service", "SERVICE", "The same as SERVICE"},
                   kKey,
                   kWhere,
                   {"--from", "POSITION", "What stands behind it first; 0: from the oldest kept"},
                   {"--subscription", "NAME",
                    "As this named subscription: acknowledges what it printed"},
                   CountOption()},
       .run = RunWatch},
  };
}

}  // namespace mesg::cli

#include "base/encoding.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

/// Without the line end that editors and `echo` put behind it.
std::string WithoutLineEnd(std::string value) {
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  return value;
}

Result<std::string> ReadValue(const Arguments& arguments, Context& context) {
  if (const std::string file = arguments.Get("--from-file"); !file.empty()) {
    return WithoutLineEnd(MESG_TRY(ReadFileOrInput(file, context.terminal())));
  }
  if (!context.terminal().traits().input_is_terminal) {
    return WithoutLineEnd(MESG_TRY(context.terminal().ReadAll()));
  }
  return context.terminal().AskHidden(
      fmt::format("Value of {} (not shown):", arguments.Get("NAME")));
}

/// A value on the command line is refused, and not repeated in the message.
Result<void> CheckNoValue(const Arguments& arguments) {
  const std::string name = arguments.Get("NAME");
  if (!arguments.Has("VALUE") && name.find('=') == std::string::npos) return {};
  return WrongUsage(InvalidArgument(
      "the value of a secret is never an argument, which `ps` and the shell's history show: leave "
      "it out to be asked for it, pipe it into `mesg secret set NAME`, or give a file with "
      "--from-file. If this one was real, take it out of your shell's history"));
}

Result<int> RunSet(const Arguments& arguments, Context& context) {
  MESG_TRY(CheckNoValue(arguments));
  v1::SetSecretRequest request;
  request.set_name(arguments.Get("NAME"));
  request.set_value(MESG_TRY(ReadValue(arguments, context)));
  const v1::SetSecretResponse response = MESG_TRY(context.client().SetSecret(request));
  if (context.json()) {
    context.Print(response);
  } else {
    context.Tell(fmt::format("{} Secret {} {}.", context.terminal().ForError(Style::kGreen, "✓"),
                             request.name(), response.created() ? "is set" : "has a new value"));
  }
  return 0;
}

Result<int> RunList(const Arguments&, Context& context) {
  const v1::ListSecretsResponse list = MESG_TRY(context.client().ListSecrets());
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  Table table({"NAME", "SET", "CHANGED"});
  for (const v1::Secret& each : list.secrets()) {
    table.Add({each.name(), HumanTime(each.created_us(), context.Now()),
               each.updated_us() == each.created_us()
                   ? "-"
                   : HumanTime(each.updated_us(), context.Now())});
  }
  context.terminal().Print(table.Render(context.terminal()));
  return 0;
}

Result<int> RunNames(const Arguments&, Context& context) {
  const v1::ListSecretsResponse list = MESG_TRY(context.client().ListSecrets());
  for (const v1::Secret& each : list.secrets()) context.terminal().Print(each.name());
  return 0;
}

Result<int> RunRemove(const Arguments& arguments, Context& context) {
  const std::string name = arguments.Get("SECRET");
  MESG_TRY(context.client().RemoveSecret(name));
  if (context.json()) {
    context.terminal().Print(ToJsonObject({{"removed", QuoteJson(name)}}));
  } else {
    context.Tell(fmt::format("{} Secret {} is removed.",
                             context.terminal().ForError(Style::kGreen, "✓"), name));
  }
  return 0;
}

}  // namespace

std::vector<Command> SecretCommands() {
  return {
      {.path = "secret set",
       .summary = "Give a secret a value that nobody gets back",
       .details =
           "Core keeps it encrypted; application files use it as $secrets.NAME. On a terminal the "
           "value is asked\nfor and not shown; in a pipe it is the input. One line end behind it "
           "is not part of it. It is never an\nargument, which `ps` and the shell's history show.",
       .example = "mesg secret set smtp_password\n"
                  "pass show mail/smtp | mesg secret set smtp_password\n"
                  "mesg secret set tls_key --from-file ./server.key",
       .positionals =
           {{"NAME", "Its name: letters, digits and _, not a digit first"},
            {.name = "VALUE", .help = "", .count = Positional::Count::kAny, .hidden = true}},
       .options = {{"--from-file", "PATH", "Take the value from a file; - is the input"}},
       .run = RunSet},
      {.path = "secret list",
       .summary = "List the names of all secrets and when they were set",
       .details = "",
       .example = "mesg secret list",
       .positionals = {},
       .options = {},
       .run = RunList},
      {.path = "secret rm",
       .summary = "Remove a secret",
       .details = "What runs and still needs it will fail for want of it.",
       .example = "mesg secret rm smtp_password",
       .positionals = {{"SECRET", "Its name"}},
       .options = {},
       .run = RunRemove},
      {.path = "__secrets",
       .summary = "Names of secrets, for completion",
       .details = "",
       .example = "mesg __secrets",
       .positionals = {},
       .options = {},
       .run = RunNames,
       .hidden = true},
  };
}

}  // namespace mesg::cli

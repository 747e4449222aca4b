#include "cli/service_docs.h"

#include "cli/context.h"
#include "cli/human.h"
#include "cli/inputs.h"

namespace mesg::cli {
namespace {

/// Text inside a table's cell.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : Harmless(text)) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

void AddRows(const Parameters& parameters, const std::string& prefix, std::string& out) {
  for (const v1::Parameter& parameter : parameters) {
    const std::string path = prefix + parameter.key();
    std::string about = parameter.name();
    if (!parameter.description().empty())
      about += (about.empty() ? "" : ": ") + parameter.description();
    out += fmt::format("| `{}` | {} | {} | {} |\n", Cell(path), TypeName(parameter),
                       parameter.optional() ? "optional" : "required", Cell(about));
    AddRows(parameter.object(), path + (parameter.repeated() ? "[]." : "."), out);
  }
}

std::string ParameterTable(const Parameters& parameters) {
  if (parameters.empty()) return "Nothing is declared.\n\n";
  std::string out = "| Key | Type | | Description |\n|---|---|---|---|\n";
  AddRows(parameters, "", out);
  return out + "\n";
}

template <typename Named>
std::string Heading(std::string_view level, const Named& named) {
  std::string out =
      fmt::format("{} {}\n\n", level, named.name().empty() ? named.key() : named.name());
  out += fmt::format("Key: `{}`\n\n", named.key());
  if (!named.description().empty()) out += named.description() + "\n\n";
  return out;
}

std::string Task(const v1::TaskDefinition& task) {
  std::string out = Heading("###", task);
  std::string terms;
  if (task.effect() != v1::EFFECT_UNSPECIFIED)
    terms += fmt::format("Effect: {}. ", Words(v1::Effect_Name(task.effect())));
  if (task.timeout_us() > 0)
    terms += fmt::format("Timeout: {}. ", HumanDuration(task.timeout_us()));
  if (task.retry().attempts() > 0) terms += fmt::format("Attempts: {}. ", task.retry().attempts());
  if (!terms.empty()) {
    terms.pop_back();
    out += terms + "\n\n";
  }
  out += "**Inputs**\n\n" + ParameterTable(task.inputs());
  for (const v1::OutputDefinition& output : task.outputs()) {
    const std::string name =
        output.key().empty() ? "Outputs" : fmt::format("Output `{}`", output.key());
    out += fmt::format("**{}**\n\n", name);
    if (!output.description().empty()) out += output.description() + "\n\n";
    out += ParameterTable(output.data());
  }
  return out;
}

/// "Number", or the values it may have.
std::string TypeOf(const v1::EnvDefinition& variable) {
  if (variable.choices().empty()) return variable.type();
  std::string all;
  for (const std::string& choice : variable.choices()) {
    all += fmt::format("{}`{}`", all.empty() ? "" : ", ", Cell(choice));
  }
  return all;
}

}  // namespace

std::string ServiceDocs(const v1::Definition& definition) {
  std::string out =
      fmt::format("# {}\n\n", definition.name().empty() ? definition.sid() : definition.name());
  if (!definition.description().empty()) out += definition.description() + "\n\n";
  out += fmt::format("Service `{}`{}.{}\n\n", definition.sid(),
                     definition.version().empty() ? "" : ", version " + definition.version(),
                     definition.repository().empty()
                         ? ""
                         : fmt::format(" Source: <{}>.", definition.repository()));
  out += fmt::format("```sh\nmesg service deploy . --start\n```\n\n");
  if (!definition.env().empty()) {
    out +=
        "## Environment\n\n| Variable | Type | Default | | Description |\n|---|---|---|---|---|\n";
    for (const v1::EnvDefinition& variable : definition.env()) {
      const std::string value = variable.secret() || variable.value().empty()
                                    ? (variable.secret() ? "secret" : "")
                                    : fmt::format("`{}`", Cell(variable.value()));
      out +=
          fmt::format("| `{}` | {} | {} | {} | {} |\n", variable.key(), TypeOf(variable), value,
                      variable.required() ? "required" : "optional", Cell(variable.description()));
    }
    out += "\n";
  }
  if (!definition.events().empty()) {
    out += "## Events\n\n";
    for (const v1::EventDefinition& event : definition.events()) {
      out += Heading("###", event) + ParameterTable(event.data());
    }
  }
  if (!definition.tasks().empty()) {
    out += "## Tasks\n\n";
    for (const v1::TaskDefinition& task : definition.tasks()) out += Task(task);
  }
  out.pop_back();
  return out;
}

}  // namespace mesg::cli

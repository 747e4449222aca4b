#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/expression/value.h"
#include "app/file/application_file.h"
#include "base/result.h"
#include "base/schedule/schedule.h"
#include "model/data_validator.h"

namespace mesg::app {

/// Everything the meaning of a deployed application depends on.
struct ProgramSource {
  std::string file_name;
  std::string text;                             ///< The file as it came.
  std::map<std::string, std::string> inputs;    ///< JSON, by key.
  std::map<std::string, std::string> env;       ///< What $env.NAME stands for.
  std::map<std::string, std::string> services;  ///< Instance names, by alias.

  /// Base58 of the SHA-256 of all of it: the application's version.
  std::string Hash() const;
};

/// A step as runs know it: by its number in the order of the file, which a run refers to for as
/// long as it lives. Number 0 is the workflow itself.
struct Node {
  /// The lists of steps inside a step. Its ways, branches and items are kBody and what follows.
  enum Block : std::uint32_t { kCatch = 0, kCompensate = 1, kBody = 2 };

  const Step* step = nullptr;                        ///< Null for the workflow.
  std::uint32_t parent = 0;                          ///< The node it is inside of.
  std::uint32_t block = 0;                           ///< In which of the parent's blocks.
  std::optional<std::uint32_t> next;                 ///< The one behind it in its block.
  std::vector<std::optional<std::uint32_t>> blocks;  ///< The first of each; none when it is empty.
  std::string path;                                  ///< "steps[1].then[0]"

  std::optional<std::uint32_t> First(std::uint32_t number) const {
    return number < blocks.size() ? blocks[number] : std::nullopt;
  }
};

/// A workflow ready to run.
struct Flow {
  const Workflow* workflow = nullptr;
  std::vector<Node> nodes;
  /// All have to be true for what would start it. At most one needs the helper, the last.
  std::vector<Expression> conditions;
  std::optional<Schedule> schedule;
  std::optional<DataValidator> inputs;  ///< Of a manual trigger.

  /// The node of the step with this id, or none.
  std::optional<std::uint32_t> FindStep(std::string_view id) const;
};

/// An application ready to run. Immutable and shared; const from any thread.
class Program {
 public:
  /// Reads and compiles. Deterministic: the same source gives the same numbers, always.
  /// InvalidArgument with the violations of the file, or of inputs that do not fit it.
  static Result<std::shared_ptr<const Program>> Compile(const ProgramSource& source);

  const ApplicationFile& File() const { return file_; }
  const std::string& Hash() const { return hash_; }
  const Value& Inputs() const { return inputs_; }  ///< $inputs
  const Value& Env() const { return env_; }        ///< $env
  const std::vector<Flow>& Flows() const { return flows_; }
  const Flow* FindFlow(std::string_view workflow) const;
  /// The name of the instance behind an alias; the application's own for its own name.
  const std::string& InstanceOf(std::string_view alias) const;
  /// InvalidArgument when `data` does not fit the event the application declares.
  Result<void> CheckEvent(std::string_view event, std::string_view data) const;

 private:
  Program() = default;

  ApplicationFile file_;
  std::string hash_;
  Value inputs_;
  Value env_;
  std::vector<Flow> flows_;
  std::map<std::string, std::string, std::less<>> instances_;
  std::map<std::string, DataValidator, std::less<>> events_;
};
using ProgramPtr = std::shared_ptr<const Program>;

}  // namespace mesg::app

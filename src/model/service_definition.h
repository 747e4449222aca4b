#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/retry_policy.h"

namespace mesg {

enum class ParameterType : std::uint8_t { kString, kNumber, kBoolean, kObject, kAny };

/// "String", "Number", "Boolean", "Object", "Any".
std::string_view Name(ParameterType type);

/// One declared value inside event data, task inputs or outputs.
struct Parameter {
  std::string key = {};
  std::string name = {};
  std::string description = {};
  ParameterType type = ParameterType::kAny;
  bool optional = false;               ///< Missing and null are allowed.
  bool repeated = false;               ///< A list of `type`.
  std::vector<Parameter> object = {};  ///< What is inside an Object; empty: anything.
  bool additional = true;              ///< Undeclared fields inside this Object are allowed.
  std::string schema =
      {};  ///< A JSON Schema as JSON text instead of `type`; "" when there is none.
  bool operator==(const Parameter&) const = default;
};

/// A set of parameters that make one JSON object.
struct ParameterSet {
  std::vector<Parameter> parameters = {};
  bool additional = true;  ///< Undeclared fields are allowed, kept and delivered.
  bool operator==(const ParameterSet&) const = default;
};

struct EventDefinition {
  std::string key = {};
  std::string name = {};
  std::string description = {};
  ParameterSet data = {};
  bool operator==(const EventDefinition&) const = default;
};

struct OutputDefinition {
  std::string key = {};  ///< "" for the one output set of a second-generation task.
  std::string name = {};
  std::string description = {};
  ParameterSet data = {};
  bool operator==(const OutputDefinition&) const = default;
};

/// What performing a task twice would do; see docs/concepts on effects.
enum class Effect : std::uint8_t { kNone = 1, kIdempotent = 2, kOnce = 3 };
std::string_view Name(Effect effect);  ///< "none", "idempotent", "once"

struct TaskDefinition {
  std::string key = {};
  std::string name = {};
  std::string description = {};
  ParameterSet inputs = {};
  std::vector<OutputDefinition> outputs = {};
  std::optional<Duration> timeout = {};  ///< Of one attempt.
  std::optional<RetryPolicy> retry = {};
  Effect effect = Effect::kIdempotent;
  bool operator==(const TaskDefinition&) const = default;

  /// The output of that key, or null.
  const OutputDefinition* FindOutput(std::string_view output_key) const;
};

/// An environment variable of the service's process.
/// What a variable's text stands for.
enum class EnvType : std::uint8_t { kString, kNumber, kBoolean, kDuration };

/// "String", "Number", "Boolean", "Duration".
std::string_view Name(EnvType type);

struct EnvDefinition {
  std::string key = {};
  std::string description = {};
  std::optional<std::string> value = {};  ///< The default.
  bool required = false;                  ///< Deploying without a value is an error.
  bool secret = false;                    ///< Never shown, logged or listed.
  EnvType type = EnvType::kString;
  std::vector<std::string> choices = {};  ///< Other values are errors; empty: none is.

  /// InvalidArgument when `value`, which is not empty, is not of the type or none of the choices.
  /// The message is what follows the variable's name; it does not repeat a secret.
  Result<void> Check(std::string_view value) const;
  bool operator==(const EnvDefinition&) const = default;
};

/// What a container of the service needs: kept for the container runtime and for classic clients.
struct ContainerConfiguration {
  std::string image = {};  ///< Dependencies only.
  std::vector<std::string> volumes = {};
  std::vector<std::string> volumes_from = {};
  std::vector<std::string> ports = {};
  std::vector<std::string> args = {};
  std::string command = {};
  std::vector<std::string> env = {};  ///< Dependencies only, "KEY=value".
  bool operator==(const ContainerConfiguration&) const = default;
};

struct DependencyDefinition {
  std::string key = {};
  ContainerConfiguration container = {};
  bool operator==(const DependencyDefinition&) const = default;
};

/// How Core learns that the process is well, beyond its being alive.
struct HealthCheck {
  std::vector<std::string> command = {};  ///< argv; exit status 0 is healthy.
  Duration interval = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(5);
  bool operator==(const HealthCheck&) const = default;
};

/// The content of one mesg.yml. Only Parse and FromCanonical make one, so that it is always valid.
class ServiceDefinition {
 public:
  /// Reads the mesg.yml of either generation of MESG and of this one.
  ///
  /// Every error is reported, not only the first: InvalidArgument with one Violation each (line,
  /// column, path of the field, what was expected; for a misspelt key the nearest valid one). The
  /// message lists them all as "FILE:LINE:COLUMN: path: reason".
  /// `file` is only the name used in messages. Bounded in time and memory for hostile input.
  static Result<ServiceDefinition> Parse(std::string_view yaml, std::string_view file = "mesg.yml");

  /// Reads what Canonical() wrote.
  static Result<ServiceDefinition> FromCanonical(std::string_view json);

  /// One JSON text for every file that means the same: keys sorted, defaults left out, no
  /// formatting. The order of parameters and outputs is kept, it is shown to people, but is not
  /// part of Hash().
  const std::string& Canonical() const { return canonical_; }

  /// Base58 of the SHA-256 of the definition's meaning: formatting, comments, anchors and the order
  /// of keys do not change it.
  const std::string& Hash() const { return hash_; }

  /// As declared, else "_" and the hash.
  const std::string& Sid() const { return sid_; }

  const std::string& Name() const { return name_; }
  const std::string& Description() const { return description_; }
  const std::string& Version() const { return version_; }  ///< SemVer or "".
  const std::string& Repository() const { return repository_; }
  const std::vector<EventDefinition>& Events() const { return events_; }
  const std::vector<TaskDefinition>& Tasks() const { return tasks_; }
  const std::vector<EnvDefinition>& Env() const { return env_; }
  const std::vector<std::string>& Run() const { return run_; }  ///< argv; empty: not declared.
  const std::optional<HealthCheck>& Health() const { return health_; }
  const ContainerConfiguration& Configuration() const { return configuration_; }
  const std::vector<DependencyDefinition>& Dependencies() const { return dependencies_; }

  /// By key, or null.
  const EventDefinition* FindEvent(std::string_view key) const;
  const TaskDefinition* FindTask(std::string_view key) const;

 private:
  friend class DefinitionReader;
  ServiceDefinition() = default;

  std::string canonical_, hash_, sid_, name_, description_, version_, repository_;
  std::vector<EventDefinition> events_;
  std::vector<TaskDefinition> tasks_;
  std::vector<EnvDefinition> env_;
  std::vector<std::string> run_;
  std::optional<HealthCheck> health_;
  ContainerConfiguration configuration_;
  std::vector<DependencyDefinition> dependencies_;
};

}  // namespace mesg

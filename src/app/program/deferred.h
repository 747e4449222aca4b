#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/expression/expression.h"
#include "app/expression/value.h"
#include "base/result.h"

namespace mesg::app {

/// The parts of a task's inputs that mention $secrets: evaluated only when the task is handed out,
/// so that no secret is ever stored. They keep everything else they need.
struct Deferred {
  struct Part {
    Value::List path;  ///< Keys and indexes, from the inputs inwards.
    Template text;
    Value input;               ///< `.`
    std::vector<Value> scope;  ///< By variable; $secrets is null.
    /// InvalidArgument when it keeps what is nested so deeply that it could not be read again.
    Result<void> CheckDepth() const;
  };
  std::vector<Part> parts;

  /// "" when there is nothing. JSON otherwise.
  std::string Encode() const;
  /// DataLoss for what no Encode wrote.
  static Result<Deferred> Decode(std::string_view bytes);

  /// The value of a secret; none when it is not set.
  using Secrets = std::function<Result<std::optional<std::string>>(std::string_view name)>;
  /// `inputs` with its parts filled in. `used` gets the values of the secrets, also when it fails.
  /// FailedPrecondition when a secret is not set, InvalidArgument when an expression fails. No
  /// error holds anything that was made of a secret.
  Result<std::string> Fill(std::string_view inputs, const Secrets& secrets,
                           std::vector<std::string>& used) const;
  /// Of the secrets it mentions.
  std::set<std::string> Names() const;
};

}  // namespace mesg::app

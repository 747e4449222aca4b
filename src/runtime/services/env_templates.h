#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "app/program/deferred.h"
#include "app/program/evaluation.h"
#include "base/result.h"
#include "runtime/process/instance_status.h"

namespace mesg::runtime {

/// What stands in the place of a variable whose value is known only when its process starts.
inline constexpr std::string_view kLater = "***";

/// Variables of an environment as an application file has them.
struct EnvTemplates {
  std::map<std::string, std::string> texts;   ///< With expressions in `${ }`, by variable.
  std::map<std::string, std::string> inputs;  ///< $inputs: JSON, by key.
  std::map<std::string, std::string> env;     ///< $env
};

struct EvaluatedEnvironment {
  std::map<std::string, std::string> env;  ///< kLater where it mentions a secret.
  std::string deferred;                    ///< For FillEnvironment; "" when no secret is mentioned.
};

using AskHelper =
    std::function<void(const app::HelperCall&, std::function<void(Result<app::Value>)>)>;

/// Evaluates $inputs and $env, and keeps what mentions $secrets for later. Blocks while `helper`
/// thinks. InvalidArgument with a violation for each variable that is wrong.
Result<EvaluatedEnvironment> EvaluateEnvironment(const EnvTemplates& templates,
                                                 const AskHelper& helper);

/// The variables that mention secrets, with what these are now. Errors as Deferred::Fill, and
/// InvalidArgument when one comes to null.
Result<SecretEnvironment> FillEnvironment(std::string_view deferred,
                                          const app::Deferred::Secrets& secrets);

}  // namespace mesg::runtime

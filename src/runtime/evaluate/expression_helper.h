#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "app/expression/expression.h"
#include "app/expression/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace mesg::runtime {

/// Evaluates the expressions that need libjq in processes of their own (mesg-eval). Whatever an
/// expression does there, it costs its evaluation and nothing else: the process is limited in
/// memory, ended when it takes too long, and started again for the next.
///
/// Threads: Evaluate from any. Each of `processes` has a thread of ours; answers come from those.
class ExpressionHelper {
 public:
  struct Options {
    std::filesystem::path program;               ///< mesg-eval
    std::size_t processes = 2;                   ///< At once; started when first needed.
    std::size_t memory_bytes = 256ULL << 20;     ///< Of one process.
    Duration timeout = std::chrono::seconds(2);  ///< For one evaluation.
    std::size_t answer_bytes = 4ULL << 20;       ///< The longest value.
    std::size_t waiting = 1000;                  ///< Evaluations; more are refused.
    std::size_t waiting_bytes = 64ULL << 20;     ///< Of their data.
  };
  using Reply = std::function<void(Result<app::Value>)>;

  explicit ExpressionHelper(Options options);
  /// Answers what waits with Unavailable, and ends the processes.
  ~ExpressionHelper();
  ExpressionHelper(const ExpressionHelper&) = delete;
  ExpressionHelper& operator=(const ExpressionHelper&) = delete;

  /// The value of `expression`, parsed with `names` as its scope, whose values are `scope`.
  ///
  /// ResourceExhausted at once, without a reply, when too much waits. `reply` gets InvalidArgument
  /// when the expression fails, gives none or several values, or data that jq 1.6 cannot keep
  /// exactly (integers beyond 2^53); ResourceExhausted when it takes too much time or memory or
  /// its value is too long; Unavailable when the helper does not start.
  Result<void> Evaluate(const app::Expression& expression, std::span<const std::string_view> names,
                        const app::Value& input, std::span<const app::Value> scope, Reply reply);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::runtime

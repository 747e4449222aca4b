#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace mesg::services {

/// One health for a process with several connections: that of the first, in the order of their
/// names, that is not well. Any thread. Outlives what it is given to.
class Health {
 public:
  using Report = std::function<void(std::string problem)>;

  explicit Health(Report report) : report_(std::move(report)) {}

  /// What Upkeep is given for the connection `name`.
  Report Of(std::string name) {
    return [this, name = std::move(name)](std::string problem) {
      const std::lock_guard lock(mutex_);
      problems_[name] = std::move(problem);
      for (const auto& [each, found] : problems_) {
        if (!found.empty()) return report_(found);
      }
      report_("");
    };
  }

 private:
  const Report report_;
  std::mutex mutex_;
  std::map<std::string, std::string> problems_;
};

}  // namespace mesg::services

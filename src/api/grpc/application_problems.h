#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "broker/catalog.h"
#include "mesg/v1/applications.pb.h"
#include "runtime/services/service_manager.h"

namespace mesg::api {

/// Says what is wrong with the services of deployed applications. Any thread.
class ApplicationProblems final {
 public:
  /// Sets `service_problems` and `problem` of an application. `content` is its file.
  void Tell(const broker::Catalog& catalog, const std::vector<runtime::ServiceStatus>& services,
            const std::string& content, v1::Application& application);

 private:
  std::string Misfit(const broker::Catalog& catalog, const std::string& content,
                     const v1::Application& application);

  std::mutex mutex_;
  std::map<std::string, std::string> misfits_;  ///< By versions of application and services.
};

}  // namespace mesg::api

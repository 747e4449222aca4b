#pragma once

#include "mesg/v1/services.pb.h"
#include "model/service_definition.h"
#include "runtime/services/service_manager.h"

/// Services between the runtime and `mesg.v1`. Any thread.
namespace mesg::api {

/// Fills a message that is empty. Defaults of secret variables are left out; so is the canonical
/// text where it holds one, and without `canonical`.
void ToWire(const ServiceDefinition& definition, bool canonical, v1::Definition& wire);
void ToWire(const runtime::ServiceStatus& status, bool canonical, v1::Service& wire);
void ToWire(const runtime::LogLine& line, v1::ServiceLogsResponse::Line& wire);

}  // namespace mesg::api

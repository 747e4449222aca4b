#pragma once

#include <string_view>
#include <vector>

#include "mesg/v1/services.pb.h"
#include "model/service_definition.h"
#include "runtime/services/service_manager.h"

/// Services between the runtime and `mesg.v1`. Any thread.
namespace mesg::api {

/// Fills a message that is empty. Defaults of secret variables are left out; so is the canonical
/// text where it holds one, and without `canonical`.
void ToWire(const ServiceDefinition& definition, bool canonical, v1::Definition& wire);
void ToWire(const runtime::ServiceStatus& status, bool canonical, v1::Service& wire);
void ToWire(const std::vector<Parameter>& parameters,
            google::protobuf::RepeatedPtrField<v1::Parameter>& wire);
void ToWire(const runtime::LogLine& line, v1::ServiceLogsResponse::Line& wire);

/// What Services.Validate answers to the text of a mesg.yml: its definition, or all that is wrong.
v1::ValidateServiceResponse ValidateDefinition(std::string_view yaml);

}  // namespace mesg::api

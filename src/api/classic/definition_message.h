#pragma once

#include "classic/core.pb.h"
#include "runtime/services/service_manager.h"

namespace mesg::api::classic {

/// A service as the clients of 2018 know it. Its name is given as sid, which is what it is unless
/// somebody chose another, and its instance's hash as hash: both are good as a serviceID.
::api::DeployedService ServiceMessage(const runtime::ServiceStatus& service);

/// A process that its user starts counts as running while it is connected.
::api::DeployedService::Status StatusOf(const runtime::ServiceStatus& service);

}  // namespace mesg::api::classic

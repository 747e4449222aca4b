#pragma once

#include <memory>

#include "api/core.h"
#include "api/grpc/crew.h"
#include "api/grpc/gate.h"
#include "broker/broker.h"

namespace mesg::api {

/// What every service of the native API stands on. Outlives all calls.
struct Context {
  explicit Context(const Core& the_core)
      : core(the_core), broker(*core.broker), gate(core.gate ? core.gate : OpenGate()) {}

  /// A service that no Server guards takes every call.
  static std::shared_ptr<Gate> OpenGate() {
    auto gate = std::make_shared<Gate>();
    gate->Open();
    return gate;
  }

  const Core core;
  broker::Broker& broker;
  const std::shared_ptr<Gate> gate;
  Crew crew;
};
using ContextPtr = std::shared_ptr<Context>;

}  // namespace mesg::api

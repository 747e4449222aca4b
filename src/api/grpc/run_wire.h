#pragma once

#include "broker/runs.h"
#include "mesg/v1/applications.pb.h"
#include "mesg/v1/runs.pb.h"

/// Runs and applications between broker and `mesg.v1`. Any thread.
namespace mesg::api {

/// A run by itself: what is not in `run` is left out.
void ToWire(const engine::Run& run, v1::Run& wire);
/// With what it waits for, its data and its steps.
void ToWire(const broker::RunView& view, v1::Run& wire);

v1::ApplicationState ToWire(engine::Application::State state);
/// `whole`: with the file itself.
void ToWire(const broker::ApplicationView& view, bool whole, v1::Application& wire);

Result<broker::RunQuery> FromWire(const v1::RunFilter& filter);

}  // namespace mesg::api

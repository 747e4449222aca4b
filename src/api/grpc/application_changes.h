#pragma once

#include <string>
#include <vector>

#include "engine/run.h"

namespace mesg::api {

/// What deploying `after` would change, in words: one line each, none when nothing. `before` is
/// null when nothing of the name is deployed.
std::vector<std::string> ChangesOf(const engine::Application* before,
                                   const engine::Application& after);

}  // namespace mesg::api

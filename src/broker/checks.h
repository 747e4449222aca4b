#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/catalog.h"
#include "engine/command.h"

/// What a request must be before the engine sees it, wherever it comes from.
namespace mesg::broker {

/// What events and moves weigh, against the bounds of inbox and commit.
std::size_t WeightOf(const std::vector<engine::NewEvent>& events,
                     const std::vector<engine::KeyMove>& moves);

/// InvalidArgument (PAYLOAD_TOO_LARGE) above `limit`.
Result<void> CheckSize(std::string_view what, std::size_t size, std::size_t limit);

/// All violations of all events at once; paths begin with `events[i].data`.
Result<void> CheckEvents(const DeployedInstance& instance,
                         const std::vector<engine::NewEvent>& events, std::size_t limit);

Result<void> CheckMoves(const std::vector<engine::KeyMove>& moves, std::size_t limit);

/// The name of an instance: part of keys, so without spaces and control characters.
Result<void> CheckName(std::string_view name);

/// Text that is stored for people to read: names, reasons, errors.
Result<void> CheckText(std::string_view what, std::string_view text);

}  // namespace mesg::broker

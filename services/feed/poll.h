#pragma once

#include <string_view>

#include "base/result.h"
#include "connector/upkeep.h"
#include "feed/source.h"
#include "mesg/service.h"

namespace mesg::services::feed {

/// Polls all sources, one after the other, until told to stop. One that fails is said in the health
/// and does not hold up the others.
Result<void> PollSources(sdk::Service& service, const Fetcher& fetcher, const Config& config,
                         Upkeep::Session& session);

/// Task `fetch`. Errors that another attempt would meet again are Permanent (sdk).
Result<sdk::Outputs> Fetch(const Fetcher& fetcher, const sdk::Task& task);

}  // namespace mesg::services::feed

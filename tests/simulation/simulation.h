#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/faults.h"

namespace mesg::simulation {

struct Options {
  std::optional<std::size_t> partitions;  ///< None: 1 or 7, as the seed chooses.
  bool trace = false;
};

struct Report {
  FaultCounts faults;
  std::uint64_t events = 0, executions = 0, commits = 0;
  std::vector<std::string> violations;  ///< Promises that were broken; empty when all is well.
};

/// One life of a Core, from an empty disk to the end of all work, under every fault the seed
/// chooses. The same seed is the same run, to the byte.
Report Simulate(std::uint64_t seed, const Options& options);

}  // namespace mesg::simulation

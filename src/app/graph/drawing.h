#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "app/file/application_file.h"

namespace mesg::app {

/// A workflow as boxes and arrows, before it is written in some language.
struct Drawing {
  enum class Shape : std::uint8_t { kEnd, kBox, kChoice, kWait, kBar };
  static constexpr std::size_t kNoGroup = SIZE_MAX;

  struct Node {
    Shape shape;
    std::vector<std::string> lines;
    std::size_t group = kNoGroup;
  };
  struct Edge {
    std::size_t from;
    std::size_t to;
    std::string label = {};
    bool dashed = false;  ///< Taken when something failed.
  };
  /// A frame around nodes: what is done for each item.
  struct Group {
    std::string label;
    std::size_t parent = kNoGroup;
  };

  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<Group> groups;
};

/// Every step of a workflow, with its ways through them.
Drawing Draw(const Workflow& workflow);

/// "chain.transfer", "0 9 1 * *", "manual": what starts a workflow, in a few words.
std::string Describe(const Trigger& trigger);

}  // namespace mesg::app

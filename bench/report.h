#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesg::bench {

/// One thing that was measured: a line of the output.
struct Measurement {
  std::string workload;
  std::string metric;
  double value = 0;
  std::string unit;
  std::string durability = "sync";  ///< "sync", "async" or "none".
  std::uint64_t in_flight = 1;
  std::uint64_t payload_bytes = 0;
  std::uint64_t fsyncs = 0;  ///< That Core counted meanwhile, over all rounds.
};

/// Prints each measurement as one JSON object a line, and remembers which bounds did not hold.
class Report {
 public:
  void Add(const Measurement& measurement);
  /// The exit status: 1 when a bound of kBounds did not hold, each told on standard error.
  int Finish() const;

 private:
  std::vector<std::string> broken_;
};

/// The middle value, the mean of both when there are two. Of at least one.
double Median(std::vector<double> values);

}  // namespace mesg::bench

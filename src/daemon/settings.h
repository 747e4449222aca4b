#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"

namespace mesg::daemon {

/// One thing that can be configured.
struct Setting {
  std::string_view group;  ///< A heading: "Payloads and queues".
  std::string_view key;    ///< "payload_bytes": the name in config.yml.
  std::string_view kind;   ///< "size", "time", "number", "true or false", or the choices.
  std::string_view about;  ///< One sentence.
  /// InvalidArgument says what is expected, and does not name the setting.
  std::function<Result<void>(Config&, std::string_view)> set;
  /// Text that `set` reads back as the same value.
  std::function<std::string(const Config&)> get;

  std::string Flag() const;      ///< "--payload-bytes"
  std::string Variable() const;  ///< "MESG_PAYLOAD_BYTES"
  bool IsSwitch() const { return kind == "true or false"; }
};

/// Every setting there is, in the order of the reference. A new one is one new row.
const std::vector<Setting>& Settings();

/// nullptr when there is none.
const Setting* FindSetting(std::string_view key);

/// The known key that is spelt most like it, or "".
std::string_view NearestKey(std::string_view key);

}  // namespace mesg::daemon

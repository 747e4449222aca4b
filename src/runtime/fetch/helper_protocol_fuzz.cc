#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/fetch/helper_protocol.h"
#include "runtime/fetch/ignore_rules.h"

// What a helper says after a hostile archive took it over, and a stranger's ignore file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using mesg::runtime::IgnoreRules, mesg::runtime::IgnoreStyle;
  const auto message = mesg::runtime::DecodeHelperMessage(text);
  if (message && !mesg::runtime::DecodeHelperMessage(Encode(*message))) __builtin_trap();
  const auto request = mesg::runtime::DecodeHelperRequest(text);
  if (request && !mesg::runtime::DecodeHelperRequest(Encode(*request))) __builtin_trap();
  for (const IgnoreStyle style : {IgnoreStyle::kGit, IgnoreStyle::kDocker}) {
    const auto rules = IgnoreRules::Parse(text, style);
    if (rules) (void)rules->Ignores(text.substr(0, 200), true);
  }
  return 0;
}

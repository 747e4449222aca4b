#include "cli/paging.h"

#include "cli/show.h"
#include "cli/watch.h"

namespace mesg::cli {

Option SizeOption() { return {"--limit", "N", "How many at most: 1 to 1000 (100)"}; }
Option PageOption() { return {"--page", "TOKEN", "Go on where the list before ended"}; }
Option CountOption() { return {"-n,--count", "N", "End after so many"}; }

Result<v1::Page> PageFrom(const Arguments& arguments) {
  const std::int64_t size = MESG_TRY(arguments.Number("--limit", 100));
  if (size < 1 || size > 1000) {
    return WrongUsage(InvalidArgument("--limit must be a number from 1 to 1000, got {}", size));
  }
  v1::Page page;
  page.set_size(static_cast<std::uint32_t>(size));
  page.set_token(arguments.Get("--page"));
  return page;
}

void TellNextPage(const std::string& token, Context& context) {
  if (!token.empty()) context.Tell(fmt::format("There is more: add `--page {}`.", token));
}

Result<int> WatchAndPrint(const Arguments& arguments, Context& context,
                          v1::ListenRequest::Open open) {
  const std::int64_t count = MESG_TRY(arguments.Number("--count", 0));
  if (count < 0 || (count == 0 && arguments.Has("--count"))) {
    return WrongUsage(InvalidArgument("--count must be a number from 1, got {}", count));
  }
  std::int64_t seen = 0;
  const auto on_item = [&](const v1::Item& item) {
    PrintItem(item, context);
    ++seen;
    return seen != count && context.terminal().OutputIsGood();
  };
  MESG_TRY(Watch(context, std::move(open), on_item));
  return 0;
}

}  // namespace mesg::cli

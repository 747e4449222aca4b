#include "report.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/encoding.h"
#include "runtime/process/spawn.h"

namespace mesg::fetch {

void Report::Progress(std::string text) {
  constexpr auto kPause = std::chrono::milliseconds(200);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kPause) return;
  last_ = now;
  Write(runtime::HelperProgress{std::move(text)});
}

void Report::Finish(const runtime::HelperMessage& message) { Write(message); }

void Report::Write(const runtime::HelperMessage& message) {
  const std::string line = Encode(message) + "\n";
  // When Core does not listen any more there is nobody to tell.
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(1);
}

std::string Size(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

Result<runtime::UniqueFd> CreateFile(const std::string& root, const std::string& path,
                                     bool executable) {
  const std::filesystem::path target = std::filesystem::path(root) / path;
  std::error_code error;
  std::filesystem::create_directories(target.parent_path(), error);
  if (error && error != std::errc::not_a_directory && error != std::errc::file_exists) {
    return Unavailable("cannot make the folder of {}: {}", path, error.message());
  }
  runtime::UniqueFd file(open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                              executable ? 0755 : 0644));
  if (file) return file;
  if (errno == EEXIST || errno == ENOTDIR) {
    return InvalidArgument("the path {} is there twice", QuoteJson(path));
  }
  return Unavailable("cannot write {}: {}", path, runtime::ErrnoText(errno));
}

Result<void> WriteAll(const runtime::UniqueFd& file, const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = write(file.get(), next, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unavailable("cannot write: {}", runtime::ErrnoText(errno));
    next += count;
    size -= static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace mesg::fetch

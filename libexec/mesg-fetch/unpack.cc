#include <array>
#include <filesystem>
#include <memory>
#include <system_error>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "tasks.h"

namespace mesg::fetch {
namespace {

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

Error Damaged(archive* reader) {
  const char* why = archive_error_string(reader);
  return InvalidArgument("it is not a whole .tar.gz archive: {}",
                         why == nullptr ? "unknown" : QuoteJson(why));
}

const char* KindOf(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "a hard link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFLNK:
      return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK:
      return "a device";
    case AE_IFIFO:
      return "a pipe";
    case AE_IFSOCK:
      return "a socket";
    default:
      return "of an unknown kind";
  }
}

class Unpacker {
 public:
  Unpacker(const runtime::HelperRequest& request, Report& report)
      : request_(request), report_(report), budget_(request.limits) {}

  Result<runtime::HelperDone> Run() {
    std::error_code error;
    std::filesystem::create_directories(request_.into, error);
    Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_gzip(reader.get());
    constexpr std::size_t kBlock = 64 * 1024;
    if (archive_read_open_filename(reader.get(), request_.from.c_str(), kBlock) != ARCHIVE_OK) {
      return Damaged(reader.get());
    }
    for (;;) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(reader.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return Damaged(reader.get());
      MESG_TRY(Take(reader.get(), entry));
      report_.Progress(
          fmt::format("unpacked {} files, {}", budget_.Files(), Size(budget_.Bytes())));
    }
    if (budget_.Files() == 0) return InvalidArgument("the archive is empty");
    return runtime::HelperDone{};
  }

 private:
  Result<void> Take(archive* reader, archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) return InvalidArgument("the archive holds a file without a usable name");
    const std::string path = MESG_TRY(runtime::CleanPath(name, request_.limits));
    const auto type = archive_entry_filetype(entry);
    const bool link = archive_entry_hardlink(entry) != nullptr;
    if (link || (type != AE_IFREG && type != AE_IFDIR)) {
      return InvalidArgument("{} is {}, but a service may hold files and folders only",
                             QuoteJson(path), KindOf(entry));
    }
    MESG_TRY(budget_.AddFile());
    if (type == AE_IFDIR) {
      std::error_code error;
      std::filesystem::create_directories(std::filesystem::path(request_.into) / path, error);
      if (error) return InvalidArgument("cannot make the folder {}: {}", path, error.message());
      return {};
    }
    if (path.empty()) return InvalidArgument("the archive holds a file without a name");
    const bool executable = (archive_entry_perm(entry) & S_IXUSR) != 0;
    const runtime::UniqueFd file = MESG_TRY(CreateFile(request_.into, path, executable));
    return Copy(reader, file);
  }

  /// Counts what comes out, whatever size the header promised.
  Result<void> Copy(archive* reader, const runtime::UniqueFd& file) {
    std::array<char, 64 * 1024> buffer;
    for (;;) {
      const la_ssize_t count = archive_read_data(reader, buffer.data(), buffer.size());
      if (count < 0) return Damaged(reader);
      if (count == 0) return {};
      MESG_TRY(budget_.AddBytes(static_cast<std::uint64_t>(count)));
      MESG_TRY(WriteAll(file, buffer.data(), static_cast<std::size_t>(count)));
    }
  }

  const runtime::HelperRequest& request_;
  Report& report_;
  runtime::FetchBudget budget_;
};

}  // namespace

Result<runtime::HelperDone> Unpack(const runtime::HelperRequest& request, Report& report) {
  return Unpacker(request, report).Run();
}

}  // namespace mesg::fetch

#pragma once

#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "runtime/fetch/fetcher.h"
#include "runtime/process/testing.h"

/// For the tests of runtime/fetch only.
namespace mesg::runtime {

/// What a test puts into an archive.
struct ArchiveEntry {
  std::string path;
  std::string data = {};
  unsigned type = AE_IFREG;
  unsigned mode = 0644;
  std::string symlink = {};
  std::string hardlink = {};
};

/// A .tar.gz with these entries, whatever they are.
inline std::string Archive(const std::vector<ArchiveEntry>& entries) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "a.tar.gz";
  archive* writer = archive_write_new();
  archive_write_set_format_pax_restricted(writer);
  archive_write_add_filter_gzip(writer);
  archive_write_open_filename(writer, file.c_str());
  for (const ArchiveEntry& wanted : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, wanted.path.c_str());
    archive_entry_set_filetype(entry, wanted.type);
    archive_entry_set_perm(entry, wanted.mode);
    archive_entry_set_size(entry, static_cast<la_int64_t>(wanted.data.size()));
    if (!wanted.symlink.empty()) archive_entry_set_symlink(entry, wanted.symlink.c_str());
    if (!wanted.hardlink.empty()) archive_entry_set_hardlink(entry, wanted.hardlink.c_str());
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, wanted.data.data(), wanted.data.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return ReadFile(file);
}

class FetchTest : public testing::Test {
 protected:
  FetchTest() {
    options_.content_directory = data_.path() / "content";
    options_.helper_program = HelperFolder() / "mesg-fetch";
    std::filesystem::create_directory(Source());
  }
  std::filesystem::path Source() const { return data_.path() / "source"; }
  void Has(const std::string& file, const std::string& content, bool executable = false) {
    WriteFile(Source() / file, content, executable);
  }
  Fetcher Open() const { return Fetcher::Open(options_).value(); }
  Result<Fetched> Fetch(const std::string& from) {
    const auto origin = Origin::Parse(from);
    if (!origin) return origin.error();
    return Open().Fetch(*origin, {});
  }
  bool StoreIsEmpty() const { return std::filesystem::is_empty(options_.content_directory); }

  TemporaryFolder data_;
  Fetcher::Options options_;
};

}  // namespace mesg::runtime

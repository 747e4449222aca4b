#include "store/rocksdb/counting_file_system.h"

#include <string>
#include <utility>

#include "store/rocksdb/rocks_database.h"

namespace mesg::store::rocks {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class CountingFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CountingFile(std::unique_ptr<FSWritableFile>&& file, std::shared_ptr<DiskCounters> counters,
               std::shared_ptr<DiskFaults> faults)
      : FSWritableFileOwnerWrapper(std::move(file)),
        counters_(std::move(counters)),
        faults_(std::move(faults)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (faults_ && faults_->fail_append) return IOStatus::NoSpace("injected: append");
    counters_->bytes += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    if (faults_ && faults_->fail_append) return IOStatus::NoSpace("injected: append");
    counters_->bytes += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, verification, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (faults_ && faults_->fail_sync) return IOStatus::IOError("injected: fsync");
    counters_->fsyncs += 1;
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (faults_ && faults_->fail_sync) return IOStatus::IOError("injected: fsync");
    counters_->fsyncs += 1;
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  const std::shared_ptr<DiskCounters> counters_;
  const std::shared_ptr<DiskFaults> faults_;
};

class CountingDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  CountingDirectory(std::unique_ptr<FSDirectory>&& directory,
                    std::shared_ptr<DiskCounters> counters)
      : FSDirectoryWrapper(std::move(directory)), counters_(std::move(counters)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    counters_->fsyncs += 1;
    return FSDirectoryWrapper::Fsync(options, debug);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& directory) override {
    counters_->fsyncs += 1;
    return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory);
  }

 private:
  const std::shared_ptr<DiskCounters> counters_;
};

class CountingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  CountingFileSystem(std::shared_ptr<DiskCounters> counters, std::shared_ptr<DiskFaults> faults)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        counters_(std::move(counters)),
        faults_(std::move(faults)) {}

  static const char* kClassName() { return "MesgCountingFileSystem"; }
  const char* Name() const override { return kClassName(); }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      *file = std::make_unique<CountingFile>(std::move(*file), counters_,
                                             name.ends_with(".log") ? faults_ : nullptr);
    }
    return status;
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* directory, IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewDirectory(name, options, directory, debug);
    if (status.ok()) {
      *directory = std::make_unique<CountingDirectory>(std::move(*directory), counters_);
    }
    return status;
  }

 private:
  const std::shared_ptr<DiskCounters> counters_;
  const std::shared_ptr<DiskFaults> faults_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> NewCountingFileSystem(std::shared_ptr<DiskCounters> counters,
                                                           std::shared_ptr<DiskFaults> faults) {
  return std::make_shared<CountingFileSystem>(std::move(counters), std::move(faults));
}

}  // namespace mesg::store::rocks

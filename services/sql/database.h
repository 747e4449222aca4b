#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "sql/statement.h"

namespace mesg::services::sql {

/// When statements must end: at a time, or as soon as somebody says so. Any thread.
class Interrupt {
 public:
  explicit Interrupt(TimePoint deadline);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  void Cancel();
  bool Cancelled() const { return cancelled_; }
  TimePoint deadline() const { return deadline_; }
  bool Due() const { return Cancelled() || SystemClock().Now() >= deadline_; }
  /// Readable once cancelled.
  int fd() const { return fd_; }
  /// Why it was ended: Cancelled or DeadlineExceeded.
  Error Why() const;

 private:
  const TimePoint deadline_;
  const int fd_;
  std::atomic<bool> cancelled_ = false;
};

struct Limits {
  std::size_t rows = 1000;
  std::size_t bytes = 1024 * 1024;  ///< Of all cells; a first row is taken even if it is larger.
  /// Ends the statement there; its transaction can only be rolled back. Otherwise the rest is
  /// dropped as it comes.
  bool stop = false;
};

struct Mode {
  bool read_only = false;
  std::string isolation = {};
};

/// One session with a database. One thread. Errors that another attempt would meet again are
/// Permanent (sdk); Unavailable when the connection is gone.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Every statement until Commit or Rollback ends by `interrupt`.
  virtual Result<void> Begin(const Mode& mode, std::shared_ptr<Interrupt> interrupt) = 0;
  virtual Result<Table> Run(const Statement& statement, const Limits& limits) = 0;
  /// After an error whether it happened may be unknown.
  virtual Result<void> Commit() = 0;
  virtual void Rollback() = 0;
  /// Forgets what statements left in the session. False when it cannot be used again.
  virtual bool Reset() = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  /// Any thread.
  virtual Result<std::unique_ptr<Connection>> Connect() = 0;
  /// For people, without secrets: "PostgreSQL at db.example.com:5432".
  virtual const std::string& name() const = 0;
};

/// postgresql:// or sqlite:/FILE. Does not connect. The error never shows `url`.
Result<std::unique_ptr<Database>> Open(const std::string& url);

}  // namespace mesg::services::sql

// Confinement against hostile paths, and the whole service with a real Core, both killed.
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/service_test_support.h"
#include "file/folders.h"
#include "file/operations.h"
#include "mesg/json.h"

namespace mesg::services::file {
namespace {

namespace fs = std::filesystem;
using mesg::testing::Eventually;
using mesg::testing::ReadText;
using ::testing::HasSubstr;
using ::testing::Not;

// The operations themselves, on a real folder with another one beside it.
class OperationsTest : public ::testing::Test {
 protected:
  OperationsTest() {
    files_.Write("in/a.txt", "hello");
    files_.Write("in/sub/b.bin", std::string("\0\xff", 2));
    files_.Write("out/secret.txt", "secret");
    folders_.emplace(*Folders::Of({Path("in")}));
    operations_.emplace(*folders_, true);
  }

  std::string Path(const std::string& relative) const { return files_.path() / relative; }
  static std::string Said(const Result<std::string>& result) {
    return result ? *result
                  : fmt::format("{}: {}", Name(result.error().code), result.error().message);
  }
  std::string Read(const std::string& path) {
    return Said(operations_->Read(sdk::JsonObject().Add("path", path).Take()));
  }
  std::string Write(const std::string& path, const std::string& content, bool create_only = false) {
    return Said(operations_->Write(sdk::JsonObject()
                                       .Add("path", path)
                                       .Add("content", content)
                                       .Add("create_only", create_only)
                                       .Take()));
  }
  std::string Remove(const std::string& path) {
    return Said(operations_->Remove(sdk::JsonObject().Add("path", path).Take()));
  }
  std::string Move(const std::string& from, const std::string& to, bool overwrite = false) {
    return Said(operations_->Move(
        sdk::JsonObject().Add("from", from).Add("to", to).Add("overwrite", overwrite).Take()));
  }

  mesg::testing::TemporaryFolder files_;
  std::optional<Folders> folders_;
  std::optional<Operations> operations_;
};

TEST_F(OperationsTest, ReadsTextAndBytesAndParts) {
  EXPECT_THAT(Read(Path("in/a.txt")),
              HasSubstr(R"("content":"hello","base64":false,"bytes":5,"size":5)"));
  EXPECT_THAT(Read(Path("in/sub/b.bin")), HasSubstr(R"("content":"AP8=","base64":true)"));
  files_.Write("in/u.txt", "aü");
  const auto part = [&](int offset, int most) {
    return Said(operations_->Read(sdk::JsonObject()
                                      .Add("path", Path("in/u.txt"))
                                      .Add("offset", offset)
                                      .Add("max_bytes", most)
                                      .Take()));
  };
  EXPECT_THAT(part(0, 2), HasSubstr(R"("content":"a","base64":false,"bytes":1,"size":3)"));
  EXPECT_THAT(part(0, 2), HasSubstr(R"("more":true)"));
  EXPECT_THAT(part(1, 2), HasSubstr(R"("content":"ü","base64":false,"bytes":2)"));
  EXPECT_THAT(part(9, 2), HasSubstr(R"("bytes":0)"));
  EXPECT_THAT(Read(Path("in/none")), HasSubstr("NOT_FOUND: cannot open"));
  EXPECT_THAT(Read(Path("in/sub")), HasSubstr("expected a file, it is something else"));
  ASSERT_EQ(mkfifo(Path("in/pipe").c_str(), 0600), 0);
  EXPECT_THAT(Read(Path("in/pipe")), HasSubstr("expected a file"));
}

TEST_F(OperationsTest, WritesInOneStepAndAppends) {
  EXPECT_EQ(Write(Path("in/a.txt"), "new"), R"({"size":3})");
  EXPECT_EQ(ReadText(Path("in/a.txt")), "new");
  EXPECT_EQ(Write(Path("in/c.txt"), "c", true), R"({"size":1})");
  EXPECT_EQ(Write(Path("in/c.txt"), "c", true), R"({"size":1})") << "an earlier attempt made it";
  EXPECT_THAT(Write(Path("in/c.txt"), "d", true), HasSubstr("ALREADY_EXISTS: cannot create"));
  const auto append = [&](const std::string& content) {
    return Said(operations_->Append(
        sdk::JsonObject().Add("path", Path("in/log")).Add("content", content).Take()));
  };
  EXPECT_EQ(append("1"), R"({"size":1})");
  EXPECT_EQ(append("2"), R"({"size":2})");
  EXPECT_EQ(ReadText(Path("in/log")), "12");
  for (const auto& each : fs::recursive_directory_iterator(Path("in"))) {
    EXPECT_FALSE(IsTemporary(each.path().filename().string())) << each.path();
  }
  const Operations readers(*folders_, false);
  EXPECT_THAT(Said(readers.Write(R"({"path":"/x","content":""})")), HasSubstr("WRITE is false"));
}

TEST_F(OperationsTest, MovesListsAndRemoves) {
  EXPECT_THAT(Move(Path("in/a.txt"), Path("in/sub/b.bin")), HasSubstr("ALREADY_EXISTS"));
  EXPECT_EQ(Move(Path("in/a.txt"), Path("in/sub/b.bin"), true),
            R"({"path":")" + Path("in/sub/b.bin") + "\"}");
  EXPECT_EQ(ReadText(Path("in/sub/b.bin")), "hello");
  const auto list = [&](const std::string& more) {
    return Said(
        operations_->List(sdk::JsonObject().Add("path", Path("in")).Take().insert(1, more)));
  };
  EXPECT_THAT(list(""), HasSubstr(R"(/in/sub","kind":"folder")"));
  EXPECT_THAT(list(""), Not(HasSubstr("b.bin")));
  EXPECT_THAT(list(R"("recursive":true,"glob":"*.bin",)"),
              HasSubstr(R"(/b.bin","kind":"file","size":5)"));
  EXPECT_THAT(list(R"("recursive":true,"limit":1,)"), HasSubstr(R"("truncated":true)"));
  EXPECT_THAT(Remove(Path("in/sub")), HasSubstr("ALREADY_EXISTS"));
  EXPECT_EQ(Remove(Path("in/sub/b.bin")), R"({"removed":true})");
  EXPECT_EQ(Remove(Path("in/sub/b.bin")), R"({"removed":false})");
  EXPECT_EQ(Remove(Path("in/sub")), R"({"removed":true})");
  EXPECT_EQ(Remove(Path("in/sub/b.bin")), R"({"removed":false})");
}

TEST_F(OperationsTest, NothingLeadsOutside) {
  fs::create_symlink(Path("out"), Path("in/absolute"));
  fs::create_symlink("../out", Path("in/relative"));
  fs::create_symlink("../out/secret.txt", Path("in/file"));
  fs::create_symlink("a.txt", Path("in/inside"));
  fs::create_symlink("/proc/self/root", Path("in/magic"));
  EXPECT_THAT(Read(Path("in/inside")), HasSubstr("hello"));
  for (const std::string path :
       {"in/absolute/secret.txt", "in/relative/secret.txt", "in/file", "in/magic/etc/passwd"}) {
    EXPECT_THAT(Read(Path(path)), HasSubstr("PERMISSION_DENIED")) << path;
    EXPECT_THAT(Read(Path(path)), Not(HasSubstr("\"content\""))) << path;
  }
  for (const std::string path : {"in/../out/secret.txt", "out/secret.txt", "in2/x", "in/./../x"}) {
    EXPECT_THAT(Read(Path(path)), HasSubstr("INVALID_ARGUMENT: path: expected a path")) << path;
  }
  EXPECT_THAT(Read("in/a.txt"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(Read(std::string(Path("in/a.txt")) + '\0' + "x"), HasSubstr("holds a NUL"));
  EXPECT_THAT(Write(Path("in/relative/new"), "x"), HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(Remove(Path("in/relative/secret.txt")), HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(Remove(Path("in")), HasSubstr("not the folder itself"));
  EXPECT_THAT(Move(Path("in/a.txt"), Path("in/relative/a.txt")), HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(Said(operations_->Append(
                  sdk::JsonObject().Add("path", Path("in/file")).Add("content", "x").Take())),
              HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(Said(operations_->List(sdk::JsonObject().Add("path", Path("in/relative")).Take())),
              HasSubstr("PERMISSION_DENIED"));
  // A link is replaced and removed itself, not what it points to.
  EXPECT_EQ(Write(Path("in/file"), "mine"), R"({"size":4})");
  EXPECT_EQ(Remove(Path("in/relative")), R"({"removed":true})");
  EXPECT_EQ(ReadText(Path("out/secret.txt")), "secret");
}

// Somebody swaps a folder for a link to the outside again and again while it is read through.
TEST_F(OperationsTest, SwappingALinkInDoesNotLeadOutside) {
  fs::create_directory(Path("in/door"));
  files_.Write("in/door/secret.txt", "mine");
  fs::create_symlink(Path("out"), Path("in/link"));
  std::atomic<bool> done = false;
  std::jthread swapper([&] {
    while (!done)
      renameat2(AT_FDCWD, Path("in/door").c_str(), AT_FDCWD, Path("in/link").c_str(),
                RENAME_EXCHANGE);
  });
  int read = 0;
  for (int i = 0; i < 3000 || read == 0; ++i) {
    const std::string said = Read(Path("in/door/secret.txt"));
    ASSERT_THAT(said, Not(HasSubstr("\"content\":\"secret\"")));
    if (said.find("mine") != std::string::npos) ++read;
  }
  done = true;
}

TEST_F(OperationsTest, WrongFoldersAreNamed) {
  const auto why = [](std::vector<std::string> paths) {
    return Folders::Of(std::move(paths)).error().message;
  };
  EXPECT_THAT(why({}), HasSubstr("FOLDERS: expected at least one"));
  EXPECT_THAT(why({"relative"}), HasSubstr("FOLDERS: expected an absolute path"));
  EXPECT_THAT(why({"/a/../b"}), HasSubstr("without .."));
  EXPECT_THAT(why({"/a", "/a/b"}), HasSubstr("/a/b is inside of /a"));
}

class FileTest : public ServiceTest {
 protected:
  FileTest() : ServiceTest("file") { fs::create_directories(Watched()); }
  fs::path Watched() const { return Folder() / "watched"; }
  void Write(const std::string& name, const std::string& text) {
    Files().Write("watched/" + name, text);
  }
  // "created a.txt 5", of each event.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const Event& event : Events()) told.push_back(Short(event));
    return told;
  }
  std::string Short(const Event& event) const {
    const auto path = event.data.find(Watched().string()) + Watched().string().size() + 1;
    const auto size = event.data.find("\"size\":") + 7;
    return event.key + " " + event.data.substr(path, event.data.find('"', path) - path) + " " +
           event.data.substr(size, event.data.find(',', size) - size);
  }
  // Waits for it.
  void Expect(const std::string& told) {
    EXPECT_TRUE(Eventually([&] {
      const auto all = Told();
      return std::ranges::find(all, told) != all.end();
    })) << told
        << ", but " << ::testing::PrintToString(Told()) << Log();
  }
  void Begin(Texts env = {}) {
    env["FOLDERS"] = Watched();
    ASSERT_NO_FATAL_FAILURE(StartService(env));
    // Once a file is told, the first look at the folder is over.
    ASSERT_TRUE(Eventually([&] {
      Write("ready", "x");
      fs::remove(Watched() / "ready");
      return !Events().empty();
    })) << Log();
  }
};

TEST_F(FileTest, WhatHappensIsTold) {
  Write("old.txt", "old");
  Begin();
  Write("new.txt", "12345");
  Expect("created new.txt 5");
  Write("new.txt", "123");
  Expect("changed new.txt 3");
  // In one step: what is written while a new folder is walked through may be told half written.
  Files().Write("elsewhere/er/file.txt", "1");
  fs::rename(Folder() / "elsewhere", Watched() / "deep");
  Expect("created deep/er/file.txt 1");
  Write("deep/er/file.txt", "22");
  Expect("changed deep/er/file.txt 2");
  fs::rename(Watched() / "deep", Watched() / "moved");
  Expect("removed deep/er/file.txt 2");
  Expect("created moved/er/file.txt 2");
  Write("moved/er/file.txt", "333");
  Expect("changed moved/er/file.txt 3");
  fs::create_hard_link(Watched() / "new.txt", Watched() / "same.txt");
  Expect("created same.txt 3");
  fs::rename(Watched() / "same.txt", Watched() / "old.txt");
  Expect("changed old.txt 3");
  fs::remove_all(Watched() / "moved");
  Expect("removed moved/er/file.txt 3");
  // Written by a task: one event, none of the temporary file.
  EXPECT_EQ(*Execute("write", R"({"path":")" + (Watched() / "task.txt").string() +
                                  R"(","content":"by a task"})"),
            R"({"size":9})");
  Expect("created task.txt 9");
  EXPECT_THAT(DataOf(Events()), Not(HasSubstr(".mesg-")));
  EXPECT_THAT(Execute("read", R"({"path":"/etc/passwd"})").error().message,
              HasSubstr("expected a path inside of FOLDERS"));
}

TEST_F(FileTest, WhatHappenedMeanwhileIsTold) {
  Write("stays", "1");
  Write("goes", "1");
  Write("changes", "1");
  Begin({{"START", "all"}});
  for (const char* const each : {"created stays 1", "created goes 1", "created changes 1"}) {
    Expect(each);
  }
  KillCore();
  fs::remove(Watched() / "goes");
  Write("changes", "22");
  Write("comes", "333");
  StartCore();
  Expect("removed goes 1");
  Expect("changed changes 2");
  Expect("created comes 3");
  const auto told = Told();
  EXPECT_EQ(std::ranges::count(told, "created stays 1"), 1);
}

// Files come, change and go while everything is killed: what was told, put together, is what there
// is, and nothing is told twice.
TEST_F(FileTest, KillsNeitherLoseNorRepeat) {
  Begin();
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (int i = 0; !done || i < 400; ++i) {
      const std::string name = "f" + std::to_string(i % 80) + "/n" + std::to_string(i % 7);
      if (i % 5 == 4) {
        fs::remove(Watched() / name);
      } else {
        Write(name, std::string(static_cast<std::size_t>(i), 'x'));
      }
      std::this_thread::yield();
    }
  });
  KillService();
  KillCore();
  StartCore();
  KillService();
  done = true;
  writer.join();
  std::map<std::string, std::string> there;
  for (const auto& each : fs::recursive_directory_iterator(Watched())) {
    if (!each.is_regular_file()) continue;
    there[fs::relative(each.path(), Watched())] = std::to_string(each.file_size());
  }
  const auto put_together = [&] {
    std::map<std::string, std::string> told;
    for (const Event& event : Events()) {
      const std::string text = Short(event);
      const auto name = text.find(' ') + 1;
      const auto size = text.rfind(' ');
      const std::string path = text.substr(name, size - name);
      if (event.key == "removed") {
        EXPECT_EQ(told.erase(path), 1U) << "removed twice: " << path;
      } else {
        EXPECT_EQ(told.contains(path), event.key == "changed") << text;
        told[path] = text.substr(size + 1);
      }
    }
    return told;
  };
  EXPECT_TRUE(Eventually([&] { return put_together() == there; }));
}

TEST_F(FileTest, OverflowOfTheKernelsQueueLosesNothing) {
  Begin();
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int queued = 0;
  limit >> queued;
  // A service that waits for Core takes nothing from its queue.
  Core().Signal(SIGSTOP);
  const int count = std::min(queued, 20'000) / 2 + 500;
  for (int i = 0; i < count; ++i) Write("many/" + std::to_string(i), "x");
  Core().Signal(SIGCONT);
  EXPECT_TRUE(Eventually([&] { return Told().size() >= static_cast<std::size_t>(count); },
                         std::chrono::seconds(120)));
  std::set<std::string> names;
  for (const Event& event : Events()) {
    if (event.key == "created") names.insert(Short(event));
  }
  EXPECT_GE(names.size(), static_cast<std::size_t>(count));
}

TEST_F(FileTest, LimitAndMissingFolderAreHealth) {
  Begin({{"MAX_FILES", "2"}});
  Write("1", "x");
  Write("2", "x");
  Write("3", "x");
  EXPECT_TRUE(Eventually([&] { return Health().find("MAX_FILES (2)") != std::string::npos; }))
      << Health();
  fs::rename(Watched(), Folder() / "away");
  EXPECT_TRUE(Eventually([&] { return Health().find("watched") != std::string::npos; }))
      << Health();
  EXPECT_THAT(DataOf(Events()), Not(HasSubstr("removed 1")));
}

}  // namespace
}  // namespace mesg::services::file

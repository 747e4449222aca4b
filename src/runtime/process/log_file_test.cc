#include "runtime/process/log_file.h"

#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

std::vector<LogLine> Lines(int from, int count) {
  std::vector<LogLine> lines;
  for (int i = from; i < from + count; ++i) {
    lines.push_back({.time = FromMicros(1'700'000'000'000'000 + i),
                     .stream = i % 2 == 0 ? LogStream::kOut : LogStream::kErr,
                     .text = "line " + std::to_string(i)});
  }
  return lines;
}

std::string Texts(const std::vector<LogLine>& lines) {
  std::string all;
  for (const LogLine& line : lines) all += line.text + (line.continued ? "+|" : "|");
  return all;
}

TEST(LogLineTest, ReadsBackWhatItWrites) {
  for (const LogLine& line :
       {LogLine{FromMicros(1'700'000'000'123'456), LogStream::kOut, "hello  world "},
        LogLine{FromMicros(1), LogStream::kErr, ""},
        LogLine{FromMicros(2), LogStream::kCore, "\xff\x01 out x", true}}) {
    std::string text = FormatLogLine(line);
    ASSERT_EQ(text.back(), '\n');
    text.pop_back();
    EXPECT_EQ(ParseLogLine(text), line) << text;
  }
}

TEST(LogLineTest, RefusesOtherText) {
  for (const char* text : {"", "x", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z out",
                           "2024-05-01T10:00:00Z other text", "yesterday out text"}) {
    EXPECT_FALSE(ParseLogLine(text)) << text;
  }
}

TEST(LineSplitterTest, CutsAtLineEndsHoweverTheBytesArrive) {
  const std::string bytes = "one\ntwo\r\n\nthree\n" + std::string(kMaxLineBytes + 5, 'x') + "\nend";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    LineSplitter splitter;
    std::vector<LogLine> lines;
    const auto collect = [&lines](std::string text, bool continued) {
      lines.push_back({.text = std::move(text), .continued = continued});
    };
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      splitter.Append(std::string_view(bytes).substr(at, step), collect);
    }
    splitter.Finish(collect);
    EXPECT_EQ(Texts(lines), "one|two||three|" + std::string(kMaxLineBytes, 'x') + "+|xxxxx|end|");
  }
}

TEST(LogWriterTest, TailGivesTheLastLinesOldestFirst) {
  const TemporaryFolder folder;
  auto writer = LogWriter::Open(folder.path() / "log", {}).value();
  writer.Append(Lines(0, 5000));
  EXPECT_EQ(Texts(ReadLogTail(folder.path() / "log", 3).value()), "line 4997|line 4998|line 4999|");
  EXPECT_EQ(ReadLogTail(folder.path() / "log", 0).value(), Lines(0, 5000));
  EXPECT_EQ(ReadLogTail(folder.path() / "log", 100'000).value(), Lines(0, 5000));
}

TEST(LogWriterTest, RotatesAtItsSizeAndKeepsSoManyOldFiles) {
  const TemporaryFolder folder;
  auto writer = LogWriter::Open(folder.path(), {.max_bytes = 1000, .old_files = 2}).value();
  for (int i = 0; i < 200; ++i) writer.Append(Lines(i, 1));
  std::uint64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_LE(entry.file_size(), 1000U) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3U);
  const auto kept = ReadLogTail(folder.path(), 0).value();
  ASSERT_GT(kept.size(), 40U);
  EXPECT_EQ(kept, Lines(200 - static_cast<int>(kept.size()), static_cast<int>(kept.size())));
  EXPECT_EQ(ReadLogTail(folder.path(), 40).value(), Lines(160, 40));
}

TEST(LogWriterTest, GoesOnWithAnExistingLog) {
  const TemporaryFolder folder;
  LogWriter::Open(folder.path(), {}).value().Append(Lines(0, 2));
  LogWriter::Open(folder.path(), {}).value().Append(Lines(2, 2));
  EXPECT_EQ(Texts(ReadLogTail(folder.path(), 0).value()), "line 0|line 1|line 2|line 3|");
}

TEST(LogWriterTest, AFolderThatCannotBeMadeIsAnError) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto writer = LogWriter::Open(folder.path() / "file" / "log", {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Code::kUnavailable);
}

TEST(ReadLogTailTest, NoLogIsNoLines) {
  const TemporaryFolder folder;
  EXPECT_TRUE(ReadLogTail(folder.path() / "none", 10).value().empty());
}

TEST(ReadLogTailTest, SkipsWhatIsNotALogLine) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "current.log") << "rubbish\n"
                                               << FormatLogLine(Lines(7, 1).front()) << "\n\ntorn";
  EXPECT_EQ(Texts(ReadLogTail(folder.path(), 10).value()), "line 7|");
}

// Any length of lines against the block size of the reader.
TEST(ReadLogTailTest, FindsEveryLineAcrossBlocks) {
  const TemporaryFolder folder;
  std::mt19937 random(7);
  std::vector<LogLine> lines;
  auto writer = LogWriter::Open(folder.path(), {}).value();
  for (int i = 0; i < 300; ++i) {
    lines.push_back({.time = FromMicros(i), .text = std::string(random() % 3000, 'a')});
  }
  writer.Append(lines);
  EXPECT_EQ(ReadLogTail(folder.path(), 0).value(), lines);
  for (const std::size_t count : {1U, 17U, 299U}) {
    EXPECT_EQ(ReadLogTail(folder.path(), count).value(),
              std::vector<LogLine>(lines.end() - static_cast<std::ptrdiff_t>(count), lines.end()));
  }
}

}  // namespace
}  // namespace mesg::runtime

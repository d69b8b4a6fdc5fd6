// A journal in a directory of its own, and one of everything in it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "state/journal.h"
#include "state/sqlite_database.h"
#include "util/error.h"

namespace osarchiver {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = (std::filesystem::temp_directory_path() / "journal-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
  }
  ~JournalTest() override {
    journal_.reset();
    std::error_code ignored;
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(directory_, ignored);
  }

  std::filesystem::path path() const { return directory_ / "state.db"; }

  Journal& Open(OpenMode mode = OpenMode::kWrite) {
    journal_.reset();
    journal_ = Journal::Open(path(), mode);
    return *journal_;
  }
  Journal& journal() { return journal_ ? *journal_ : Open(); }

  // Straight into the file, past the journal's own checks.
  void Sql(const std::string& sql) {
    Database db(path(), Database::Access::kReadWrite);
    db.RunScript(sql);
  }
  std::int64_t SqlInt(const std::string& sql) {
    Database db(path(), Database::Access::kReadWrite);
    return db.QueryInt(sql);
  }
  // What the triggers and constraints answer; "" when they let it pass.
  std::string Refusal(const std::string& sql) {
    try {
      Sql(sql);
      return "";
    } catch (const StateError& error) {
      return error.what();
    }
  }

  RunId BeginRun(const std::string& archiver = "nova") {
    NewRun run;
    run.name = "20261123T020000Z-" + std::to_string(++runs_);
    run.archiver = archiver;
    run.site = "RegionOne";
    run.now = "2026-11-23T02:00:00Z";
    run.host = "db1";
    run.pid = 4711;
    run.configuration = R"({"site":"RegionOne"})";
    run.options = "run nova";
    return journal().BeginRun(run);
  }
  PassId BeginPass(RunId run, const std::string& table = "instances") {
    return journal().BeginPass(run, {"nova", "nova", table}, "2025-11-23T02:00:00Z",
                               R"({"columns":[]})");
  }
  BatchId AddBatch(PassId pass, std::uint64_t rows = 10) {
    NewBatch batch;
    batch.number = journal().LastBatchNumber(pass) + 1;
    batch.rows = rows;
    batch.bytes = rows * 100;
    batch.digest.fill(7);
    batch.first_key = std::string("\1\0k", 3);
    batch.last_key = "z";
    return journal().AddBatches({{pass, batch}}).at(0);
  }
  SegmentId AddSegment(PassId pass, const std::string& format = "sql") {
    const CopyTarget target{"files", format};
    const std::uint32_t part = journal().LastPart(pass, target) + 1;
    return journal().AddSegment(
        pass, target, part, "p" + std::to_string(pass) + "." + std::to_string(part) + "." + format);
  }
  // The next frame of a segment, 100 bytes with its record.
  CopyLocation NextFrame(SegmentId segment) {
    const auto info = journal().FindSegment(segment);
    return {info->target, segment, info->length + 10, 80, info->length + 100};
  }
  static CopyLocation InDatabase() { return {{"history", ""}, 0, 0, 0, 0}; }

  BatchId AddVerified(PassId pass, Journal::Next next, std::uint64_t rows = 10) {
    const BatchId batch = AddBatch(pass, rows);
    journal().MarkArchived({{batch, {InDatabase()}}});
    journal().MarkVerified({batch}, next);
    return batch;
  }
  static std::vector<KeptRow> Rows(BatchId batch, std::int64_t first, std::int64_t count) {
    std::vector<KeptRow> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back({first + i, 1000 + first + i, batch});
    return rows;
  }
  BatchState StateOf(BatchId batch) { return journal().FindBatch(batch)->state; }
  PassCounts CountsOf(PassId pass) { return journal().FindPass(pass)->counts; }

  // Runs `work` in a child process and returns how it ended, as waitpid() says it. An exception is
  // exit code 99.
  static int InChild(const std::function<void()>& work) {
    const pid_t child = Fork(work);
    return Wait(child);
  }
  static pid_t Fork(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(99);
    }
    ::_exit(0);
  }
  static int Wait(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  std::filesystem::path directory_;
  std::unique_ptr<Journal> journal_;
  int runs_ = 0;
};

}  // namespace osarchiver

// What tests of destinations share: a journal on disk, runs and passes in it, and batches of a
// small table that go the way that a run takes them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "destination/destination.h"
#include "state/journal.h"

namespace osarchiver {

// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `id int PRIMARY KEY, name varchar(50), data longblob`.
TableDefinition SmallTable(const std::string& database = "nova",
                           const std::string& table = "things");

struct TestBatch {
  BatchId id = 0;
  std::uint64_t number = 0;
  RowBatch rows;
  std::vector<Hash> hashes;
  Hash digest{};
  std::vector<SupersededRow> supersedes;
  std::vector<CopyLocation> copies;

  BatchToStore ToStore() const { return {number, &rows, &hashes, digest, supersedes}; }
};

class DestinationTest : public testing::Test {
 protected:
  using Rows = std::vector<std::pair<int, std::string>>;  // id and name

  void SetUp() override;

  void OpenJournal(const std::string& file);
  // Begins a run with this name and makes it the one at hand.
  void BeginRun(const std::string& name);
  // A pass of the table over `definition`, in the run at hand.
  PassContext BeginPass();
  // Nothing of the pass is known but its names: what settling has.
  RunInfo Run(const std::string& name) { return journal->FindRun(name).value(); }
  PassInfo Pass(PassId id) { return journal->FindPass(id).value(); }

  // A batch of SmallTable, in the journal as extracted.
  TestBatch Extract(const PassContext& pass, const Rows& rows);
  TestBatch ExtractRows(const PassContext& pass, RowBatch rows);
  // Stores it; the journal does not learn of it.
  void Store(TableWriter& writer, TestBatch* batch);
  void Archive(const TestBatch& batch);
  void Verify(const TestBatch& batch);
  // All of it at once.
  TestBatch StoreVerified(TableWriter& writer, const PassContext& pass, const Rows& rows);

  // The batch's digest as the destination reads it back.
  Hash DigestAt(Destination& destination, const TestBatch& batch, const PassContext& pass);
  Survey SurveyOf(Destination& destination, const PassContext& pass);
  void Close(Destination& destination, const PassContext& pass);
  std::vector<VerifyFinding> VerifyOf(Destination& destination, const PassContext& pass,
                                      double sample = 1);

  TemporaryDirectory directory;
  std::unique_ptr<Journal> journal;
  RunContext context;
  RunId run = 0;
  TableDefinition definition = SmallTable();
};

// Each finding as "result: problem; problem".
std::vector<std::string> Texts(const std::vector<VerifyFinding>& findings);

}  // namespace osarchiver

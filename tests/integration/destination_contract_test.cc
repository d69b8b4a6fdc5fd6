// What every destination promises. A new one gets a line in kDestinations and one in Make().
#include <fstream>

#include "../unit/destination/destination_fixture.h"
#include "destination/registry.h"
#include "formats/segment_reader.h"
#include "mariadb/connection.h"
#include "shared_mariadb.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;
using testing::Test;

constexpr const char* kDestinations[] = {"sql", "csv", "mariadb"};
constexpr const char* kFirstRun = "20261123T020000Z-00000001";
constexpr const char* kSecondRun = "20261124T020000Z-00000002";

class DestinationContract : public DestinationTest,
                            public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    DestinationTest::SetUp();
    if (IsDatabase()) {
      if (!PrivateMariadb::Available()) {
        if (std::getenv("CI") != nullptr) FAIL() << "mariadbd is not installed";
        GTEST_SKIP() << "mariadbd is not installed";
      }
      SharedMariadb().Start();
      SharedMariadb().Sql("DROP DATABASE IF EXISTS nova_kept");
      connection_ = Connection::Open(SharedMariadb().Address());
    }
    BeginRun(kFirstRun);
    destination = Make();
    destination->Open(context, *journal);
  }

  bool IsDatabase() const { return std::string_view(GetParam()) == "mariadb"; }

  std::unique_ptr<Destination> Make() {
    DestinationSettings settings;
    settings.name = "store";
    settings.backend = IsDatabase() ? "mariadb" : "file";
    settings.file.directory = (directory.path() / "archives").string();
    settings.file.formats = {GetParam()};
    settings.file.min_free_bytes = 1;
    settings.mariadb.database_suffix = "_kept";
    settings.mariadb.accept_non_durable = true;
    if (IsDatabase()) settings.mariadb.server.socket = SharedMariadb().socket();
    if (IsDatabase()) settings.mariadb.server.user = "root";
    auto made = std::move(MakeDestinations({settings}).at(0));
    if (IsDatabase()) made->UseSource(context.source, *connection_);
    return made;
  }

  // What a new process has.
  void Reopen() {
    destination = Make();
    destination->Open(context, *journal);
  }

  // Changes a stored batch behind osarchiver's back.
  void Damage(const TestBatch& batch) {
    if (IsDatabase()) {
      SharedMariadb().Sql(
          "UPDATE nova_kept." + definition.table +
          " SET name = 'damaged' WHERE id = " + std::string(batch.rows.value(0, 0).bytes));
      return;
    }
    const CopyLocation& copy = batch.copies.at(0);
    const fs::path path = directory.path() / "archives" / journal->FindSegment(copy.segment)->path;
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto place = static_cast<std::streamoff>(copy.offset + copy.frame_bytes / 2);
    file.seekg(place);
    const auto byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(place);
    file.put(byte);
  }

  std::unique_ptr<Destination> destination;

 private:
  std::unique_ptr<Connection> connection_;
};

TEST_P(DestinationContract, StoredBatchReadsBackAndVerifies) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  const TestBatch second = StoreVerified(*writer, pass, {{3, "NULL"}, {4, "it's \"quoted\"\n"}});
  EXPECT_EQ(DigestAt(*destination, first, pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, pass), second.digest);
  writer->Seal();
  destination->FinishRun(context, *journal);
  Reopen();
  EXPECT_EQ(DigestAt(*destination, first, pass), first.digest);
  for (const double sample : {1.0, 0.5, 0.0}) {
    const auto findings = VerifyOf(*destination, pass, sample);
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(Texts(findings)[0], "ok");
    EXPECT_EQ(findings[0].batches, 2u);
    EXPECT_EQ(findings[0].rows, 4u);
  }
}

TEST_P(DestinationContract, CheckFindsNothingWrongAndOpenMayBeRepeated) {
  EXPECT_TRUE(destination->Check(context, nullptr).empty());
  destination->Open(context, *journal);
  EXPECT_FALSE(destination->LacksRoom());
}

TEST_P(DestinationContract, RowsAreAppendedToThoseAlreadyRead) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  RowBatch rows(3);
  const CopyReference reference{
      pass.run.run_name, {"main", "nova", "things"}, batch.number, batch.copies[0]};
  EXPECT_EQ(destination->ReadBack(reference, definition, *journal, nullptr, &rows), batch.digest);
  EXPECT_EQ(destination->ReadBack(reference, definition, *journal, nullptr, &rows), batch.digest);
  EXPECT_EQ(rows.row_count(), 4u);
}

TEST_P(DestinationContract, SameBatchTwiceIsStoredOnce) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  TestBatch batch = Extract(pass, {{1, "one"}});
  Store(*writer, &batch);
  const CopyLocation again = writer->Store(batch.ToStore());
  EXPECT_EQ(again.segment, batch.copies[0].segment);
  EXPECT_EQ(again.offset, batch.copies[0].offset);
  Archive(batch);
  Verify(batch);
  writer->Seal();
  const auto findings = VerifyOf(*destination, pass);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(Texts(findings)[0], "ok");
  EXPECT_EQ(findings[0].rows, 1u);
}

TEST_P(DestinationContract, ChangedContentIsFound) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch good = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  const TestBatch bad = StoreVerified(*writer, pass, {{3, "three"}, {4, "four"}});
  writer->Seal();
  Damage(bad);
  Reopen();
  EXPECT_EQ(DigestAt(*destination, good, pass), good.digest);
  EXPECT_THROW((void)DigestAt(*destination, bad, pass), IntegrityError);
  const auto findings = VerifyOf(*destination, pass);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].result, "corrupt") << Texts(findings)[0];
}

TEST_P(DestinationContract, BatchThatWasNeverStoredIsNotRead) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  TestBatch stored = StoreVerified(*writer, pass, {{1, "one"}});
  stored.number = 2;
  EXPECT_THROW((void)DigestAt(*destination, stored, pass), IntegrityError);
}

TEST_P(DestinationContract, SurveyFindsWhatTheJournalHadNoTimeFor) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  TestBatch second = Extract(pass, {{2, "two"}});
  Store(*writer, &second);  // and here the process dies
  const TestBatch third = Extract(pass, {{3, "three"}});
  writer.reset();
  Reopen();
  const Survey survey = SurveyOf(*destination, pass);
  EXPECT_EQ(survey.journal_is_older, std::vector<std::string>());
  EXPECT_EQ(survey.problems, std::vector<std::string>());
  ASSERT_EQ(survey.copies.size(), 2u);
  EXPECT_EQ(survey.copies[0].number, first.number);
  EXPECT_FALSE(survey.copies[0].behind_journal);
  EXPECT_EQ(survey.copies[1].number, second.number);
  EXPECT_TRUE(survey.copies[1].behind_journal);
  EXPECT_EQ(survey.copies[1].digest, second.digest);
  second.copies = {survey.copies[1].location};
  EXPECT_EQ(DigestAt(*destination, second, pass), second.digest);
}

TEST_P(DestinationContract, InterruptedPassIsClosedAndVerifies) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  writer.reset();
  Reopen();
  Close(*destination, pass);
  Close(*destination, pass);
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
  EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
  for (const SegmentInfo& segment : journal->ListSegments(pass.pass)) {
    EXPECT_EQ(segment.state, SegmentState::kSealed);
  }
}

TEST_P(DestinationContract, BatchUnknownToTheJournalMeansAnOlderJournal) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  const fs::path backup = directory.path() / "backup.db";
  journal->CopyTo(backup, "test");
  const TestBatch second = StoreVerified(*writer, pass, {{2, "two"}});
  writer.reset();
  OpenJournal("backup.db");
  Reopen();
  const Survey survey = SurveyOf(*destination, pass);
  EXPECT_FALSE(survey.journal_is_older.empty());
}

TEST_P(DestinationContract, RunUnknownToTheJournalIsRefused) {
  journal->CopyTo(directory.path() / "backup.db", "test");
  BeginRun(kSecondRun);
  const PassContext pass = BeginPass();
  destination = Make();
  destination->Open(context, *journal);
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  writer->Seal();

  OpenJournal("backup.db");
  BeginRun("20261125T020000Z-00000003");
  destination = Make();
  const auto begin = [&] {
    destination->Open(context, *journal);
    (void)destination->OpenTable(BeginPass(), *journal);
  };
  EXPECT_THROW(begin(), IntegrityError);
}

TEST_P(DestinationContract, NightAfterNightLiesSideBySide) {
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}, {5, "five"}});
  writer->Seal();
  destination->FinishRun(context, *journal);
  BeginRun(kSecondRun);
  Reopen();
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  const TestBatch second = StoreVerified(*writer, second_pass, {{2, "two"}, {4, "four"}});
  writer->Seal();
  destination->FinishRun(context, *journal);
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
  EXPECT_EQ(Texts(VerifyOf(*destination, first_pass)), std::vector<std::string>{"ok"});
  EXPECT_EQ(Texts(VerifyOf(*destination, second_pass)), std::vector<std::string>{"ok"});
}

TEST_P(DestinationContract, TablesWithOddNamesAreKeptApart) {
  for (const std::string table : {"möbel", "mö bel", "a.b/c", "sel`ect", "..", "日本語"}) {
    SCOPED_TRACE(table);
    definition = SmallTable("nova", table);
    const PassContext pass = BeginPass();
    auto writer = destination->OpenTable(pass, *journal);
    const TestBatch batch = StoreVerified(*writer, pass, {{1, table}});
    writer->Seal();
    EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
    EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
  }
}

TEST_P(DestinationContract, BigRowsAndEveryByteComeBack) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  std::string bytes;
  for (int i = 0; i < 3 << 20; ++i) bytes += static_cast<char>(i * 7 + i / 251);
  RowBatch rows(3);
  for (int id = 1; id <= 4; ++id) {
    rows.AppendBytes(std::to_string(id));
    rows.AppendNull();
    rows.AppendBytes(id == 4 ? std::string_view() : std::string_view(bytes));
    rows.EndRow();
  }
  TestBatch batch = ExtractRows(pass, std::move(rows));
  Store(*writer, &batch);
  Archive(batch);
  Verify(batch);
  writer->Seal();
  EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
}

TEST_P(DestinationContract, ManyBatchesOfManyRows) {
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  std::vector<TestBatch> batches;
  for (int i = 0; i < 5; ++i) {
    Rows rows;
    for (int id = 0; id < 2500; ++id) rows.emplace_back(id * 5 + i, "row " + std::to_string(id));
    batches.push_back(StoreVerified(*writer, pass, rows));
  }
  writer->Seal();
  for (const TestBatch& batch : batches) {
    EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
  }
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
}

INSTANTIATE_TEST_SUITE_P(Destinations, DestinationContract, testing::ValuesIn(kDestinations),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace osarchiver

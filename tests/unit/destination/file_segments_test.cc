// Segments of a file destination: how they begin, grow, end, and what is done with what a crash
// left.
#include <fstream>

#include "destination/checksums.h"
#include "file_fixture.h"
#include "formats/segment_reader.h"
#include "formats/segment_writer.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

class FileSegmentsTest : public FileDestinationTest {
 protected:
  void SetUp() override {
    FileDestinationTest::SetUp();
    destination = Opened();
    pass = BeginPass();
  }

  void Begin() { writer = destination->OpenTable(pass, *journal); }
  void Die() {
    writer.reset();
    destination = Opened();
  }
  std::uint64_t SizeOf(const TestBatch& batch) { return fs::file_size(PathOf(batch)); }
  void Append(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::app | std::ios::binary) << bytes;
  }
  std::vector<std::string> StatesOfSegments() {
    std::vector<std::string> states;
    for (const SegmentInfo& segment : journal->ListSegments(pass.pass)) {
      states.emplace_back(ToText(segment.state));
    }
    return states;
  }
  SegmentReport Report(const fs::path& path) {
    return ScanSegment(PosixFileSystem(), path, ScanDepth::kContent);
  }
  // Closes, and the whole pass is then proven with exactly these batches.
  void CloseAndVerify(const std::vector<TestBatch>& batches) {
    Close(*destination, pass);
    Close(*destination, pass);
    std::uint64_t rows = 0;
    for (const VerifyFinding& finding : VerifyOf(*destination, pass)) {
      EXPECT_EQ(finding.result, "ok") << Texts({finding})[0];
      rows += finding.rows;
    }
    std::uint64_t expected = 0;
    for (const TestBatch& batch : batches) {
      EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
      expected += batch.rows.row_count();
    }
    EXPECT_EQ(rows, expected);
  }

  std::unique_ptr<FileDestination> destination;
  std::unique_ptr<TableWriter> writer;
  PassContext pass;
};

TEST_F(FileSegmentsTest, NamesAndModesAreAsPromised) {
  Begin();
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  const std::string path = Segment(batch.copies[0]).path;
  EXPECT_EQ(path, "nova/" + Run(kRun).started_at.substr(0, 10) + "/nova.things.main." + kRun +
                      ".1.sql.zst");
  EXPECT_EQ(fs::status(PathOf(batch)).permissions() & fs::perms(037), fs::perms::none);
  writer->Seal();
  EXPECT_EQ(fs::status(PathOf(batch)).permissions(), fs::perms(0440));
  EXPECT_EQ(Segment(batch.copies[0]).sha256, HashOfFile(PosixFileSystem(), PathOf(batch)));
}

TEST_F(FileSegmentsTest, PassWithoutBatchesLeavesNothing) {
  Begin();
  writer->Seal();
  EXPECT_TRUE(journal->ListSegments(pass.pass).empty());
  EXPECT_TRUE(Files(".zst").empty());
}

TEST_F(FileSegmentsTest, FullSegmentsAreSealedWhenTheirBatchesAreVerified) {
  settings.segment_bytes = 1;
  destination = Opened();
  Begin();
  std::vector<TestBatch> batches;
  // As the pipeline does: a batch is verified while the next one is stored.
  for (int i = 1; i <= 4; ++i) {
    TestBatch batch = Extract(pass, {{i, "row"}});
    Store(*writer, &batch);
    Archive(batch);
    if (!batches.empty()) Verify(batches.back());
    batches.push_back(std::move(batch));
  }
  EXPECT_EQ(StatesOfSegments(), (std::vector<std::string>{"sealed", "sealed", "open", "open"}));
  Verify(batches.back());
  writer->Seal();
  EXPECT_EQ(StatesOfSegments(), (std::vector<std::string>{"sealed", "sealed", "sealed", "sealed"}));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const SegmentReport report = Report(PathOf(batches[i]));
    EXPECT_EQ(report.header->part, i + 1);
    EXPECT_EQ(report.footer->last_part, i == 3);
  }
  CloseAndVerify(batches);
}

TEST_F(FileSegmentsTest, ASegmentIsAnnouncedOnceAndMadeWithItsFirstBatch) {
  settings.segment_bytes = 1;
  destination = Opened();
  Begin();
  writer->Announce();
  writer->Announce();
  EXPECT_EQ(StatesOfSegments(), std::vector<std::string>{"open"});
  EXPECT_TRUE(Files(".zst").empty());
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  EXPECT_EQ(StatesOfSegments(), std::vector<std::string>{"open"});
  // The first one is full.
  writer->Announce();
  EXPECT_EQ(StatesOfSegments(), (std::vector<std::string>{"open", "open"}));
  EXPECT_EQ(Files(".zst").size(), 1u);
  const TestBatch second = StoreVerified(*writer, pass, {{2, "two"}});
  writer->Announce();
  writer->AnnounceSeal();
  EXPECT_EQ(StatesOfSegments(), (std::vector<std::string>{"sealed", "sealing", "retired"}))
      << "nothing came to the third";
  EXPECT_FALSE(Report(PathOf(second)).footer);
  writer->Seal();
  EXPECT_TRUE(Report(PathOf(second)).footer->last_part);
  CloseAndVerify({first, second});
}

TEST_F(FileSegmentsTest, NoSegmentBeginsWhereItsRunCannotBeRecorded) {
  Begin();
  std::ofstream(Root() / ".osarchiver") << "where the directory should be";
  // Begins to record the run beside the journal's work; who needs it done hears what went wrong.
  writer->Announce();
  TestBatch batch = Extract(pass, {{1, "one"}});
  EXPECT_THROW(Store(*writer, &batch), IoError);
  EXPECT_TRUE(Files(".zst").empty());
}

TEST_F(FileSegmentsTest, APassMayEndBetweenAnnouncingAndStoring) {
  Begin();
  writer->Announce();
  writer.reset();
  destination.reset();
  std::vector<std::string> recorded = Files(".json");
  std::erase(recorded, "osarchiver.json");
  EXPECT_EQ(recorded.size(), 1u) << "the thread that records the run ended with the destination";
}

TEST_F(FileSegmentsTest, FilesThatExistAreNeverOverwritten) {
  Begin();
  const std::string name = std::string("/nova.things.main.") + kRun + ".1.sql.zst";
  const fs::path directory_of_run = Root() / "nova" / Run(kRun).started_at.substr(0, 10);
  fs::create_directories(directory_of_run);
  std::ofstream(directory_of_run.string() + name) << "somebody's";
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  EXPECT_TRUE(Segment(batch.copies[0]).path.ends_with(".2.sql.zst"));
  EXPECT_EQ(fs::file_size(directory_of_run.string() + name), 10u);
  EXPECT_EQ(destination->FindUnknown(Run(kRun), *journal).size(), 1u)
      << "a file of this run that the journal does not know";
}

TEST_F(FileSegmentsTest, NumbersOnlyAscend) {
  Begin();
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  const TestBatch second = StoreVerified(*writer, pass, {{2, "two"}});
  EXPECT_THROW((void)writer->Store(first.ToStore()), StateError);
}

// The table in file_closer.cc, row by row.

TEST_F(FileSegmentsTest, RowWithoutFileIsRetired) {
  (void)journal->AddSegment(pass.pass, destination->target(), 1, "nova/nowhere/x.1.sql.zst");
  EXPECT_TRUE(SurveyOf(*destination, pass).problems.empty());
  Close(*destination, pass);
  Close(*destination, pass);
  EXPECT_EQ(StatesOfSegments(), std::vector<std::string>{"retired"});
  EXPECT_TRUE(VerifyOf(*destination, pass).empty());
}

TEST_F(FileSegmentsTest, FirstBatchThatWasForgottenGoesWithItsFile) {
  Begin();
  TestBatch batch = Extract(pass, {{1, "one"}});
  Store(*writer, &batch);
  Die();
  // Every cut of the first frame, and the whole of it.
  const fs::path path = PathOf(batch);
  journal->MarkForgotten(batch.id);
  for (std::uint64_t size = SizeOf(batch); size > 0; size -= std::min<std::uint64_t>(size, 97)) {
    fs::resize_file(path, size);
    EXPECT_TRUE(SurveyOf(*destination, pass).journal_is_older.empty()) << size;
  }
  Close(*destination, pass);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(StatesOfSegments(), std::vector<std::string>{"retired"});
}

TEST_F(FileSegmentsTest, WholeBatchBehindTheLengthIsNotCutBeforeItIsElsewhere) {
  Begin();
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  TestBatch second = Extract(pass, {{2, "two"}});
  Store(*writer, &second);
  Die();
  const std::uint64_t size = SizeOf(first);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
  EXPECT_EQ(SizeOf(first), size);

  // Settling copies it into a segment of its own, journals that, and then the old one may be cut.
  auto repair = destination->OpenTable(pass, *journal);
  second.copies.clear();
  Store(*repair, &second);
  Archive(second);
  Verify(second);
  repair->Seal();
  CloseAndVerify({first, second});
  EXPECT_LT(first.copies[0].end, size);
  EXPECT_EQ(StatesOfSegments(), (std::vector<std::string>{"sealed", "sealed"}));
  EXPECT_FALSE(Report(PathOf(first)).footer->last_part);
}

TEST_F(FileSegmentsTest, TornBytesAreCutWhereverTheTearIs) {
  for (const std::uint64_t lost : {1u, 10u, 60u, 100u, 200u, 300u}) {
    definition.table = "things" + std::to_string(lost);
    pass = BeginPass();
    Begin();
    const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
    TestBatch second = Extract(pass, {{2, "two"}});
    Store(*writer, &second);
    Die();
    const std::uint64_t size = SizeOf(first);
    ASSERT_GT(size, lost + first.copies[0].end);
    fs::resize_file(PathOf(first), size - lost);
    const Survey survey = SurveyOf(*destination, pass);
    EXPECT_EQ(survey.copies.size(), 1u) << lost;
    EXPECT_EQ(survey.problems, std::vector<std::string>());
    EXPECT_EQ(survey.journal_is_older, std::vector<std::string>());
    journal->MarkForgotten(second.id);
    CloseAndVerify({first});
  }
}

TEST_F(FileSegmentsTest, WholeBatchBehindTornBytesIsNeverCut) {
  Begin();
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  TestBatch second = Extract(pass, {{2, "two"}}), third = Extract(pass, {{3, "three"}});
  Store(*writer, &second);
  Store(*writer, &third);
  Die();
  std::fstream file(PathOf(first), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(second.copies[0].offset));
  file << "damage";
  file.close();
  const std::uint64_t size = SizeOf(first);
  EXPECT_EQ(SurveyOf(*destination, pass).journal_is_older.size(), 1u);
  journal->MarkForgotten(second.id);
  journal->MarkForgotten(third.id);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
  EXPECT_EQ(SizeOf(first), size);
}

TEST_F(FileSegmentsTest, BatchWhoseBeginningWasLostWithThePowerIsCut) {
  Begin();
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  const std::uint64_t length = SizeOf(first);
  TestBatch second = Extract(pass, {{2, "two"}});
  Store(*writer, &second);
  Die();
  std::fstream file(PathOf(first), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(second.copies[0].offset));
  file << std::string(40, '\0');
  file.close();
  const Survey survey = SurveyOf(*destination, pass);
  EXPECT_EQ(survey.journal_is_older, std::vector<std::string>());
  EXPECT_EQ(survey.problems, std::vector<std::string>());
  EXPECT_EQ(survey.copies.size(), 1u);
  // Somebody must have looked after its rows first.
  const std::uint64_t size = SizeOf(first);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
  EXPECT_EQ(SizeOf(first), size);
  journal->MarkForgotten(second.id);
  // Killed here, the next run looks at it once more.
  EXPECT_EQ(SurveyOf(*destination, pass).journal_is_older, std::vector<std::string>());
  CloseAndVerify({first});
  EXPECT_GE(SizeOf(first), length);
}

TEST_F(FileSegmentsTest, SealingMayStopAnywhere) {
  for (const int lost : {0, 1, 50, 150, 100000}) {
    definition.table = "things" + std::to_string(lost);
    pass = BeginPass();
    Begin();
    const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
    const std::uint64_t length = SizeOf(batch);
    Die();
    const SegmentInfo segment = Segment(batch.copies[0]);
    journal->MarkSealing(segment.id);
    auto sealer = SegmentWriter::ReopenToSeal(PosixFileSystem(), PathOf(batch), length);
    const std::uint64_t sealed = sealer->Seal(true);
    if (lost > 0) {
      fs::permissions(PathOf(batch), fs::perms(0640));
      fs::resize_file(PathOf(batch),
                      std::max(length, sealed - std::min<std::uint64_t>(sealed, lost)));
    }
    const Survey survey = SurveyOf(*destination, pass);
    EXPECT_EQ(survey.journal_is_older, std::vector<std::string>()) << lost;
    EXPECT_EQ(survey.copies.size(), 1u);
    CloseAndVerify({batch});
    EXPECT_EQ(fs::status(PathOf(batch)).permissions(), fs::perms(0440));
  }
}

TEST_F(FileSegmentsTest, SealedWhereTheJournalSaysOpenMeansAnOlderJournal) {
  Begin();
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  Die();
  (void)SegmentWriter::ReopenToSeal(PosixFileSystem(), PathOf(batch), SizeOf(batch))->Seal(true);
  EXPECT_EQ(SurveyOf(*destination, pass).journal_is_older.size(), 1u);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
}

TEST_F(FileSegmentsTest, ShorterThanJournaledIsNeverCutFurther) {
  Begin();
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  const TestBatch second = StoreVerified(*writer, pass, {{2, "two"}});
  Die();
  fs::resize_file(PathOf(first), second.copies[0].end - 1);
  EXPECT_EQ(SurveyOf(*destination, pass).journal_is_older.size(), 1u);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
  EXPECT_EQ(SizeOf(first), second.copies[0].end - 1);
}

TEST_F(FileSegmentsTest, MissingFileIsDamage) {
  Begin();
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  Die();
  fs::remove(PathOf(batch));
  EXPECT_EQ(SurveyOf(*destination, pass).problems.size(), 1u);
  EXPECT_THROW(Close(*destination, pass), IntegrityError);
  EXPECT_EQ(VerifyOf(*destination, pass).at(0).result, "missing");
  EXPECT_THROW((void)DigestAt(*destination, batch, pass), IntegrityError);
}

// With a copy in the other format the segment is put aside, for the next run to make it again.
TEST_F(FileSegmentsTest, DamagedOpenSegmentIsPutAsideWhenThereAreOtherCopies) {
  for (const bool missing : {false, true}) {
    definition.table = missing ? "missing" : "damaged";
    pass = BeginPass();
    Begin();
    auto csv = Opened("csv");
    auto csv_writer = csv->OpenTable(pass, *journal);
    TestBatch first = Extract(pass, {{1, "one"}}), second = Extract(pass, {{2, "two"}});
    for (TestBatch* batch : {&first, &second}) {
      Store(*writer, batch);
      Store(*csv_writer, batch);
      Archive(*batch);
      Verify(*batch);
    }
    csv_writer->Seal();
    Die();
    const fs::path path = PathOf(second);
    if (missing) {
      fs::remove(path);
    } else {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(second.copies[0].offset));
      file << "damage";
    }
    EXPECT_EQ(SurveyOf(*destination, pass).journal_is_older, std::vector<std::string>());
    EXPECT_FALSE(SurveyOf(*destination, pass).problems.empty());
    EXPECT_THROW(Close(*destination, pass), IntegrityError);
    EXPECT_EQ(fs::exists(path.string() + ".damaged"), !missing);
    EXPECT_EQ(Segment(first.copies[0]).state, SegmentState::kDamaged);

    auto repair = destination->OpenTable(pass, *journal);
    for (TestBatch* batch : {&first, &second}) {
      batch->copies = {repair->Store(batch->ToStore()), batch->copies[1]};
      journal->ReplaceCopies(batch->id, batch->copies);
    }
    repair->Seal();
    CloseAndVerify({first, second});
  }
}

TEST_F(FileSegmentsTest, EveryFlippedByteOfASealedSegmentIsFound) {
  Begin();
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  writer->Seal();
  const fs::path path = PathOf(batch);
  fs::permissions(path, fs::perms(0640));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (std::uint64_t place = 0; place < SizeOf(batch); place += 11) {
    const auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(place));
      const auto byte = static_cast<char>(file.get() ^ 0x20);
      file.seekp(static_cast<std::streamoff>(place));
      file.put(byte);
      file.flush();
    };
    flip();
    EXPECT_EQ(VerifyOf(*destination, pass).at(0).result, "corrupt") << place;
    flip();
  }
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
}

TEST_F(FileSegmentsTest, QuarantinedSegmentIsRenamedAndReportedUntilItsBatchesAreElsewhere) {
  Begin();
  TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  writer->Seal();
  const fs::path path = PathOf(batch);
  destination->Quarantine(batch.copies[0], *journal);
  destination->Quarantine(batch.copies[0], *journal);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(path.string() + ".damaged"));
  const auto findings = VerifyOf(*destination, pass);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].result, "corrupt");
  EXPECT_TRUE(findings[0].path.ends_with(".damaged"));

  auto repair = destination->OpenTable(pass, *journal);
  batch.copies.clear();
  Store(*repair, &batch);
  journal->ReplaceCopies(batch.id, batch.copies);
  repair->Seal();
  CloseAndVerify({batch});
}

TEST_F(FileSegmentsTest, SegmentOfAnotherTableInItsPlaceIsNotTakenForIt) {
  Begin();
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  writer->Seal();
  const PassContext first_pass = pass;
  definition.table = "others";
  pass = BeginPass();
  Begin();
  const TestBatch other = StoreVerified(*writer, pass, {{1, "one"}});
  writer->Seal();
  fs::remove(PathOf(batch));
  fs::copy_file(PathOf(other), PathOf(batch));
  Die();
  EXPECT_THROW((void)DigestAt(*destination, batch, first_pass), IntegrityError);
  EXPECT_EQ(VerifyOf(*destination, first_pass).at(0).result, "corrupt");
}

TEST_F(FileSegmentsTest, MissingBatchInAWholeSegmentIsIncomplete) {
  Begin();
  TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  Die();
  const std::uint64_t length = SizeOf(batch);
  // The journal believes in a batch more than there is.
  TestBatch phantom = Extract(pass, {{2, "two"}});
  phantom.copies = {batch.copies[0]};
  phantom.copies[0].offset = length;
  phantom.copies[0].frame_bytes = 1;
  phantom.copies[0].end = length + 9;
  Archive(phantom);
  Append(PathOf(batch), std::string(9, 'x'));
  const auto findings = VerifyOf(*destination, pass);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].result, "ok");
  EXPECT_NE(findings[0].result, "open");
}

}  // namespace
}  // namespace osarchiver

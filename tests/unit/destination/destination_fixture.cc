#include "destination_fixture.h"

#include <cstdlib>
#include <stdexcept>

#include "util/clock.h"

namespace osarchiver {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (fs::temp_directory_path() / "destination-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

TableDefinition SmallTable(const std::string& database, const std::string& table) {
  TableDefinition definition;
  definition.database = database;
  definition.table = table;
  Column id;
  id.name = "id";
  id.type = "int(11)";
  id.data_type = "int";
  id.value_class = ValueClass::kNumber;
  Column name;
  name.name = "name";
  name.type = "varchar(50)";
  name.data_type = "varchar";
  name.charset = "utf8mb4";
  name.collation = "utf8mb4_general_ci";
  name.nullable = true;
  Column data;
  data.name = "data";
  data.type = "longblob";
  data.data_type = "longblob";
  data.value_class = ValueClass::kBytes;
  data.nullable = true;
  definition.columns = {id, name, data};
  definition.key = {0};
  definition.key_name = "PRIMARY";
  definition.indexes = {{"PRIMARY", true, "BTREE", {{"id", 0, false}}}};
  definition.charset = "utf8mb4";
  definition.collation = "utf8mb4_general_ci";
  definition.create_sql =
      "CREATE TABLE `things` (\n  `id` int(11) NOT NULL,\n  `name` varchar(50) DEFAULT NULL,\n  "
      "`data` longblob DEFAULT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB";
  return definition;
}

void DestinationTest::SetUp() {
  OpenJournal("state.db");
  context.site = "RegionOne";
  context.archiver = "nova";
  context.source = "main";
  context.server = "10.11";
}

void DestinationTest::OpenJournal(const std::string& file) {
  journal = Journal::Open(directory.path() / file, OpenMode::kWrite);
  context.journal_id = journal->id();
}

void DestinationTest::BeginRun(const std::string& name) {
  NewRun fresh;
  fresh.name = name;
  fresh.archiver = context.archiver;
  fresh.site = context.site;
  fresh.now = "2026-11-23T02:00:00Z";
  fresh.host = "host";
  fresh.configuration = "{}";
  context.journal_was_empty = journal->empty();
  run = journal->BeginRun(fresh);
  context.run_name = name;
  context.now = fresh.now;
  context.started_unix = ParseUtc(Run(name).started_at).value();
}

PassContext DestinationTest::BeginPass() {
  PassContext pass;
  pass.run = context;
  pass.definition = definition;
  pass.cutoff = "2025-11-23 02:00:00";
  pass.where = "deleted_at <= '2025-11-23 02:00:00'";
  pass.pass = journal->BeginPass(run, {context.source, definition.database, definition.table},
                                 pass.cutoff, DefinitionToJson(definition));
  return pass;
}

TestBatch DestinationTest::ExtractRows(const PassContext& pass, RowBatch rows) {
  TestBatch batch;
  batch.rows = std::move(rows);
  batch.hashes = RowHashes(batch.rows);
  batch.digest = BatchDigest(batch.hashes);
  batch.number = journal->LastBatchNumber(pass.pass) + 1;
  NewBatch fresh;
  fresh.number = batch.number;
  fresh.rows = batch.rows.row_count();
  fresh.bytes = batch.rows.byte_count();
  fresh.digest = batch.digest;
  fresh.first_key = KeyBytes(batch.rows.row(0), pass.definition.key);
  fresh.last_key = KeyBytes(batch.rows.row(batch.rows.row_count() - 1), pass.definition.key);
  batch.id = journal->AddBatches({{pass.pass, fresh}}).at(0);
  return batch;
}

TestBatch DestinationTest::Extract(const PassContext& pass, const Rows& rows) {
  RowBatch batch(pass.definition.columns.size());
  for (const auto& [id, name] : rows) {
    batch.AppendBytes(std::to_string(id));
    batch.AppendBytes(name);
    for (std::size_t i = 2; i < pass.definition.columns.size(); ++i) batch.AppendNull();
    batch.EndRow();
  }
  return ExtractRows(pass, std::move(batch));
}

void DestinationTest::Store(TableWriter& writer, TestBatch* batch) {
  batch->copies.push_back(writer.Store(batch->ToStore()));
}

void DestinationTest::Archive(const TestBatch& batch) {
  journal->MarkArchived({{batch.id, batch.copies}});
}

void DestinationTest::Verify(const TestBatch& batch) {
  journal->MarkVerified({batch.id}, Journal::Next::kKeep);
}

TestBatch DestinationTest::StoreVerified(TableWriter& writer, const PassContext& pass,
                                         const Rows& rows) {
  TestBatch batch = Extract(pass, rows);
  Store(writer, &batch);
  Archive(batch);
  Verify(batch);
  return batch;
}

Hash DestinationTest::DigestAt(Destination& destination, const TestBatch& batch,
                               const PassContext& pass) {
  CopyReference reference;
  reference.run_name = pass.run.run_name;
  reference.key = {pass.run.source, pass.definition.database, pass.definition.table};
  reference.number = batch.number;
  for (const CopyLocation& copy : batch.copies) {
    if (copy.target == destination.target()) reference.location = copy;
  }
  RowBatch rows(pass.definition.columns.size());
  const Hash digest = destination.ReadBack(reference, pass.definition, *journal, nullptr, &rows);
  // What a destination says of the rows is what they are.
  EXPECT_EQ(digest, BatchDigest(RowHashes(rows)));
  return digest;
}

Survey DestinationTest::SurveyOf(Destination& destination, const PassContext& pass) {
  return destination.SurveyPass(Run(pass.run.run_name), Pass(pass.pass), *journal);
}

void DestinationTest::Close(Destination& destination, const PassContext& pass) {
  destination.CloseInterrupted(Run(pass.run.run_name), Pass(pass.pass), *journal);
}

std::vector<VerifyFinding> DestinationTest::VerifyOf(Destination& destination,
                                                     const PassContext& pass, double sample) {
  return destination.Verify(Run(pass.run.run_name), Pass(pass.pass), *journal, sample, 7);
}

std::vector<std::string> Texts(const std::vector<VerifyFinding>& findings) {
  std::vector<std::string> texts;
  for (const VerifyFinding& finding : findings) {
    std::string text = finding.result;
    for (std::size_t i = 0; i < finding.problems.size(); ++i) {
      text += (i == 0 ? ": " : "; ") + finding.problems[i];
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace osarchiver

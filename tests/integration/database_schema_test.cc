// How an archive table follows the source's: what is applied, and what stops a table.
#include "database_destination_fixture.h"

namespace osarchiver {
namespace {

class DatabaseSchemaTest : public DatabaseDestinationTest {};

TEST_F(DatabaseSchemaTest, AdditiveChangesAreAppliedAndOldBatchesStillVerify) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20), state enum('a','b'))");
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}});
  (void)Sql(
      "ALTER TABLE nova.things MODIFY name varchar(50), MODIFY state enum('a','b','c'), "
      "ADD COLUMN fresh datetime NULL AFTER id");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  BeginRun(kSecondRun);
  EXPECT_EQ(OpenError(), "");
  const auto archive = LoadTable(*source, {"nova_kept", "things"}).value().definition;
  EXPECT_EQ(archive.columns.size(), 4u);
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(Texts(VerifyOf(*destination, first_pass)), std::vector<std::string>{"ok"});
}

TEST_F(DatabaseSchemaTest, OtherChangesStopTheTableWithTheAlterThatWouldHelp) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20), price decimal(10,2))");
  EXPECT_EQ(OpenError(), "");
  (void)Sql("ALTER TABLE nova.things MODIFY price decimal(14,4)");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  BeginRun(kSecondRun);
  const std::string error = OpenError();
  EXPECT_NE(error.find("decimal(14,4)"), std::string::npos) << error;
  EXPECT_NE(error.find("decimal(10,2)"), std::string::npos) << error;
  EXPECT_NE(error.find("ALTER TABLE `nova_kept`.`things` MODIFY COLUMN `price` decimal(14,4) NULL"),
            std::string::npos)
      << error;
  (void)Sql("ALTER TABLE `nova_kept`.`things` MODIFY COLUMN `price` decimal(14,4) NULL");
  BeginRun("20261125T020000Z-00000003");
  EXPECT_EQ(OpenError(), "");
}

TEST_F(DatabaseSchemaTest, ChangeThatNeedsARebuildIsLeftToPeople) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20), count int)");
  EXPECT_EQ(OpenError(), "");
  (void)Sql("ALTER TABLE nova.things MODIFY count bigint");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  BeginRun(kSecondRun);
  const std::string error = OpenError();
  EXPECT_NE(error.find("without rebuilding"), std::string::npos) << error;
  EXPECT_NE(error.find("MODIFY COLUMN `count` bigint"), std::string::npos) << error;
}

TEST_F(DatabaseSchemaTest, StopMeansThatAnyDifferenceStops) {
  settings.schema_changes = SchemaChanges::kStop;
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20), KEY (name))");
  EXPECT_EQ(OpenError(), "");
  (void)Sql("ALTER TABLE nova.things ADD COLUMN fresh int NULL");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  BeginRun(kSecondRun);
  EXPECT_NE(OpenError().find("schema_changes is stop"), std::string::npos);
}

TEST_F(DatabaseSchemaTest, UniqueKeysOfTheSourceDoNotBindTheArchive) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20), UNIQUE KEY by_name (name))");
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "same"}, {2, "same"}});
  EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
  (void)Sql(
      "DELETE FROM nova_kept.things; ALTER TABLE nova_kept.things ADD UNIQUE KEY other (name)");
  BeginRun(kSecondRun);
  EXPECT_NE(OpenError().find("DROP INDEX `other`"), std::string::npos);
}

TEST_F(DatabaseSchemaTest, ArchiveTableOfAnotherEngineIsRefused) {
  (void)Sql(
      "CREATE DATABASE nova_kept; CREATE TABLE nova_kept.things (id int PRIMARY KEY, name "
      "varchar(50), data longblob) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4");
  EXPECT_NE(OpenError().find("InnoDB"), std::string::npos);
}

}  // namespace
}  // namespace osarchiver

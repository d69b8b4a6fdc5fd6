#include "destination/schema_difference.h"

#include "destination_fixture.h"

namespace osarchiver {
namespace {

Column WithType(Column column, const std::string& type) {
  column.type = type;
  column.data_type = type.substr(0, type.find_first_of("( "));
  return column;
}

// What one column of this type in the source and that type in the archive comes to; "" for none.
std::string Kind(const std::string& source_type, const std::string& archive_type) {
  TableDefinition source = SmallTable(), archive = SmallTable();
  source.columns[1] = WithType(source.columns[1], source_type);
  archive.columns[1] = WithType(archive.columns[1], archive_type);
  const auto differences = CompareSchemas(source, archive);
  if (differences.empty()) return "";
  EXPECT_EQ(differences.size(), 1u);
  switch (differences[0].kind) {
    case DifferenceKind::kHarmless:
      return "harmless";
    case DifferenceKind::kAdditive:
      return "additive";
    case DifferenceKind::kBlocking:
      return "blocking";
  }
  return "?";
}

TEST(SchemaDifferenceTest, SameTableDoesNotDiffer) {
  EXPECT_TRUE(CompareSchemas(SmallTable(), SmallTable()).empty());
}

TEST(SchemaDifferenceTest, Types) {
  struct Case {
    const char* source;
    const char* archive;
    const char* kind;
  };
  for (const Case& c : {
           Case{"varchar(20)", "varchar(10)", "additive"},
           Case{"varchar(10)", "varchar(20)", "harmless"},
           Case{"varchar(20) /*M!100301 COMPRESSED*/", "varchar(20)", ""},
           Case{"varchar(20)", "text", "blocking"},
           Case{"char(20)", "char(10)", "blocking"},
           Case{"mediumtext", "text", "additive"},
           Case{"text", "longtext", "harmless"},
           Case{"longblob", "tinyblob", "additive"},
           Case{"text", "blob", "blocking"},
           Case{"varbinary(20)", "varbinary(10)", "additive"},
           Case{"binary(20)", "binary(10)", "blocking"},
           Case{"int(11)", "int(10)", ""},
           Case{"bigint(20)", "int(11)", "additive"},
           Case{"smallint(6)", "bigint(20)", "harmless"},
           Case{"int(10) unsigned", "int(11)", "blocking"},
           Case{"bigint(20) unsigned", "int(10) unsigned", "additive"},
           Case{"int(8) unsigned zerofill", "int(6) unsigned zerofill", "blocking"},
           Case{"int(6) unsigned zerofill", "int(6) unsigned", "blocking"},
           Case{"decimal(10,2)", "decimal(12,2)", "blocking"},
           Case{"datetime(6)", "datetime", "blocking"},
           Case{"enum('a','b','c')", "enum('a','b')", "additive"},
           Case{"enum('a')", "enum('a','b')", "harmless"},
           Case{"enum('b','a')", "enum('a','b')", "blocking"},
           Case{"enum('a','bc')", "enum('a','b')", "blocking"},
           Case{"enum('a','b,''c')", "enum('a')", "additive"},
           Case{"set('a','b')", "set('a')", "additive"},
           Case{"enum('a')", "set('a')", "blocking"},
           Case{"float", "double", "blocking"},
       }) {
    EXPECT_EQ(Kind(c.source, c.archive), c.kind) << c.source << " into " << c.archive;
  }
}

TEST(SchemaDifferenceTest, NewNullableColumnIsAddedAndAlwaysNullable) {
  TableDefinition source = SmallTable();
  Column column = source.columns[1];
  column.name = "new`one";
  source.columns.insert(source.columns.begin() + 1, column);
  auto differences = CompareSchemas(source, SmallTable());
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].kind, DifferenceKind::kAdditive);
  EXPECT_EQ(
      differences[0].alter,
      "ADD COLUMN `new``one` varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL");
  source.columns[1].nullable = false;
  differences = CompareSchemas(source, SmallTable());
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].kind, DifferenceKind::kBlocking);
  EXPECT_TRUE(differences[0].alter.ends_with(" NULL"));
}

TEST(SchemaDifferenceTest, ColumnOnlyInTheArchiveNeedsADefault) {
  TableDefinition archive = SmallTable();
  Column column = archive.columns[1];
  column.name = "more";
  archive.columns.push_back(column);
  EXPECT_EQ(CompareSchemas(SmallTable(), archive).at(0).kind, DifferenceKind::kHarmless);
  archive.columns.back().nullable = false;
  EXPECT_EQ(CompareSchemas(SmallTable(), archive).at(0).kind, DifferenceKind::kBlocking);
  archive.columns.back().default_sql = "'x'";
  EXPECT_EQ(CompareSchemas(SmallTable(), archive).at(0).kind, DifferenceKind::kHarmless);
}

TEST(SchemaDifferenceTest, NullsNeedRoom) {
  TableDefinition source = SmallTable(), archive = SmallTable();
  archive.columns[1].nullable = false;
  EXPECT_EQ(CompareSchemas(source, archive).at(0).kind, DifferenceKind::kBlocking);
  std::swap(source, archive);
  EXPECT_EQ(CompareSchemas(source, archive).at(0).kind, DifferenceKind::kHarmless);
}

TEST(SchemaDifferenceTest, CollationMattersInTheKeyOnly) {
  TableDefinition source = SmallTable(), archive = SmallTable();
  archive.columns[1].collation = "utf8mb4_bin";
  EXPECT_EQ(CompareSchemas(source, archive).at(0).kind, DifferenceKind::kHarmless);
  source.key = {1};
  source.indexes[0].parts[0].column = "name";
  archive.indexes = source.indexes;
  EXPECT_EQ(CompareSchemas(source, archive).at(0).kind, DifferenceKind::kBlocking);
  archive = source;
  archive.columns[1].charset = "latin1";
  EXPECT_EQ(CompareSchemas(source, archive).at(0).kind, DifferenceKind::kBlocking);
}

TEST(SchemaDifferenceTest, ArchiveHasTheKeyAndNothingElseIsUnique) {
  TableDefinition archive = SmallTable();
  archive.indexes.push_back({"by_name", true, "BTREE", {{"name", 0, false}}});
  auto differences = CompareSchemas(SmallTable(), archive);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].alter, "DROP INDEX `by_name`");
  // Unique on the key and more follows from the key.
  archive.indexes[1].parts.push_back({"id", 0, false});
  EXPECT_TRUE(CompareSchemas(SmallTable(), archive).empty());
  archive.indexes.clear();
  differences = CompareSchemas(SmallTable(), archive);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].kind, DifferenceKind::kBlocking);
  EXPECT_EQ(differences[0].alter, "ADD UNIQUE KEY (`id`)");
}

TEST(SchemaDifferenceTest, StoredColumnMeetsGeneratedOne) {
  TableDefinition archive = SmallTable();
  GeneratedColumn generated;
  generated.name = "data";
  archive.generated = {generated};
  archive.columns.pop_back();
  EXPECT_EQ(CompareSchemas(SmallTable(), archive).at(0).kind, DifferenceKind::kBlocking);
}

}  // namespace
}  // namespace osarchiver

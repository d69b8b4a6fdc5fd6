#include "formats/table_definition.h"

#include <gtest/gtest.h>

#include "sample_rows.h"
#include "util/error.h"

namespace osarchiver {
namespace {

TableDefinition FullDefinition() {
  TableDefinition definition = SampleDefinition();
  definition.columns[0].auto_increment = true;
  definition.columns[1].invisible = true;
  definition.columns[1].default_sql = "'x'";
  definition.columns[9].type = "timestamp(6)";
  GeneratedColumn generated;
  generated.name = "len";
  generated.type = "int(11)";
  generated.expression = "length(`blob`)";
  generated.before_column = 4;
  definition.generated.push_back(generated);
  generated.name = "lower";
  generated.type = "varchar(10)";
  generated.charset = "latin1";
  generated.collation = "latin1_bin";
  generated.stored = true;
  generated.before_column = definition.columns.size();
  definition.generated.push_back(generated);
  definition.indexes.push_back({"unique_latin", true, "BTREE", {{"latin", 0, false}}});
  definition.indexes.push_back(
      {"odd`name", false, "BTREE", {{"na\"me\n", 20, true}, {"len", 0, false}}});
  definition.indexes.push_back({"words", false, "FULLTEXT", {{"na\"me\n", 0, false}}});
  definition.indexes.push_back({"places", false, "SPATIAL", {{"blob", 32, false}}});
  definition.indexes.push_back({"whole_blob", true, "HASH", {{"blob", 0, false}}});
  definition.row_format = "Compressed";
  definition.foreign_keys.push_back(
      {"fk", "nova", "child", {"a", "b"}, "nova", "parent", {"x", "y"}, DeleteRule::kSetNull});
  return definition;
}

TEST(TableDefinitionTest, JsonComesBack) {
  for (const TableDefinition& definition :
       {FullDefinition(), SampleDefinition(), TableDefinition{}}) {
    EXPECT_EQ(DefinitionFromJson(DefinitionToJson(definition)), definition);
  }
}

TEST(TableDefinitionTest, TextThatIsNoUtf8SurvivesJson) {
  TableDefinition definition = SampleDefinition();
  definition.create_sql = "COMMENT '\xff\xfe'";
  EXPECT_EQ(DefinitionFromJson(DefinitionToJson(definition)), definition);
}

TEST(TableDefinitionTest, AnythingElseIsNoDefinition) {
  const std::string json = DefinitionToJson(FullDefinition());
  const auto with = [&json](const std::string& from, const std::string& to) {
    std::string changed = json;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[]"), json + "x",
        json.substr(0, json.size() - 1), with("\"database\"", "\"databse\""),
        with("\"key\":[0]", "\"key\":[10]"), with("\"key\":[0]", "\"key\":[-1]"),
        with("\"key\":[0]", "\"key\":0"), with("\"class\":\"number\"", "\"class\":\"x\""),
        with("\"nullable\":false", "\"nullable\":0"), with("\"nullable\":false,", ""),
        with("{\"database\"", "{\"more\":1,\"database\""),
        with("\"on_delete\":\"set null\"", "\"on_delete\":\"\""),
        with("\"before_column\":10", "\"before_column\":11"),
        with("\"prefix_length\":20", "\"prefix_length\":4294967296")}) {
    EXPECT_THROW(DefinitionFromJson(bad), IntegrityError) << bad;
  }
}

TEST(TableDefinitionTest, SameRowShapeLooksAtWhatRowsMean) {
  const TableDefinition a = FullDefinition();
  TableDefinition b = a;
  b.indexes.clear();
  b.foreign_keys.clear();
  b.create_sql = "";
  b.columns[1].default_sql = "";
  b.columns[1].invisible = false;
  EXPECT_TRUE(SameRowShape(a, b));
  const auto differs = [&a](auto change) {
    TableDefinition changed = a;
    change(&changed);
    return !SameRowShape(a, changed);
  };
  EXPECT_TRUE(differs([](auto* d) { d->columns[1].type = "varchar(256)"; }));
  EXPECT_TRUE(differs([](auto* d) { d->columns[1].nullable = false; }));
  EXPECT_TRUE(differs([](auto* d) { d->columns[1].collation = "utf8mb4_general_ci"; }));
  EXPECT_TRUE(differs([](auto* d) { std::swap(d->columns[1], d->columns[2]); }));
  EXPECT_TRUE(differs([](auto* d) { d->columns.pop_back(); }));
  EXPECT_TRUE(differs([](auto* d) { d->generated.pop_back(); }));
  EXPECT_TRUE(differs([](auto* d) { d->key = {1}; }));
}

TEST(TableDefinitionTest, IdentifiersAreQuoted) {
  EXPECT_EQ(QuoteIdentifier("a"), "`a`");
  EXPECT_EQ(QuoteIdentifier("a`b``"), "`a``b`````");
  EXPECT_EQ(QuoteIdentifier(""), "``");
}

TEST(TableDefinitionTest, ArchiveTableIsMadeFromTheDefinition) {
  EXPECT_EQ(ArchiveCreateTable(FullDefinition(), "`a`.`b`", true),
            "CREATE TABLE IF NOT EXISTS `a`.`b` (\n"
            "  `id` bigint(20) NOT NULL,\n"
            "  `na\"me\n` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,\n"
            "  `latin` varchar(40) CHARACTER SET latin1 COLLATE latin1_bin NULL,\n"
            "  `blob` longblob NULL,\n"
            "  `len` int(11) GENERATED ALWAYS AS (length(`blob`)) VIRTUAL,\n"
            "  `price` decimal(20,6) NULL,\n"
            "  `ratio` double NULL,\n"
            "  `kind` enum('a','b') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,\n"
            "  `kind_or_none` enum('a','') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,\n"
            "  `latin_kind` enum('x','') CHARACTER SET latin1 COLLATE latin1_bin NULL,\n"
            "  `deleted_at` timestamp(6) NULL,\n"
            "  `lower` varchar(10) CHARACTER SET latin1 COLLATE latin1_bin GENERATED ALWAYS AS "
            "(length(`blob`)) STORED,\n"
            "  PRIMARY KEY (`id`),\n"
            "  KEY `unique_latin` (`latin`),\n"
            "  KEY `odd``name` (`na\"me\n`(20) DESC, `len`),\n"
            "  FULLTEXT KEY `words` (`na\"me\n`),\n"
            "  SPATIAL KEY `places` (`blob`)\n"
            ") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci "
            "ROW_FORMAT=COMPRESSED");
}

TEST(TableDefinitionTest, UniqueKeyThatOrdersTheTableStaysUnique) {
  TableDefinition definition = SampleDefinition();
  definition.indexes = {{"by_id", true, "BTREE", {{"id", 0, false}}},
                        {"PRIMARY", true, "BTREE", {{"latin", 3, false}}}};
  definition.key_name = "by_id";
  const std::string sql = ArchiveCreateTable(definition, "`t`", false);
  EXPECT_NE(sql.find("UNIQUE KEY `by_id` (`id`),\n  KEY (`latin`(3))"), std::string::npos) << sql;
  EXPECT_TRUE(sql.starts_with("CREATE TABLE `t` ("));
}

}  // namespace
}  // namespace osarchiver

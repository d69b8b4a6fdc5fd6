#include "mariadb/quote.h"

#include <gtest/gtest.h>

#include "util/error.h"

namespace osarchiver {
namespace {

using std::string_literals::operator""s;

Column MakeColumn(const std::string& data_type, ValueClass value_class,
                  const std::string& charset = {}) {
  Column column;
  column.name = "c`d";
  column.type = data_type;
  column.data_type = data_type;
  column.value_class = value_class;
  column.charset = charset;
  return column;
}

std::string Insert(const Column& column, std::string_view bytes) {
  std::string sql;
  AppendInsertLiteral(column, {ValueKind::kBytes, bytes}, &sql);
  return sql;
}

std::string Key(const Column& column, std::string_view bytes) {
  std::string sql;
  AppendKeyLiteral(column, {ValueKind::kBytes, bytes}, &sql);
  return sql;
}

TEST(QuoteTextTest, EscapesWhatWouldEndOrChangeTheLiteral) {
  const struct {
    std::string text, sql;
  } cases[] = {
      {"", "''"},
      {"plain", "'plain'"},
      {"it's", R"('it\'s')"},
      {"say \"x\"", R"('say \"x\"')"},
      {"back\\slash", R"('back\\slash')"},
      {"ends with \\", R"('ends with \\')"},
      {"\\'; DROP TABLE t; --", R"('\\\'; DROP TABLE t; --')"},
      {"a\0b"s, R"('a\0b')"},
      {"line\nfeed\r\x1a", R"('line\nfeed\r\Z')"},
      {"NULL", "'NULL'"},
      {"% _ `x`", "'% _ `x`'"},
      {"\xF0\x9F\x98\x80\xC3\xA9", "'\xF0\x9F\x98\x80\xC3\xA9'"},
  };
  for (const auto& c : cases) EXPECT_EQ(QuoteText(c.text), c.sql);
}

TEST(InsertLiteralTest, FollowsTheValueClass) {
  std::string sql;
  AppendInsertLiteral(MakeColumn("int", ValueClass::kNumber), {ValueKind::kNull, {}}, &sql);
  EXPECT_EQ(sql, "NULL");
  EXPECT_EQ(Insert(MakeColumn("bigint", ValueClass::kNumber), "-9223372036854775808"),
            "-9223372036854775808");
  EXPECT_EQ(Insert(MakeColumn("decimal", ValueClass::kNumber), "-0.10"), "-0.10");
  EXPECT_EQ(Insert(MakeColumn("year", ValueClass::kNumber), "0000"), "0000");
  EXPECT_EQ(Insert(MakeColumn("varchar", ValueClass::kText, "utf8mb4"), "007"), "'007'");
  EXPECT_EQ(Insert(MakeColumn("datetime", ValueClass::kText), "0000-00-00 00:00:00"),
            "'0000-00-00 00:00:00'");
  EXPECT_EQ(Insert(MakeColumn("blob", ValueClass::kBytes), "\0'\xFF"s), "_binary'\\0\\'\xFF'");
  EXPECT_EQ(Insert(MakeColumn("varchar", ValueClass::kBytes, "latin1"), "\xE9"), "_latin1 x'e9'");
  EXPECT_EQ(Insert(MakeColumn("varchar", ValueClass::kBytes, "ucs2"), ""), "_ucs2 x''");
  EXPECT_EQ(Insert(MakeColumn("bit", ValueClass::kBytes), "\x01\x41"), "321");
  EXPECT_EQ(Insert(MakeColumn("bit", ValueClass::kBytes), std::string(8, '\xFF')),
            "18446744073709551615");
}

TEST(InsertLiteralTest, FloatsKeepTheSignOfZero) {
  EXPECT_EQ(Insert(MakeColumn("double", ValueClass::kNumber), "-0"), "-0e0");
  EXPECT_EQ(Insert(MakeColumn("float", ValueClass::kNumber), "0.10000000149011612"),
            "0.10000000149011612e0");
  EXPECT_EQ(Insert(MakeColumn("double", ValueClass::kNumber), "1e-5"), "1e-5");
}

TEST(InsertLiteralTest, RefusesTextInANumberColumn) {
  for (const char* text : {"", "1;DROP TABLE t", "1 OR 1", "--1", "0x10", "NULL", "1'"}) {
    EXPECT_THROW(Insert(MakeColumn("int", ValueClass::kNumber), text), IntegrityError) << text;
  }
}

TEST(KeyLiteralTest, TextIsTextAndBytesAreHexadecimal) {
  EXPECT_EQ(Key(MakeColumn("varchar", ValueClass::kText, "utf8mb3"), "7"), "'7'");
  EXPECT_EQ(Key(MakeColumn("int", ValueClass::kNumber), "7"), "7");
  EXPECT_EQ(Key(MakeColumn("binary", ValueClass::kBytes), "a\0"s), "x'6100'");
  EXPECT_EQ(Key(MakeColumn("varchar", ValueClass::kBytes, "cp1251"), "\xE6"), "_cp1251 x'e6'");
  EXPECT_EQ(Key(MakeColumn("bit", ValueClass::kBytes), "\x03"), "3");
}

TEST(KeyLiteralTest, AnEmptyEnumMemberIsNotTheErrorValue) {
  Column column = MakeColumn("enum", ValueClass::kText, "utf8mb4");
  column.type = "enum('a','')";
  column.has_empty_member = true;
  EXPECT_EQ(Key(column, ""), "2");
  EXPECT_EQ(Key(column, "a"), "'a'");
  std::string sql;
  AppendKeyLiteral(column, {ValueKind::kEnumError, {}}, &sql);
  EXPECT_EQ(sql, "0");
}

// A row of a composite key with the error value was never found again: beside its 0 the server
// compared the members of all other rows as numbers.
TEST(KeyLiteralTest, InATupleAnEnumIsAlwaysText) {
  Column column = MakeColumn("enum", ValueClass::kText, "utf8mb4");
  column.type = "enum('a','b')";
  std::string sql;
  AppendKeyLiteral(column, {ValueKind::kEnumError, {}}, &sql, KeyForm::kInTuple);
  EXPECT_EQ(sql, "''");
  column.type = "enum('a','')";
  column.has_empty_member = true;
  sql.clear();
  AppendKeyLiteral(column, {ValueKind::kBytes, ""}, &sql, KeyForm::kInTuple);
  EXPECT_EQ(sql, "2");
  sql.clear();
  AppendKeyLiteral(column, {ValueKind::kBytes, ""}, &sql, KeyForm::kInMixedTuple);
  EXPECT_EQ(sql, "''");
  EXPECT_FALSE(IsNumberAmongTexts(column, {ValueKind::kBytes, "a"}));
  EXPECT_TRUE(IsNumberAmongTexts(column, {ValueKind::kBytes, ""}));
  EXPECT_TRUE(IsNumberAmongTexts(column, {ValueKind::kEnumError, {}}));
  sql.clear();
  AppendKeyLiteral(column, {ValueKind::kEnumError, {}}, &sql, KeyForm::kInTuple);
  EXPECT_EQ(sql, "0");
  Column wide = MakeColumn("enum", ValueClass::kBytes, "ucs2");
  sql.clear();
  AppendKeyLiteral(wide, {ValueKind::kEnumError, {}}, &sql, KeyForm::kInTuple);
  EXPECT_EQ(sql, "_ucs2 x''");
}

TEST(EmptyMemberIndexTest, ReadsTheTypeAsTheServerWritesIt) {
  const struct {
    const char* type;
    std::size_t index;
  } cases[] = {
      {"enum('a','b')", 0},
      {"enum('')", 1},
      {"enum('a','')", 2},
      {"enum('','a')", 1},
      {"enum('''','a')", 0},
      {"enum('a'',''b','')", 2},
      {R"(enum('\\','','x'))", 2},
      {"enum('a,b',',','')", 3},
      {"set('a','','b')", 2},
      {"enum(''',''','a')", 0},
      {"int(11)", 0},
      {"varchar(10)", 0},
  };
  for (const auto& c : cases) EXPECT_EQ(EmptyMemberIndex(c.type), c.index) << c.type;
}

TEST(ReadExpressionTest, ReadsWhatTheCanonicalBytesWant) {
  EXPECT_EQ(ReadExpression(MakeColumn("int", ValueClass::kNumber)), "`c``d`");
  EXPECT_EQ(ReadExpression(MakeColumn("int", ValueClass::kNumber), "`t`"), "`t`.`c``d`");
  EXPECT_EQ(ReadExpression(MakeColumn("float", ValueClass::kNumber), "t"),
            "CAST(t.`c``d` AS DOUBLE)");
  Column column = MakeColumn("enum", ValueClass::kText);
  column.has_empty_member = true;
  EXPECT_EQ(ReadExpression(column), "CONCAT(IF(`c``d`+0=0,x'30',x'31'),CAST(`c``d` AS BINARY))");
  column.data_type = "set";
  EXPECT_EQ(ReadExpression(column), "CAST(`c``d` AS UNSIGNED)");
  TableDefinition definition;
  definition.columns = {MakeColumn("int", ValueClass::kNumber),
                        MakeColumn("double", ValueClass::kNumber)};
  EXPECT_EQ(ReadExpressions(definition), "`c``d`, CAST(`c``d` AS DOUBLE)");
}

TEST(AppendCellTest, TellsTheEnumErrorValueFromTheEmptyMember) {
  Column plain = MakeColumn("enum", ValueClass::kText);
  Column marked = plain;
  marked.has_empty_member = true;
  RowBatch rows(5);
  AppendCell(plain, "", &rows);
  AppendCell(marked, "0", &rows);
  AppendCell(marked, "1", &rows);
  AppendCell(marked, "1a", &rows);
  AppendCell(marked, std::nullopt, &rows);
  rows.EndRow();
  EXPECT_EQ(rows.value(0, 0).kind, ValueKind::kEnumError);
  EXPECT_EQ(rows.value(0, 1).kind, ValueKind::kEnumError);
  EXPECT_EQ(rows.value(0, 2), (Value{ValueKind::kBytes, ""}));
  EXPECT_EQ(rows.value(0, 3), (Value{ValueKind::kBytes, "a"}));
  EXPECT_EQ(rows.value(0, 4).kind, ValueKind::kNull);
  EXPECT_TRUE(HoldsEnumError(rows.row(0)));
}

TEST(AppendCellTest, EmptyTextIsNotNull) {
  const Column column = MakeColumn("varchar", ValueClass::kText);
  RowBatch rows(2);
  AppendCell(column, "", &rows);
  AppendCell(column, std::nullopt, &rows);
  rows.EndRow();
  EXPECT_EQ(rows.value(0, 0).kind, ValueKind::kBytes);
  EXPECT_EQ(rows.value(0, 1).kind, ValueKind::kNull);
  EXPECT_FALSE(HoldsEnumError(rows.row(0)));
}

}  // namespace
}  // namespace osarchiver

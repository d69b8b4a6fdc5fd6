#include "mariadb/error_text.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

TEST(StatementTextTest, ShowsNamesAndNoValues) {
  const struct {
    const char *sql, *text;
  } cases[] = {
      {"SELECT 1", "SELECT ?"},
      {"SELECT * FROM `a`.`b` WHERE `id` IN (1, 2, 3)", "SELECT * FROM `a`.`b` WHERE `id` IN (?)"},
      {"INSERT INTO `t` (`a`, `b2`) VALUES (1,'x\\'y'),(2,_latin1 x'e9'),(NULL,0)",
       "INSERT INTO `t` (`a`, `b2`) VALUES (?),(NULL,?)"},
      {"SELECT 'it''s', _binary'a\\\\', \"pass\"", "SELECT ?"},
      {"SELECT a1 FROM `we``ird 'name'` WHERE k > -1.5e3",
       "SELECT a1 FROM `we``ird 'name'` WHERE k > -?"},
      {"SELECT\n\t 'unclosed", "SELECT ?"},
      {"DELETE FROM t WHERE (a, b) IN ((1,'x'),(2,'y'),(3,'z')) RETURNING a",
       "DELETE FROM t WHERE (a, b) IN ((?)) RETURNING a"},
  };
  for (const auto& c : cases) EXPECT_EQ(StatementText(c.sql), c.text) << c.sql;
}

TEST(StatementTextTest, IsCutAndFastOnLongStatements) {
  std::string sql = "INSERT INTO `t` VALUES ";
  for (int i = 0; i < 100000; ++i) sql += "(1,'secret'),";
  EXPECT_LE(StatementText(sql).size(), 210u);
  EXPECT_EQ(StatementText(sql).find("secret"), std::string::npos);
  const std::string names = StatementText("SELECT " + std::string(500, 'a'));
  EXPECT_EQ(names, "SELECT " + std::string(193, 'a') + "...");
}

TEST(MaskServerMessageTest, HidesValuesAndKeepsNames) {
  const struct {
    unsigned code;
    const char *message, *masked;
  } cases[] = {
      {1062, "Duplicate entry 'se'cret' for key 'PRIMARY'",
       "Duplicate entry '...' for key 'PRIMARY'"},
      {1366, "Incorrect string value: '\\xF0' for column `n`.`t`.`c` at row 1",
       "Incorrect string value: '...' for column `n`.`t`.`c` at row 1"},
      {1292, "Truncated incorrect DOUBLE value: 'se'cret'",
       "Truncated incorrect DOUBLE value: '...'"},
      {1064, "You have an error ... near 'secret' at line 1",
       "You have an error ... near '...' at line 1"},
      {1146, "Table 'nova.x' doesn't exist", "Table 'nova.x' doesn't exist"},
      {1406, "Data too long for column 'a' at row 1", "Data too long for column 'a' at row 1"},
      {9999, "no quotes", "no quotes"},
      {9999, "one ' quote", "one ' quote"},
  };
  for (const auto& c : cases) EXPECT_EQ(MaskServerMessage(c.code, c.message), c.masked);
}

}  // namespace
}  // namespace osarchiver

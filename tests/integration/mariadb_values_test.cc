// Every value that MariaDB can store goes through ReadExpressions, RowBatch and INSERT literals and
// comes back bit for bit.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "formats/row_batch.h"
#include "mariadb/bulk_rows.h"
#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "shared_mariadb.h"

namespace osarchiver {
namespace {

class ValuesTest : public MariadbTest {
 protected:
  RowBatch Read(const TableDefinition& definition, const std::string& table) {
    RowBatch rows(definition.columns.size());
    const auto result = connection().Stream(
        "SELECT " + ReadExpressions(definition) + " FROM " + QuoteIdentifier(table),
        [&](const Row& row) {
          for (std::size_t i = 0; i < row.size(); ++i)
            AppendCell(definition.columns[i], row[i], &rows);
          rows.EndRow();
          return RowAction::kContinue;
        });
    EXPECT_EQ(result.warnings, 0u);
    return rows;
  }

  void Insert(const TableDefinition& definition, const std::string& table, const RowBatch& rows) {
    for (std::size_t r = 0; r < rows.row_count(); ++r) {
      std::string names, literals;
      ValueCursor values(rows.row(r));
      std::size_t enum_errors = 0;
      for (const Column& column : definition.columns) {
        const Value value = values.Next();
        if (value.kind == ValueKind::kEnumError) ++enum_errors;
        names += (names.empty() ? "" : ",") + QuoteIdentifier(column.name);
        if (!literals.empty()) literals += ",";
        AppendInsertLiteral(column, value, &literals);
      }
      EXPECT_EQ(HoldsEnumError(rows.row(r)), enum_errors > 0);
      std::string sql = enum_errors > 0 ? std::string(kEnumErrorPrefix) : "";
      sql += "INSERT INTO " + QuoteIdentifier(table) + " (" + names + ") VALUES (" + literals + ")";
      EXPECT_EQ(connection().Execute(sql).warnings, enum_errors)
          << testing::PrintToString(connection().Warnings());
    }
  }

  // Reads `source`, writes all rows to a copy of it, reads the copy, and finds every row again by
  // each of its values.
  void RoundTrip(const std::string& source) {
    const auto loaded = LoadTable(connection(), {"test_db", source});
    ASSERT_TRUE(loaded.has_value());
    const TableDefinition& definition = loaded->definition;
    const RowBatch rows = Read(definition, source);
    ASSERT_GT(rows.row_count(), 0u);
    connection().Execute("CREATE TABLE copy LIKE " + QuoteIdentifier(source));
    Insert(definition, "copy", rows);
    const RowBatch copied = Read(definition, "copy");
    ASSERT_EQ(copied.row_count(), rows.row_count());
    EXPECT_EQ(BatchDigest(RowHashes(copied)), BatchDigest(RowHashes(rows)));
    for (std::size_t r = 0; r < rows.row_count(); ++r) {
      for (std::size_t c = 0; c < definition.columns.size(); ++c) {
        EXPECT_EQ(rows.value(r, c), copied.value(r, c))
            << definition.columns[c].name << " of row " << r;
        CheckKeyLiteral(definition, rows, r, c);
      }
    }
    connection().Execute("DROP TABLE copy");
    InBulk(definition, source, rows);
    last_rows_ = rows;
  }

  // Writes what may be sent as parameters so, all rows at once, and finds the same values.
  void InBulk(const TableDefinition& definition, const std::string& source, const RowBatch& rows) {
    TableDefinition part;
    std::vector<std::size_t> chosen;
    std::string names, marks;
    for (std::size_t c = 0; c < definition.columns.size(); ++c) {
      TableDefinition one;
      one.columns = {definition.columns[c]};
      if (!BulkRows::Take(one)) continue;
      chosen.push_back(c);
      part.columns.push_back(definition.columns[c]);
      names += (names.empty() ? "" : ",") + QuoteIdentifier(definition.columns[c].name);
      marks += marks.empty() ? "?" : ",?";
    }
    RowBatch sent(chosen.size());
    for (std::size_t r = 0; r < rows.row_count(); ++r) {
      bool is_possible = true;
      for (const std::size_t c : chosen) {
        is_possible = is_possible && rows.value(r, c).kind != ValueKind::kEnumError;
      }
      if (!is_possible) continue;
      for (const std::size_t c : chosen) sent.Append(rows.value(r, c));
      sent.EndRow();
    }
    BulkRows bulk(part);
    for (std::size_t r = 0; r < sent.row_count(); ++r) bulk.Add(sent.row(r));
    ASSERT_TRUE(connection().supports_bulk());
    connection().Execute("CREATE TABLE in_bulk LIKE " + QuoteIdentifier(source));
    const ExecuteResult result = connection().ExecuteBulk(
        "INSERT INTO in_bulk (" + names + ") VALUES (" + marks + ")", bulk);
    EXPECT_EQ(result.affected_rows, sent.row_count());
    EXPECT_EQ(result.warnings, 0u) << testing::PrintToString(connection().Warnings());
    const RowBatch found = Read(part, "in_bulk");
    ASSERT_EQ(found.row_count(), sent.row_count());
    for (std::size_t r = 0; r < sent.row_count(); ++r) {
      for (std::size_t c = 0; c < chosen.size(); ++c) {
        EXPECT_EQ(sent.value(r, c), found.value(r, c)) << part.columns[c].name << " of row " << r;
      }
    }
    connection().Execute("DROP TABLE in_bulk");
  }

  void CheckKeyLiteral(const TableDefinition& definition, const RowBatch& rows, std::size_t r,
                       std::size_t c) {
    const Column& column = definition.columns[c];
    const Value value = rows.value(r, c);
    if (value.kind == ValueKind::kNull || column.data_type == "geometry" ||
        column.data_type == "point")
      return;
    std::string key, literal;
    AppendKeyLiteral(definition.columns[0], rows.value(r, 0), &key);
    AppendKeyLiteral(column, value, &literal);
    const std::string where = QuoteIdentifier(definition.columns[0].name) + " = " + key + " AND " +
                              QuoteIdentifier(column.name) + " IN (" + literal + ", " + literal +
                              ")";
    EXPECT_EQ(connection().QueryValue("SELECT COUNT(*) FROM copy WHERE " + where), "1") << where;
  }

  RowBatch last_rows_;
};

TEST_F(ValuesTest, Numbers) {
  server().Sql(R"(
    CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED,
      z INT(8) UNSIGNED ZEROFILL, d DECIMAL(65,38), d2 DECIMAL(10,0), dz DECIMAL(10,2) ZEROFILL, f FLOAT, f2 FLOAT(7,3), db DOUBLE,
      db2 DOUBLE(60,30), y YEAR, bo BOOL, bit1 BIT(1), bit9 BIT(9), bit64 BIT(64));
    SET sql_mode='NO_AUTO_VALUE_ON_ZERO';
    INSERT INTO t (id, ti, tu, b, bu, z, d, d2, dz, f, f2, db, db2, y, bo, bit1, bit9, bit64) VALUES
      (0, -128, 255, -9223372036854775808, 18446744073709551615, 42, -123456789012345678901234567.12345678901234567890123456789012345678,
       -1, 1.5, 1.23456789, 1.2345, 1.7976931348623157e308, 1e29, 0, 1, b'1', b'101000001', 18446744073709551615),
      (-1, 0, 0, 0, 0, 0, 0, 0, 0, -0e0, 0, 0e0 * -1, 0.1e0, 1901, 0, b'0', b'0', 0),
      (2147483647, 1, 1, 9223372036854775807, 1, 99999999, 0.00000000000000000000000000000000000001, 9999999999, 99999999.99,
       3.4028234663852886e38, 9999.999, 4.9406564584124654e-324, 1.2345678e-25, 2155, -1, b'1', b'111111111', 9223372036854775808),
      (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.401298464324817e-45, NULL, 0.1e0 + 0.2e0, NULL, 2000, NULL, NULL, NULL, NULL),
      (6, 1, 1, 1, 1, 1, 1, 1, 1, 16777217, 1e-3, 123456789012345680e0, 1/3, 1970, 1, 1, 1, 1),
      (7, 1, 1, 1, 1, 1, 1, 1, 1, 1e10, 123.456, 1e15, 1e-30, 1970, 1, 1, 1, 1);)",
               "test_db");
  RoundTrip("t");
}

TEST_F(ValuesTest, Times) {
  server().Sql(R"(
    SET time_zone='+03:00', sql_mode='ALLOW_INVALID_DATES';
    CREATE TABLE t (id INT PRIMARY KEY, da DATE, ti TIME, ti6 TIME(6), dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL);
    INSERT INTO t VALUES
      (1, '0000-00-00', '-838:59:59', '838:59:59.999999', '0000-00-00', '0000-00-00', 0, 0),
      (2, '2020-02-31', '00:00:00', '-00:00:00.000001', '2020-02-31 23:59:59', '2021-11-31 00:00:00.000001',
       FROM_UNIXTIME(1), FROM_UNIXTIME(0.5)),
      (3, '9999-12-31', '100:00:00', '24:00:00.5', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999', FROM_UNIXTIME(2147483647),
       FROM_UNIXTIME(2147483647.999999)),
      (4, '2020-00-00', NULL, NULL, '2020-01-00', '0001-01-01', NULL, NULL),
      (5, '1000-01-01', '01:02:03', '01:02:03.040506', '2026-03-29 02:30:00', '2026-10-25 02:30:00.1', '2026-03-29 02:30:00', '2026-10-25 02:30:00.1');)",
               "test_db");
  RoundTrip("t");
  EXPECT_EQ(last_rows_.value(4, 6).bytes, "2026-03-28 23:30:00");
}

TEST_F(ValuesTest, Text) {
  server().Sql(R"(
    CREATE TABLE t (id INT PRIMARY KEY, m4 VARCHAR(40) CHARACTER SET utf8mb4, m3 VARCHAR(40) CHARACTER SET utf8mb3, a CHAR(20) CHARACTER SET ascii,
      bin VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, tx LONGTEXT, js JSON, u UUID, i4 INET4, i6 INET6);
    INSERT INTO t VALUES
      (1, '', '', '', '', '', '{}', NULL, NULL, NULL),
      (2, 'NULL', '\\N', 'NULL', '\\', '\'"`\\\0\r\n\t\Z', '{"a":"\\u0000\\n\\""}', '123e4567-e89b-12d3-a456-426655440000', '192.0.2.1', '::1'),
      (3, '😀𝒳é', 'жé', ' a', 'Ünï', '-- ; /* */ #', '[1,2]', '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::ffff:1.2.3.4'),
      (4, '07', '7 ', '7.0', '0x37', '%_', 'null', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '255.255.255.255', '::'),
      (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      (6, 'tail  ', X'E282AC', 'x', 'A', REPEAT('é\\\'', 100000), '"é"', NULL, NULL, NULL);)",
               "test_db");
  RoundTrip("t");
}

TEST_F(ValuesTest, BytesAndOtherCharacterSets) {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    all += {kDigits[i / 16], kDigits[i % 16]};
  }
  server().Sql(
      "CREATE TABLE t (id INT PRIMARY KEY, b BINARY(4), vb VARBINARY(300), bl LONGBLOB, l1 "
      "VARCHAR(300) CHARACTER SET latin1,"
      " cp VARCHAR(40) CHARACTER SET cp1251, sj VARCHAR(40) CHARACTER SET sjis, uc VARCHAR(40) "
      "CHARACTER SET ucs2,"
      " u16 VARCHAR(40) CHARACTER SET utf16, u32 VARCHAR(40) CHARACTER SET utf32, gbk VARCHAR(40) "
      "CHARACTER SET gbk,"
      " big5 TEXT CHARACTER SET big5, p POINT, g GEOMETRY, cvb VARBINARY(100) COMPRESSED, ctx TEXT "
      "COMPRESSED);"
      "INSERT INTO t VALUES (1, 'a', x'" +
          all + "', x'" + all + "', x'" + all +
          "', _cp1251 x'C0E6FF8098', _sjis x'835C8E5C5C',"
          " _ucs2 x'04360000D800', _utf16 x'D83DDE00', _utf32 x'0001F600', _gbk x'BF5C5C', _big5 "
          "x'A55CB35C', POINT(1,2),"
          " ST_GeomFromText('LINESTRING(0 0,1 1)', 4326), x'" +
          all.substr(0, 100) +
          "', REPEAT('x', 5000)),"
          "(2, x'00000000', '', '', '', '', '', '', '', '', '', '', NULL, NULL, '', ''),"
          "(3, x'20202020', ' ', x'E29CE2', '\xC2\xA0', 'NULL', '?', '?', '😀', 'é', '?', '?', "
          "NULL, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), 'x', 'é'),"
          "(4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
          "NULL)",
      "test_db");
  RoundTrip("t");
}

TEST_F(ValuesTest, EnumsAndSets) {
  server().Sql(R"(
    CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','b''c','\\d'), ee ENUM('','x'), el ENUM('é','','x') CHARACTER SET latin1, eu ENUM('','ж') CHARACTER SET ucs2,
      e4 ENUM('😀','x'), s SET('a','ж','c'), sc SET('a','ж') CHARACTER SET cp1251, se SET('a','','b'), se2 SET('') );
    SET sql_mode='';
    INSERT INTO t VALUES (1, 'a', '', '', '', '😀', '', '', 0, 0), (2, 'b''c', 'x', 'é', 'ж', 'x', 'a,c', 'ж', 2, 1),
      (3, '\\d', 2, 3, 2, 1, 'ж', 'a,ж', 7, 0), (4, 0, 0, 0, 0, 0, 5, 3, 5, 1), (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);)",
               "test_db");
  RoundTrip("t");
  EXPECT_EQ(last_rows_.value(0, 2), (Value{ValueKind::kBytes, ""}));
  EXPECT_EQ(last_rows_.value(3, 2).kind, ValueKind::kEnumError);
  EXPECT_EQ(last_rows_.value(3, 1).kind, ValueKind::kEnumError);
}

TEST_F(ValuesTest, RowsInBulkAreRefusedAsOthersAre) {
  server().Sql(
      "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(3), n TINYINT); INSERT INTO t VALUES "
      "(7,'x',1)",
      "test_db");
  const auto loaded = LoadTable(connection(), {"test_db", "t"});
  ASSERT_TRUE(loaded.has_value());
  const auto error_of = [&](std::vector<std::vector<std::string>> rows) -> unsigned {
    RowBatch batch(3);
    for (const auto& row : rows) {
      for (const std::string& value : row) batch.AppendBytes(value);
      batch.EndRow();
    }
    BulkRows bulk(loaded->definition);
    for (std::size_t i = 0; i < batch.row_count(); ++i) bulk.Add(batch.row(i));
    connection().Begin();
    unsigned code = 0;
    try {
      EXPECT_EQ(
          connection().ExecuteBulk("INSERT INTO t (id, a, n) VALUES (?,?,?)", bulk).affected_rows,
          rows.size());
    } catch (const DatabaseError& error) {
      code = error.code();
      // No value in a message.
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
    connection().Rollback();
    return code;
  };
  EXPECT_EQ(error_of({{"1", "a", "1"}, {"2", "b", "-1"}}), 0u);
  EXPECT_EQ(error_of({{"1", "a", "1"}, {"7", "b", "1"}}), 1062u);
  EXPECT_EQ(error_of({{"1", "secret", "1"}}), 1406u);
  EXPECT_EQ(error_of({{"1", "a", "1"}, {"2", "b", "128"}}), 1264u);
  EXPECT_EQ(error_of({{"1", "a", "1x"}}), 1265u);
  EXPECT_TRUE(connection().usable());
  EXPECT_EQ(connection().QueryValue("SELECT COUNT(*) FROM t"), "1");
}

TEST_F(ValuesTest, NastyNamesAndGeneratedColumns) {
  server().Sql(R"(
    CREATE TABLE `t``'"\ é.;--x` (`select` INT PRIMARY KEY, `a``b` VARCHAR(10), `c'"d` INT INVISIBLE DEFAULT 7, `g` INT AS (`select` + 1) STORED,
      `v` VARCHAR(20) AS (CONCAT(`a``b`, 'x')) VIRTUAL, `end` ENUM('','y'));
    INSERT INTO `t``'"\ é.;--x` (`select`, `a``b`, `c'"d`, `end`) VALUES (1, 'x', 8, ''), (2, NULL, NULL, 'y');)",
               "test_db");
  RoundTrip("t`'\"\\ é.;--x");
}

TEST_F(ValuesTest, ReturningGivesTheSameBytes) {
  server().Sql(R"(
    CREATE TABLE t (id INT PRIMARY KEY, f FLOAT, e ENUM('','x') CHARACTER SET ucs2, s SET('','x'), l VARCHAR(5) CHARACTER SET latin1, h INT INVISIBLE);
    INSERT INTO t (id, f, e, s, l, h) VALUES (1, 1.23456789, '', 1, 'é', 5), (2, NULL, 'x', 0, NULL, 6);)",
               "test_db");
  const auto loaded = LoadTable(connection(), {"test_db", "t"});
  ASSERT_TRUE(loaded);
  const RowBatch selected = Read(loaded->definition, "t");
  RowBatch returned(loaded->definition.columns.size());
  connection().Stream(
      "DELETE FROM t WHERE id IN (1, 2) RETURNING " + ReadExpressions(loaded->definition),
      [&](const Row& row) {
        for (std::size_t i = 0; i < row.size(); ++i)
          AppendCell(loaded->definition.columns[i], row[i], &returned);
        returned.EndRow();
        return RowAction::kContinue;
      });
  EXPECT_EQ(BatchDigest(RowHashes(returned)), BatchDigest(RowHashes(selected)));
}

TEST_F(ValuesTest, AKeyLiteralUsesTheColumnsIndex) {
  server().Sql(R"(
    CREATE TABLE t (m3 VARCHAR(36) CHARACTER SET utf8mb3 PRIMARY KEY, m4 VARCHAR(36) CHARACTER SET utf8mb4, a VARCHAR(36) CHARACTER SET ascii,
      l VARCHAR(36) CHARACTER SET latin1, u VARCHAR(36) CHARACTER SET ucs2, b VARBINARY(36), bi BIT(16), e ENUM('a','b','c') CHARACTER SET latin1,
      dt DATETIME(6), f FLOAT, KEY(m4), KEY(a), KEY(l), KEY(u), KEY(b), KEY(bi), KEY(e), KEY(dt), KEY(f)) ENGINE=InnoDB;
    INSERT INTO t SELECT seq, seq, seq, seq, seq, seq, seq, IF(seq=1,'a',IF(seq=2,'b','c')), FROM_UNIXTIME(seq), seq / 7 FROM seq_1_to_5000;
    ANALYZE TABLE t;)",
               "test_db");
  const auto loaded = LoadTable(connection(), {"test_db", "t"});
  ASSERT_TRUE(loaded);
  const std::string list = ReadExpressions(loaded->definition);
  RowBatch rows(loaded->definition.columns.size());
  connection().Stream("SELECT " + list + " FROM t WHERE m3 IN ('1', '2')", [&](const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      AppendCell(loaded->definition.columns[i], row[i], &rows);
    rows.EndRow();
    return RowAction::kContinue;
  });
  ASSERT_EQ(rows.row_count(), 2u);
  for (std::size_t c = 0; c < loaded->definition.columns.size(); ++c) {
    const Column& column = loaded->definition.columns[c];
    std::string literals;
    AppendKeyLiteral(column, rows.value(0, c), &literals);
    literals += ", ";
    AppendKeyLiteral(column, rows.value(1, c), &literals);
    const std::string where =
        " FROM t WHERE " + QuoteIdentifier(column.name) + " IN (" + literals + ")";
    EXPECT_EQ(connection().QueryValue("SELECT COUNT(*)" + where), "2") << where;
    const Table plan = connection().Query("EXPLAIN SELECT *" + where);
    EXPECT_TRUE(plan.at(0).at(3) == "range" || plan.at(0).at(3) == "ref")
        << where << plan.at(0).at(3).value_or("");
  }
}

}  // namespace
}  // namespace osarchiver

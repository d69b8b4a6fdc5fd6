#include "destination/control_table.h"

#include <fmt/format.h>

#include <charconv>

#include "formats/table_definition.h"
#include "mariadb/quote.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

constexpr std::string_view kColumns = R"( (
  run_name varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  table_id char(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  number bigint unsigned NOT NULL,
  journal_id varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  archiver varchar(255) NOT NULL,
  site varchar(255) NOT NULL,
  source varchar(255) NOT NULL,
  source_database varchar(64) NOT NULL,
  source_table varchar(64) NOT NULL,
  archive_table varchar(64) NOT NULL,
  definition longtext NOT NULL,
  row_count bigint unsigned NOT NULL,
  digest char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  row_keys longblob NOT NULL,
  superseded longblob NOT NULL,
  previous bigint unsigned NOT NULL,
  chain char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stored_at datetime NOT NULL,
  PRIMARY KEY (run_name, table_id, number),
  KEY by_table (table_id, run_name, number),
  KEY by_journal (journal_id, run_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What osarchiver stored here, batch by batch. Needed to verify and to restore.')";

// The command byte, and room for what the protocol may add.
constexpr std::size_t kPacketHead = 16;

constexpr std::string_view kSmallColumns =
    "run_name, table_id, number, journal_id, archiver, site, source, source_database, "
    "source_table, archive_table, row_count, digest, previous, chain, stored_at";

std::uint64_t ToNumber(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string ToText(const Cell& cell) { return std::string(cell.value_or("")); }

// The columns of kSmallColumns.
ControlEntry SmallEntry(const Row& row) {
  ControlEntry entry;
  entry.run_name = ToText(row[0]);
  entry.table_id = ToText(row[1]);
  entry.number = ToNumber(row[2].value_or(""));
  entry.journal_id = ToText(row[3]);
  entry.archiver = ToText(row[4]);
  entry.site = ToText(row[5]);
  entry.key = {ToText(row[6]), ToText(row[7]), ToText(row[8])};
  entry.archive_table = ToText(row[9]);
  entry.rows = ToNumber(row[10].value_or(""));
  const auto digest = HashFromHex(row[11].value_or(""));
  if (!digest) throw IntegrityError("an entry of osarchiver_batches has no valid digest");
  entry.digest = *digest;
  entry.previous = ToNumber(row[12].value_or(""));
  entry.chain = ToText(row[13]);
  entry.stored_at = ToText(row[14]);
  return entry;
}

std::string HashOf(std::string_view bytes) {
  return bytes.empty() ? std::string() : Hex(Sha256().Of(bytes));
}

std::string Binary(std::string_view bytes) { return "x'" + Hex(bytes) + "'"; }

std::string OfPass(const std::string& run_name, const std::string& table_id) {
  return " WHERE run_name = " + QuoteText(run_name) + " AND table_id = " + QuoteText(table_id);
}

}  // namespace

std::string TableId(const PassKey& key) {
  std::string text;
  for (const std::string& part : {key.source, key.database, key.table}) {
    text += fmt::format("{}:{}", part.size(), part);
  }
  return Hex(Sha256().Of(text)).substr(0, 32);
}

ControlSummary Summarize(const ControlEntry& entry) {
  ControlSummary summary;
  summary.entry = entry;
  summary.definition_hash = HashOf(entry.definition);
  summary.row_keys_hash = HashOf(entry.row_keys);
  summary.superseded_hash = HashOf(entry.superseded);
  return summary;
}

std::string ChainHash(const ControlSummary& summary, std::string_view previous_chain) {
  const ControlEntry& entry = summary.entry;
  std::string text;
  // Each part with its length, so that no two entries give the same text.
  for (const std::string& part :
       {std::string(previous_chain), std::to_string(entry.previous), entry.run_name, entry.table_id,
        std::to_string(entry.number), entry.journal_id, entry.archiver, entry.site,
        entry.key.source, entry.key.database, entry.key.table, entry.archive_table,
        std::to_string(entry.rows), Hex(entry.digest), summary.definition_hash,
        summary.row_keys_hash, summary.superseded_hash, entry.stored_at}) {
    text += fmt::format("{}:{},", part.size(), part);
  }
  return Hex(Sha256().Of(text));
}

ControlTable::ControlTable(std::string database)
    : database_(std::move(database)),
      name_(QuoteIdentifier(database_) + "." + QuoteIdentifier(kControlTableName)) {}

bool ControlTable::Exists(Connection& connection) const {
  return connection
      .QueryValue("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
                  QuoteText(database_) + " AND TABLE_NAME = " + QuoteText(kControlTableName))
      .has_value();
}

void ControlTable::Create(Connection& connection) const {
  Failpoint("archive-create-control-before");
  connection.Execute("CREATE TABLE IF NOT EXISTS " + name_ + std::string(kColumns));
  Failpoint("archive-create-control-after");
}

std::optional<ControlEntry> ControlTable::Find(Connection& connection, const std::string& run_name,
                                               const std::string& table_id,
                                               std::uint64_t number) const {
  std::optional<ControlEntry> found;
  connection.Stream(fmt::format("SELECT {}, definition, row_keys, superseded FROM {}{} AND number "
                                "= {}",
                                kSmallColumns, name_, OfPass(run_name, table_id), number),
                    [&](const Row& row) {
                      found = SmallEntry(row);
                      found->definition = ToText(row[15]);
                      found->row_keys = ToText(row[16]);
                      found->superseded = ToText(row[17]);
                      return RowAction::kContinue;
                    });
  return found;
}

std::vector<ControlSummary> ControlTable::List(Connection& connection, const std::string& run_name,
                                               const std::string& table_id) const {
  std::vector<ControlSummary> entries;
  connection.Stream(
      fmt::format("SELECT {}, SHA2(definition, 256), SHA2(row_keys, 256), IF(superseded = '', '', "
                  "SHA2(superseded, 256)) FROM {}{} ORDER BY number",
                  kSmallColumns, name_, OfPass(run_name, table_id)),
      [&](const Row& row) {
        entries.push_back({SmallEntry(row), ToText(row[15]), ToText(row[16]), ToText(row[17])});
        return RowAction::kContinue;
      });
  return entries;
}

bool ControlTable::HasEntries(Connection& connection, const std::string& run_name,
                              const std::string& table_id) const {
  return connection.QueryValue("SELECT 1 FROM " + name_ + OfPass(run_name, table_id) + " LIMIT 1")
      .has_value();
}

void RequirePacket(std::string_view sql, std::size_t max_packet_bytes) {
  if (sql.size() + kPacketHead <= max_packet_bytes) return;
  throw Error(fmt::format("a statement of {} bytes is needed to store one row or the keys of one "
                          "batch; the archive server takes {}",
                          sql.size(), max_packet_bytes),
              "raise max_allowed_packet there, or lower batch_rows if the keys are long");
}

void ControlTable::Insert(Connection& connection, ControlEntry entry,
                          std::size_t max_packet_bytes) const {
  std::string previous_chain;
  connection.Stream(fmt::format("SELECT number, chain FROM {}{} ORDER BY number DESC LIMIT 1 FOR "
                                "UPDATE",
                                name_, OfPass(entry.run_name, entry.table_id)),
                    [&](const Row& row) {
                      entry.previous = ToNumber(row[0].value_or(""));
                      previous_chain = ToText(row[1]);
                      return RowAction::kContinue;
                    });
  entry.chain = ChainHash(Summarize(entry), previous_chain);
  const std::string sql = fmt::format(
      "INSERT INTO {} ({}, definition, row_keys, superseded) VALUES ({}, {}, {}, {}, {}, {}, {}, "
      "{}, {}, {}, {}, '{}', {}, '{}', '{}', {}, {}, {})",
      name_, kSmallColumns, QuoteText(entry.run_name), QuoteText(entry.table_id), entry.number,
      QuoteText(entry.journal_id), QuoteText(entry.archiver), QuoteText(entry.site),
      QuoteText(entry.key.source), QuoteText(entry.key.database), QuoteText(entry.key.table),
      QuoteText(entry.archive_table), entry.rows, Hex(entry.digest), entry.previous, entry.chain,
      entry.stored_at, QuoteText(entry.definition), Binary(entry.row_keys),
      Binary(entry.superseded));
  RequirePacket(sql, max_packet_bytes);
  Failpoint("archive-control-before");
  if (connection.Execute(sql).warnings > 0) {
    throw Error(fmt::format("{}: the server changed an entry on its way in: {}", name_,
                            fmt::join(connection.Warnings(), "; ")));
  }
}

std::vector<ControlEntry> ControlTable::ListOf(Connection& connection, const std::string& site,
                                               const std::string& archiver) const {
  std::vector<ControlEntry> entries;
  connection.Stream(
      fmt::format(
          "SELECT {} FROM {} WHERE site = {} AND archiver = {} ORDER BY run_name, table_id, number",
          kSmallColumns, name_, QuoteText(site), QuoteText(archiver)),
      [&](const Row& row) {
        entries.push_back(SmallEntry(row));
        return RowAction::kContinue;
      });
  return entries;
}

std::optional<std::string> ControlTable::NewestRun(Connection& connection,
                                                   const std::string& journal_id,
                                                   const std::string& archiver) const {
  return connection.QueryValue(
      fmt::format("SELECT run_name FROM {} WHERE journal_id = {} AND archiver = {} ORDER BY "
                  "run_name DESC LIMIT 1",
                  name_, QuoteText(journal_id), QuoteText(archiver)));
}

std::optional<std::string> ControlTable::OtherJournal(Connection& connection,
                                                      const std::string& journal_id,
                                                      const std::string& site,
                                                      const std::string& archiver) const {
  return connection.QueryValue(fmt::format(
      "SELECT journal_id FROM {} WHERE journal_id <> {} AND site = {} AND archiver = {} LIMIT 1",
      name_, QuoteText(journal_id), QuoteText(site), QuoteText(archiver)));
}

std::vector<std::pair<std::string, PassKey>> ControlTable::TablesOf(
    Connection& connection, const std::string& run_name) const {
  std::vector<std::pair<std::string, PassKey>> tables;
  connection.Stream(
      fmt::format("SELECT DISTINCT table_id, source, source_database, source_table FROM {} WHERE "
                  "run_name = {}",
                  name_, QuoteText(run_name)),
      [&](const Row& row) {
        tables.push_back({ToText(row[0]), {ToText(row[1]), ToText(row[2]), ToText(row[3])}});
        return RowAction::kContinue;
      });
  return tables;
}

void ControlTable::ForEachKeys(Connection& connection, const std::string& table_id,
                               const std::string& journal_id,
                               const std::function<void(const ControlEntry&)>& on_entry) const {
  connection.Stream(fmt::format("SELECT run_name, number, row_keys FROM {} WHERE table_id = {} AND "
                                "journal_id = {} ORDER BY run_name DESC, number DESC",
                                name_, QuoteText(table_id), QuoteText(journal_id)),
                    [&](const Row& row) {
                      ControlEntry entry;
                      entry.run_name = ToText(row[0]);
                      entry.number = ToNumber(row[1].value_or(""));
                      entry.row_keys = ToText(row[2]);
                      on_entry(entry);
                      return RowAction::kContinue;
                    });
}

std::vector<std::string> ControlTable::ListSuperseded(Connection& connection,
                                                      const std::string& archive_table) const {
  std::vector<std::string> blobs;
  connection.Stream(
      fmt::format("SELECT superseded FROM {} WHERE archive_table = {} AND superseded <> ''", name_,
                  QuoteText(archive_table)),
      [&](const Row& row) {
        blobs.push_back(ToText(row[0]));
        return RowAction::kContinue;
      });
  return blobs;
}

}  // namespace osarchiver

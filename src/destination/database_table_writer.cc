#include "destination/database_table_writer.h"

#include <fmt/format.h>

#include <charconv>

#include "destination/archived_keys.h"
#include "destination/named_error.h"
#include "destination/row_store.h"
#include "mariadb/retry.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// Rolls back unless it was committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) { connection_.Begin(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (!committed_) connection_.Rollback();
  }
  void Commit() {
    connection_.Commit();
    committed_ = true;
  }

 private:
  Connection& connection_;
  bool committed_ = false;
};

// "2026-11-23 02:00:00"
std::string NowAsDatetime() {
  std::string text = FormatUtc(SystemClock().UnixSeconds());
  text[10] = ' ';
  text.pop_back();
  return text;
}

}  // namespace

DatabaseTableWriter::DatabaseTableWriter(std::function<std::unique_ptr<Connection>()> connect,
                                         CopyTarget target, TableName table,
                                         const PassContext& pass)
    : connect_(std::move(connect)),
      target_(std::move(target)),
      table_(std::move(table)),
      pass_(pass),
      table_id_(TableId({pass.run.source, pass.definition.database, pass.definition.table})),
      definition_json_(DefinitionToJson(pass.definition)),
      control_(table_.database) {
  Connect();
}

void DatabaseTableWriter::Connect() {
  connection_ = connect_();
  const std::string text = connection_->QueryValue("SELECT @@max_allowed_packet").value_or("");
  std::from_chars(text.data(), text.data() + text.size(), max_packet_bytes_);
}

CopyLocation DatabaseTableWriter::Store(const BatchToStore& batch) {
  const std::string what =
      fmt::format("storing batch {} of {}.{} at {}", batch.number, pass_.definition.database,
                  pass_.definition.table, target_.destination);
  const auto reconnect = [&](const DatabaseError&) {
    if (!connection_->usable()) Connect();
  };
  Named(what, [&] {
    Retry(
        {}, SystemClock(), what, [&] { StoreOnce(batch); }, reconnect);
  });
  CopyLocation location;
  location.target = target_;
  return location;
}

bool DatabaseTableWriter::IsStored(const BatchToStore& batch) {
  const auto entry = control_.Find(*connection_, pass_.run.run_name, table_id_, batch.number);
  if (!entry) return false;
  if (entry->digest == batch.digest && entry->rows == batch.rows->row_count()) return true;
  throw IntegrityError(
      fmt::format("{}.{} says that batch {} of {}.{} in run {} is stored there with other rows",
                  table_.database, kControlTableName, batch.number, pass_.definition.database,
                  pass_.definition.table, pass_.run.run_name));
}

ControlEntry DatabaseTableWriter::Entry(const BatchToStore& batch) const {
  ControlEntry entry;
  entry.run_name = pass_.run.run_name;
  entry.table_id = table_id_;
  entry.number = batch.number;
  entry.journal_id = pass_.run.journal_id;
  entry.archiver = pass_.run.archiver;
  entry.site = pass_.run.site;
  entry.key = {pass_.run.source, pass_.definition.database, pass_.definition.table};
  entry.archive_table = table_.table;
  entry.definition = definition_json_;
  entry.rows = batch.rows->row_count();
  entry.digest = batch.digest;
  entry.row_keys = EncodeKeys(pass_.definition.key, *batch.rows, *batch.row_hashes);
  entry.stored_at = NowAsDatetime();
  return entry;
}

void DatabaseTableWriter::StoreOnce(const BatchToStore& batch) {
  // Also what an attempt finds whose COMMIT lost its answer.
  if (IsStored(batch)) return;
  Transaction transaction(*connection_);
  Failpoint("archive-begin");
  RowStore rows(*connection_, control_, table_, pass_, max_packet_bytes_);
  ControlEntry entry = Entry(batch);
  entry.superseded = EncodeSuperseded(rows.Insert(batch));
  try {
    control_.Insert(*connection_, std::move(entry), max_packet_bytes_);
  } catch (const DatabaseError& error) {
    // A COMMIT that had lost its answer arrived between the question above and this.
    if (error.code() != 1062) throw;
    connection_->Rollback();
    if (IsStored(batch)) return;
    throw;
  }
  Failpoint("archive-control-after");
  Failpoint("archive-commit-before");
  transaction.Commit();
  Failpoint("archive-commit-after");
}

}  // namespace osarchiver

// Kept rows and holds: one short lookup per row that a run reads, so everything here is a point
// query on a clustered key. Keys are worked in ascending order, which turns a batch's lookups into
// one walk over the pages.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "state/journal_state.h"
#include "state/row_marks.h"

namespace osarchiver {
namespace {

std::vector<std::size_t> AscendingOrder(const std::vector<std::int64_t>& keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&keys](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  return order;
}

}  // namespace

void Journal::State::PutKept(std::int64_t table, BatchId batch, const std::vector<KeptRow>& rows) {
  std::vector<KeptRow> sorted = rows;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const KeptRow& a, const KeptRow& b) { return a.key_hash < b.key_hash; });
  std::unordered_map<BatchId, std::int64_t> kept_by_batch;
  std::int64_t added = 0;
  std::int64_t mark = 0;
  {
    Statement find =
        db->Query("SELECT batch_id, row_hash FROM kept WHERE table_id = ? AND key_hash = ?");
    Statement put = db->Query(
        "INSERT OR REPLACE INTO kept (table_id, key_hash, row_hash, batch_id) VALUES (?, ?, ?, ?)");
    for (const KeptRow& row : sorted) {
      const BatchId keeper = batch != 0 ? batch : row.batch;
      if (find.Rebind(table, row.key_hash).Step()) {
        --kept_by_batch[find.Int(0)];
        mark -= KeptMark(row.key_hash, find.Int(1), find.Int(0));
      } else {
        ++added;
      }
      ++kept_by_batch[keeper];
      mark += KeptMark(row.key_hash, row.row_hash, keeper);
      (void)put.Rebind(table, row.key_hash, row.row_hash, keeper).Step();
    }
  }
  for (const auto& [owner, count] : kept_by_batch) {
    db->Run("UPDATE batches SET kept_rows = kept_rows + ? WHERE id = ?", count, owner);
  }
  db->Run("UPDATE tables SET kept_rows = kept_rows + ?, kept_mark = kept_mark + ? WHERE id = ?",
          added, mark, table);
}

std::uint64_t Journal::State::TakeKept(std::int64_t table, std::vector<std::int64_t> key_hashes) {
  std::sort(key_hashes.begin(), key_hashes.end());
  std::unordered_map<BatchId, std::int64_t> taken_by_batch;
  std::uint64_t taken = 0;
  std::int64_t mark = 0;
  {
    Statement find =
        db->Query("SELECT batch_id, row_hash FROM kept WHERE table_id = ? AND key_hash = ?");
    Statement take = db->Query("DELETE FROM kept WHERE table_id = ? AND key_hash = ?");
    for (const std::int64_t key_hash : key_hashes) {
      if (!find.Rebind(table, key_hash).Step()) continue;
      ++taken_by_batch[find.Int(0)];
      ++taken;
      mark += KeptMark(key_hash, find.Int(1), find.Int(0));
      (void)take.Rebind(table, key_hash).Step();
    }
  }
  for (const auto& [owner, count] : taken_by_batch) {
    db->Run("UPDATE batches SET kept_rows = kept_rows - ? WHERE id = ?", count, owner);
  }
  db->Run("UPDATE tables SET kept_rows = kept_rows - ?, kept_mark = kept_mark - ? WHERE id = ?",
          taken, mark, table);
  return taken;
}

std::vector<std::optional<KeptRow>> Journal::FindKept(
    std::string_view archiver, const PassKey& key,
    const std::vector<std::int64_t>& key_hashes) const {
  const State::Call call(*state_);
  std::vector<std::optional<KeptRow>> found(key_hashes.size());
  // One snapshot, and one lock of the file instead of one per row.
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  const std::int64_t table = state_->FindTable(archiver, key);
  if (table == 0) return found;
  Statement find =
      state_->db->Query("SELECT row_hash, batch_id FROM kept WHERE table_id = ? AND key_hash = ?");
  for (const std::size_t i : AscendingOrder(key_hashes)) {
    if (find.Rebind(table, key_hashes[i]).Step())
      found[i] = KeptRow{key_hashes[i], find.Int(0), find.Int(1)};
  }
  return found;
}

void Journal::RemoveKept(std::string_view archiver, const PassKey& key,
                         const std::vector<std::int64_t>& key_hashes) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const std::int64_t table = state_->FindTable(archiver, key);
  if (table != 0 && state_->TakeKept(table, key_hashes) > 0) transaction.Commit();
}

void Journal::AddKept(std::string_view archiver, const PassKey& key,
                      const std::vector<KeptRow>& rows) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  state_->PutKept(state_->TableId(archiver, key), 0, rows);
  transaction.Commit();
}

std::uint64_t Journal::CountKept(std::string_view archiver, const PassKey& key) const {
  const State::Call call(*state_);
  return static_cast<std::uint64_t>(state_->db->QueryInt(
      "SELECT kept_rows FROM tables WHERE id = ?", state_->FindTable(archiver, key)));
}

void Journal::AddHolds(std::string_view archiver, const PassKey& key,
                       const std::vector<std::int64_t>& key_hashes, std::string_view reason) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const std::int64_t table = state_->TableId(archiver, key);
  const std::int64_t reason_id = state_->TextId(reason);
  std::int64_t added = 0;
  std::int64_t mark = 0;
  {
    Statement add = state_->db->Query(
        "INSERT OR IGNORE INTO holds (table_id, key_hash, reason) VALUES (?, ?, ?)");
    for (const std::size_t i : AscendingOrder(key_hashes)) {
      (void)add.Rebind(table, key_hashes[i], reason_id).Step();
      if (state_->db->changes() == 0) continue;
      ++added;
      mark += HeldMark(key_hashes[i], reason_id);
    }
  }
  state_->db->Run(
      "UPDATE tables SET held_rows = held_rows + ?, held_mark = held_mark + ? WHERE id = ?", added,
      mark, table);
  transaction.Commit();
}

std::vector<bool> Journal::FindHeld(const PassKey& key,
                                    const std::vector<std::int64_t>& key_hashes) const {
  const State::Call call(*state_);
  std::vector<bool> held(key_hashes.size());
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  std::vector<std::int64_t> tables;
  {
    Statement find = state_->db->Query(
        "SELECT id FROM tables WHERE source = ? AND database_name = ? AND table_name = ? AND "
        "held_rows > 0",
        key.source, key.database, key.table);
    while (find.Step()) tables.push_back(find.Int(0));
  }
  if (tables.empty()) return held;
  const std::vector<std::size_t> order = AscendingOrder(key_hashes);
  Statement find = state_->db->Query("SELECT 1 FROM holds WHERE table_id = ? AND key_hash = ?");
  for (const std::int64_t table : tables) {
    for (const std::size_t i : order) held[i] = held[i] || find.Rebind(table, key_hashes[i]).Step();
  }
  return held;
}

std::vector<HeldRows> Journal::ListHolds() const {
  const State::Call call(*state_);
  std::vector<HeldRows> holds;
  std::int64_t table = 0;
  Statement rows = state_->db->Query(
      "SELECT t.id, t.archiver, t.source, t.database_name, t.table_name, h.key_hash"
      " FROM holds h JOIN tables t ON t.id = h.table_id ORDER BY t.id, h.key_hash");
  while (rows.Step()) {
    if (rows.Int(0) != table) {
      table = rows.Int(0);
      holds.push_back({rows.Text(1), {rows.Text(2), rows.Text(3), rows.Text(4)}, {}});
    }
    holds.back().key_hashes.push_back(rows.Int(5));
  }
  return holds;
}

std::uint64_t Journal::CountHeld(const PassKey& key) const {
  const State::Call call(*state_);
  return static_cast<std::uint64_t>(state_->db->QueryInt(
      "SELECT coalesce(sum(held_rows), 0) FROM tables WHERE source = ? AND database_name = ? AND "
      "table_name = ?",
      key.source, key.database, key.table));
}

std::vector<HeldTable> Journal::ListHeldTables() const {
  const State::Call call(*state_);
  std::vector<HeldTable> held;
  Statement rows = state_->db->Query(
      "SELECT source, database_name, table_name, sum(held_rows) FROM tables WHERE held_rows > 0"
      " GROUP BY source, database_name, table_name ORDER BY source, database_name, table_name");
  while (rows.Step()) {
    held.push_back(
        {{rows.Text(0), rows.Text(1), rows.Text(2)}, static_cast<std::uint64_t>(rows.Int(3))});
  }
  return held;
}

}  // namespace osarchiver

#include "source/unit_delete.h"

#include <algorithm>
#include <string>

#include "mariadb/catalogue.h"
#include "mariadb/retry.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// Tries without a committed transaction between them; with lock waits of 5 seconds about two
// minutes.
constexpr int kMaxFailures = 16;
// After a stop was asked for the step is finished if the server lets it, not waited for.
constexpr int kMaxFailuresWhenStopped = 3;
// Rounds that neither deleted a row nor learned of one that stays.
constexpr int kMaxFruitlessRounds = 8;
constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::milliseconds kMaxDelay{5000};

// Whether a COMMIT that ended with this error may have been carried out. For a deadlock and its
// like the server says that the transaction is gone; a Galera node that leaves its cluster in the
// middle does not know.
bool MayBeCommitted(const DatabaseError& error) {
  constexpr unsigned kNotPrimary = 1047, kInterrupted = 1317;
  const ErrorClass error_class = Classify(error);
  return error_class == ErrorClass::kConnectionLost || error_class == ErrorClass::kPermanent ||
         error.code() == kNotPrimary || error.code() == kInterrupted;
}

}  // namespace

UnitDelete::UnitDelete(DeleteSession& session, Clock& clock, StopControl& stop,
                       const std::vector<DeletableRows>& parts, const DeleteOptions& options)
    : session_(session),
      clock_(clock),
      stop_(stop),
      options_(options),
      unit_(parts),
      transaction_(session, unit_, clock),
      fates_(unit_.groups.row_count(), Fate::kPending),
      maybe_deleted_(unit_.groups.row_count(), false) {
  for (const DeletableRows& part : parts) {
    outcome_.rows.emplace_back(part.size(), RowOutcome::kAbsent);
  }
}

DeleteOutcome UnitDelete::Run() {
  std::size_t group = 0;
  while (group < unit_.groups.group_count()) {
    if (options_.may_go_on && !options_.may_go_on()) throw DeleteLeft();
    std::size_t end = group + 1;
    const Step step = Try(group, &end);
    if (step == Step::kDone) group = end;
    if (step != Step::kIsolate) continue;
    if (end - group == 1) {
      // It is this one: its rows stay.
      MarkStaying(Pending(group, end));
    } else {
      isolate_end_ = std::max(isolate_end_, end);
      isolate_groups_ = (end - group) / 2;
    }
  }
  AskAboutStaying();
  return std::move(outcome_);
}

std::size_t UnitDelete::EndOf(std::size_t begin) const {
  const DeleteGroups& groups = unit_.groups;
  const std::uint64_t rows =
      session_.size.rows(std::min(options_.max_rows_per_transaction, session_.max_rows()));
  std::size_t end = begin + 1;
  std::uint64_t bytes = BytesOf(begin);
  while (end < groups.group_count() &&
         groups.group_begin(end + 1) - groups.group_begin(begin) <= rows) {
    bytes += BytesOf(end);
    if (bytes > session_.max_bytes()) break;
    ++end;
  }
  if (begin < isolate_end_) end = std::min(end, begin + std::max<std::size_t>(1, isolate_groups_));
  return end;
}

std::uint64_t UnitDelete::BytesOf(std::size_t group) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = unit_.groups.group_begin(group); i < unit_.groups.group_begin(group + 1);
       ++i) {
    const RowPosition position = unit_.groups.Locate(unit_.groups.order()[i]);
    bytes += unit_.parts[position.part].row(position.row).size();
  }
  return bytes;
}

UnitDelete::Step UnitDelete::Try(std::size_t begin, std::size_t* end) {
  try {
    // The server that is reached now says how large a transaction may be.
    session_.EnsureConnected();
    *end = EndOf(begin);
    return TryTransaction(begin, *end);
  } catch (const DatabaseError& error) {
    session_.Rollback();
    const std::size_t rows = unit_.groups.group_begin(*end) - unit_.groups.group_begin(begin);
    Failed(error, rows, *end - begin > 1);
    return Step::kRepeat;
  } catch (...) {
    session_.Rollback();
    throw;
  }
}

UnitDelete::Step UnitDelete::TryTransaction(std::size_t begin, std::size_t end) {
  const std::vector<std::uint32_t> rows = Pending(begin, end);
  if (rows.empty()) return Step::kDone;
  DeleteAttempt attempt;
  try {
    // After a failure the rest of the unit goes by list: it waits for no lock but its own rows'.
    transaction_.Run(rows, outcome_.retries == 0 ? KeysAs::kRuns : KeysAs::kList, &attempt);
  } catch (const DatabaseError& error) {
    if (attempt.committing && MayBeCommitted(error)) {
      for (const std::uint32_t row : attempt.returned) maybe_deleted_[row] = true;
    }
    throw;
  }
  if (attempt.end == DeleteAttempt::End::kCommitted) {
    Committed(rows, attempt);
    return Step::kDone;
  }
  if (attempt.end == DeleteAttempt::End::kReferred) return Step::kIsolate;
  for (const std::uint32_t row : attempt.changed) {
    Outcome(row) = RowOutcome::kChanged;
    fates_[row] = Fate::kSettled;
  }
  MarkStaying(attempt.changed);
  MarkStaying(attempt.blocked);
  const bool fruitless = attempt.changed.empty() && attempt.blocked.empty();
  fruitless_rounds_ = fruitless ? fruitless_rounds_ + 1 : 0;
  if (fruitless_rounds_ > kMaxFruitlessRounds) {
    throw Error("table " + ToText(unit_.parts.back().table().name) +
                    ": rows or foreign keys change under every try to delete",
                "the rows stay; the next run tries again");
  }
  return Step::kRepeat;
}

std::vector<std::uint32_t> UnitDelete::Pending(std::size_t begin, std::size_t end) const {
  std::vector<std::uint32_t> rows;
  const std::vector<std::uint32_t>& order = unit_.groups.order();
  for (std::size_t i = unit_.groups.group_begin(begin); i < unit_.groups.group_begin(end); ++i) {
    if (fates_[order[i]] == Fate::kPending) rows.push_back(order[i]);
  }
  return rows;
}

void UnitDelete::Committed(const std::vector<std::uint32_t>& rows, const DeleteAttempt& attempt) {
  for (const std::uint32_t row : rows) {
    Outcome(row) = maybe_deleted_[row] ? RowOutcome::kDeleted : options_.absent;
    fates_[row] = Fate::kSettled;
  }
  for (const std::uint32_t row : attempt.returned) Outcome(row) = RowOutcome::kDeleted;
  ++outcome_.transactions;
  outcome_.longest_transaction = std::max(outcome_.longest_transaction, attempt.duration);
  session_.size.Committed(rows.size(), attempt.duration, options_.target,
                          options_.max_rows_per_transaction);
  if (options_.committed) options_.committed(attempt.returned.size(), attempt.duration);
  failures_ = 0;
  fruitless_rounds_ = 0;
  isolate_groups_ *= 2;
}

void UnitDelete::MarkStaying(const std::vector<std::uint32_t>& rows) {
  for (const std::uint32_t row : unit_.groups.StayingWith(rows)) {
    if (fates_[row] == Fate::kPending) fates_[row] = Fate::kStays;
  }
}

void UnitDelete::AskAboutStaying() {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < fates_.size(); ++row) {
    if (fates_[row] == Fate::kStays) rows.push_back(row);
  }
  if (rows.empty()) return;
  failures_ = 0;
  while (true) {
    try {
      session_.EnsureConnected();
      const std::vector<RowOutcome> answers = transaction_.Ask(rows);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool absent = answers[i] == RowOutcome::kAbsent;
        const RowOutcome gone = maybe_deleted_[rows[i]] ? RowOutcome::kDeleted : options_.absent;
        Outcome(rows[i]) = absent ? gone : answers[i];
      }
      return;
    } catch (const DatabaseError& error) {
      Failed(error, rows.size(), false);
    }
  }
}

void UnitDelete::Failed(const DatabaseError& error, std::uint64_t rows, bool can_be_smaller) {
  const ErrorClass error_class = Classify(error);
  ++failures_;
  ++outcome_.retries;
  const int limit = stop_.stopped() ? kMaxFailuresWhenStopped : kMaxFailures;
  const bool hopeless = error_class == ErrorClass::kPermanent ||
                        (error_class == ErrorClass::kTooLarge && !can_be_smaller);
  if (hopeless || failures_ >= limit) {
    throw DatabaseError(error.code(), error.sqlstate(),
                        "table " + ToText(unit_.parts.back().table().name) + ": deleting failed" +
                            (failures_ > 1 ? " " + std::to_string(failures_) + " times" : "") +
                            ": " + error.what(),
                        error.hint());
  }
  // Numbers from 2000 are the client's: the server did not mind the transaction.
  if (error_class == ErrorClass::kTooLarge) {
    session_.size.Refused(rows, TransactionSize::Reason::kTooLarge);
  } else if (error.code() < 2000) {
    session_.size.Refused(rows, TransactionSize::Reason::kMayPass);
  }
  const std::chrono::milliseconds delay =
      std::min(kMaxDelay, kFirstDelay * (1 << std::min(failures_ - 1, 10)));
  LogWarning("table " + ToText(unit_.parts.back().table().name) + ": deleting " +
             std::to_string(rows) + " rows failed, trying again in " +
             std::to_string(delay.count()) + " ms: " + error.what());
  stop_.Sleep(delay);
}

RowOutcome& UnitDelete::Outcome(std::uint32_t row) {
  const RowPosition position = unit_.groups.Locate(row);
  return outcome_.rows[position.part][position.row];
}

}  // namespace osarchiver

// One call of Deleter::Delete: cuts the rows into transactions, repeats what failed, and says at
// the end what became of each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "source/delete_session.h"
#include "source/delete_transaction.h"
#include "source/deleter.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/stop.h"

namespace osarchiver {

class UnitDelete {
 public:
  UnitDelete(DeleteSession& session, Clock& clock, StopControl& stop,
             const std::vector<DeletableRows>& parts, const DeleteOptions& options);
  DeleteOutcome Run();

 private:
  enum class Fate : std::uint8_t {
    kPending,  // to be deleted
    kSettled,  // its outcome is known
    kStays,    // left out; at the end the database is asked what is there
  };
  // What a try of one transaction came to.
  enum class Step {
    kDone,     // nothing of its groups is pending any more
    kRepeat,   // learned which rows stay, or failed in a way that may pass
    kIsolate,  // the server refused it for a child that nobody can see: fewer groups at once tell
               // which row
  };

  // The end of the transaction that begins with group `begin`: as many groups as keep within all
  // limits, at least one.
  std::size_t EndOf(std::size_t begin) const;
  std::uint64_t BytesOf(std::size_t group) const;
  // `end` is set to that end.
  Step Try(std::size_t begin, std::size_t* end);
  Step TryTransaction(std::size_t begin, std::size_t end);
  std::vector<std::uint32_t> Pending(std::size_t begin, std::size_t end) const;
  void Committed(const std::vector<std::uint32_t>& rows, const DeleteAttempt& attempt);
  void MarkStaying(const std::vector<std::uint32_t>& rows);
  void AskAboutStaying();
  // Waits before the next try, or throws `error` on.
  void Failed(const DatabaseError& error, std::uint64_t rows, bool can_be_smaller);
  RowOutcome& Outcome(std::uint32_t row);

  DeleteSession& session_;
  Clock& clock_;
  StopControl& stop_;
  const DeleteOptions& options_;
  const DeleteUnit unit_;
  DeleteTransaction transaction_;
  DeleteOutcome outcome_;
  std::vector<Fate> fates_;
  // Rows of a transaction whose COMMIT lost its answer: when they are gone, it was carried out.
  std::vector<bool> maybe_deleted_;
  int failures_ = 0;  // since the last committed transaction
  int fruitless_rounds_ = 0;
  // While groups before isolate_end_ are looked at for a row that something invisible refers to:
  // groups at once.
  std::size_t isolate_end_ = 0;
  std::size_t isolate_groups_ = 0;
};

}  // namespace osarchiver

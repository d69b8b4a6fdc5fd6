// Cuts a table into key windows of such a size that a statement over one takes about a third of a
// second. On an integer key by arithmetic, which costs nothing; on other keys by asking for the key
// so many rows further on.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "mariadb/connection.h"
#include "source/key_walk.h"
#include "source/table_plan.h"
#include "util/clock.h"

namespace osarchiver {

// Longest time a reading statement is given by the server; doubled only where even the smallest
// window takes longer.
inline constexpr std::chrono::milliseconds kStatementLimit{1000};

// "SET STATEMENT max_statement_time=1,... FOR ": before a SELECT. Without materialization: NOT
// EXISTS looks children up through their index, and never reads a whole child table first; nor are
// its answers kept, for each is asked for once [a seventh of the time that it took].
std::string Guarded(std::chrono::milliseconds limit);
// The statement was ended by that limit.
bool IsTimeout(const DatabaseError& error);

struct KeyWindow {
  std::string condition;           // rows of the window; "FALSE" when there are none
  std::optional<KeyCursor> up_to;  // where to go on; nothing: the range ends here
};

// The order in which to walk a table: its key's, or that of the index on the soft-delete column
// where only few rows can match, so that the cost follows what is archived. Asks the server when
// there is such an index.
KeyOrder ChooseOrder(Connection& connection, const TablePlan& table);

class KeyWindows {
 public:
  // `order` must outlive this. `rows_estimate` sizes the first window.
  KeyWindows(const KeyOrder& order, std::uint64_t rows_estimate, Clock& clock);

  // The range's ends as they are now, for integer keys; asked once by each pass. False: the table
  // is empty.
  bool Measure(Connection& connection);

  // The window behind `after` (nothing: from the start), at most up to `end` (nothing: to the end
  // of the table).
  KeyWindow Behind(Connection& connection, const std::optional<KeyCursor>& after,
                   const std::optional<KeyCursor>& end);
  // How long the statement over the whole of the last window took.
  void Took(std::chrono::milliseconds elapsed);
  // The server ended it: the next window is smaller, or has more time.
  void TookTooLong();
  std::chrono::milliseconds limit() const { return limit_; }
  // Integer keys only: a single value of the leading column holds too many rows, so windows are
  // found by asking from now on.
  bool by_arithmetic() const { return by_arithmetic_; }
  // Share of the key space up to `at`; 0 when unknown.
  double Share(const std::optional<KeyCursor>& at) const;

 private:
  using Wide = __int128;  // BIGINT and BIGINT UNSIGNED, and sums of them

  KeyWindow Arithmetic(Connection& connection, const std::optional<KeyCursor>& after,
                       const std::optional<KeyCursor>& end);
  KeyWindow Asked(Connection& connection, const std::optional<KeyCursor>& after,
                  const std::optional<KeyCursor>& end);
  static Wide ToWide(const std::string& text);
  static std::string ToText(Wide number);

  const KeyOrder& order_;
  Clock& clock_;
  std::uint64_t rows_estimate_;
  bool by_arithmetic_;
  Wide min_ = 0, max_ = -1;
  Wide width_ = 10000;
  std::uint64_t rows_ = 20000;  // of a window that is asked for
  bool probe_ = false;          // the last window was so quick that it may have been a gap
  std::chrono::milliseconds limit_ = kStatementLimit;
};

}  // namespace osarchiver

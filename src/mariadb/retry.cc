#include "mariadb/retry.h"

#include <algorithm>
#include <optional>
#include <string>

#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::chrono::milliseconds kStopInterval{200};

// Sleeps in slices, so that a stop is heard.
void SleepUnlessStopped(Clock& clock, std::chrono::milliseconds delay,
                        const std::function<bool()>& stop) {
  while (delay.count() > 0 && !(stop && stop())) {
    const std::chrono::milliseconds slice = stop ? std::min(delay, kStopInterval) : delay;
    clock.Sleep(slice);
    delay -= slice;
  }
}

}  // namespace

ErrorClass Classify(const DatabaseError& error) {
  switch (error.code()) {
    case 1020:  // record has changed since last read: innodb_snapshot_isolation met a newer version
    case 1040:  // too many connections
    case 1043:  // bad handshake: a server that is just going down or coming up
    case 1047:  // Galera: the node is not in a primary component
    case 1203:  // the account has max_user_connections
    case 1205:  // lock wait timeout: the statement is undone, the transaction may still be open
    case 1213:  // deadlock, or a Galera conflict (at COMMIT or any later statement): the
                // transaction is gone
    case 1317:  // somebody killed the statement
    case 1412:  // table definition has changed, please retry transaction
    case 1637:  // too many active concurrent transactions
    case 2002:  // cannot connect through the socket: nothing was sent
    case 2003:  // cannot connect over TCP: nothing was sent
    case 2005:  // the resolver does not know the host just now
      return ErrorClass::kTransient;
    case 1105:  // Galera: maximum writeset size exceeded (it has no number of its own)
    case 1153:  // packet bigger than max_allowed_packet
    case 1180:  // error during COMMIT: wsrep_max_ws_rows exceeded
    case 1197:  // transaction needs more than max_binlog_cache_size
    case 1206:  // the total number of locks exceeds the lock table size
    case 1969:  // max_statement_time exceeded
    case 2020:  // client library: packet bigger than max_allowed_packet
      return ErrorClass::kTooLarge;
    case 1053:  // server shutdown in progress
    case 1077:  // normal shutdown
    case 1079:  // shutdown complete
    case 1152:  // aborted connection
    case 1156:  // packets out of order
    case 1158:  // error reading communication packets
    case 1159:  // timeout reading communication packets
    case 1160:  // error writing communication packets
    case 1161:  // timeout writing communication packets
    case 1184:  // new aborting connection
    case 1927:  // connection was killed
    case 2000:  // unknown error of the client library: what it read made no sense
    case 2006:  // server has gone away
    case 2013:  // lost connection during query
    case 2027:  // malformed packet
    case 2048:  // invalid connection handle: lost before
    case 2055:  // lost connection, with the system's error number
    case 4031:  // the server closed an idle connection (MySQL's number, sent by proxies)
      return ErrorClass::kConnectionLost;
    default:
      return ErrorClass::kPermanent;
  }
}

void Retry(const RetryPolicy& policy, Clock& clock, std::string_view what,
           const std::function<void()>& work,
           const std::function<void(const DatabaseError&)>& between,
           const std::function<bool()>& stop) {
  std::chrono::milliseconds delay = policy.first_delay;
  std::optional<DatabaseError> last;
  for (int attempt = 1;; ++attempt) {
    try {
      if (last && between) between(*last);
      work();
      return;
    } catch (const DatabaseError& error) {
      const ErrorClass error_class = Classify(error);
      const bool again =
          error_class == ErrorClass::kTransient || error_class == ErrorClass::kConnectionLost;
      if (!again && attempt == 1) throw;
      if (!again || attempt >= policy.attempts || (stop && stop())) {
        const std::string tried =
            attempt == 1 ? "" : " (tried " + std::to_string(attempt) + " times)";
        throw DatabaseError(error.code(), error.sqlstate(), error.what() + tried, error.hint());
      }
      last = error;
    }
    LogWarning(std::string(what) + ": " + last->what() + "; trying again in " +
               std::to_string(delay.count()) + " ms (" + std::to_string(attempt) + " of " +
               std::to_string(policy.attempts) + " attempts failed)");
    SleepUnlessStopped(clock, delay, stop);
    if (stop && stop()) {
      throw DatabaseError(last->code(), last->sqlstate(),
                          last->what() + std::string(" (stopped while waiting to try again)"),
                          last->hint());
    }
    delay = std::min(delay * 2, policy.max_delay);
  }
}

}  // namespace osarchiver

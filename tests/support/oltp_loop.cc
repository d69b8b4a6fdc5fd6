// A small online load on nova.instances: what runs beside osarchiver when its effect on others is
// measured. Each of a few threads, over a connection of its own, repeats one transaction as a
// service would (read a live server by its key, change its state, every tenth time insert one or
// soft-delete one) and then thinks for a moment.
//
// As account `service`, which is somebody else to the account that archives.
//
//   osarchiver_oltp_loop SOCKET SECONDS [THREADS [THINK_US]]
//
// Prints one line of JSON: the number of transactions and their latency in microseconds. Ends early
// and says so when a statement fails that no retry helps against.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "mariadb/connection.h"
#include "mariadb/retry.h"
#include "util/error.h"

namespace osarchiver {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::microseconds;

// What one thread saw.
struct Seen {
  std::vector<std::int64_t> latencies_us;
  std::uint64_t retries = 0;
  std::string failure;
};

std::unique_ptr<Connection> Connect(const std::string& socket) {
  ServerAddress address;
  address.socket = socket;
  address.user = "service";
  address.database = "nova";
  return Connection::Open(address);
}

std::vector<std::string> LiveIds(const std::string& socket) {
  std::vector<std::string> ids;
  const auto connection = Connect(socket);
  connection->Stream("SELECT id FROM instances WHERE deleted = 0", [&](const Row& row) {
    ids.emplace_back(row[0].value_or(""));
    return RowAction::kContinue;
  });
  return ids;
}

void Transact(Connection& connection, const std::string& id, std::uint64_t number,
              std::uint64_t thread) {
  connection.Begin();
  (void)connection.Query("SELECT uuid, host, task_state FROM instances WHERE id = " + id);
  connection.Execute(
      fmt::format("UPDATE instances SET progress = {}, updated_at = UTC_TIMESTAMP() WHERE id = {}",
                  number % 100, id));
  if (number % 10 == 5) {
    connection.Execute(
        fmt::format("INSERT INTO instances (created_at, uuid, hostname, host, project_id, deleted) "
                    "VALUES (UTC_TIMESTAMP(), UUID(), 'new-{}-{}', 'compute1', 'p', 0)",
                    thread, number));
  }
  if (number % 10 == 9) {
    connection.Execute(
        "UPDATE instances SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE id = " + id);
  }
  connection.Commit();
}

void Work(const std::string& socket, const std::vector<std::string>& ids, std::uint64_t thread,
          SteadyClock::time_point end, microseconds think, Seen* seen) {
  try {
    const auto connection = Connect(socket);
    std::mt19937_64 random(thread);
    for (std::uint64_t number = 0; SteadyClock::now() < end; ++number) {
      const std::string& id = ids[random() % ids.size()];
      // A transaction that has to be tried again is as slow as all its tries together.
      const auto begin = SteadyClock::now();
      for (;;) {
        try {
          Transact(*connection, id, number, thread);
          break;
        } catch (const DatabaseError& error) {
          if (Classify(error) != ErrorClass::kTransient) throw;
          connection->Rollback();
          ++seen->retries;
        }
      }
      const auto took = std::chrono::duration_cast<microseconds>(SteadyClock::now() - begin);
      seen->latencies_us.push_back(took.count());
      std::this_thread::sleep_for(think);
    }
  } catch (const std::exception& error) {
    seen->failure = error.what();
  }
}

int Main(const std::vector<std::string>& words) {
  if (words.size() < 2) {
    std::fprintf(stderr, "usage: osarchiver_oltp_loop SOCKET SECONDS [THREADS [THINK_US]]\n");
    return 2;
  }
  const std::string& socket = words[0];
  const int seconds = std::atoi(words[1].c_str());
  const int threads = words.size() > 2 ? std::atoi(words[2].c_str()) : 2;
  const microseconds think(words.size() > 3 ? std::atoi(words[3].c_str()) : 2000);
  const std::vector<std::string> ids = LiveIds(socket);
  if (ids.empty()) {
    std::fprintf(stderr, "there is no live row to work on\n");
    return 1;
  }
  const auto end = SteadyClock::now() + std::chrono::seconds(seconds);
  std::vector<Seen> seen(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      workers.emplace_back([&, i] { Work(socket, ids, i, end, think, &seen[i]); });
    }
  }
  std::vector<std::int64_t> all;
  std::uint64_t retries = 0;
  for (const Seen& one : seen) {
    if (!one.failure.empty()) {
      std::fprintf(stderr, "%s\n", one.failure.c_str());
      return 1;
    }
    all.insert(all.end(), one.latencies_us.begin(), one.latencies_us.end());
    retries += one.retries;
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("%s\n", fmt::format("{{\"transactions\": {}, \"retries\": {}, \"p50_us\": {}, "
                                  "\"p95_us\": {}, \"p99_us\": {}, \"max_us\": {}}}",
                                  all.size(), retries, at(0.5), at(0.95), at(0.99), all.back())
                          .c_str());
  return 0;
}

}  // namespace
}  // namespace osarchiver

int main(int argc, char** argv) {
  try {
    return osarchiver::Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

#include "mariadb/connection.h"

#include <algorithm>
#include <utility>

#include "mariadb/client.h"
#include "mariadb/endpoint.h"
#include "mariadb/error_text.h"
#include "mariadb/quote.h"
#include "mariadb/session.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr unsigned kQueryInterrupted = 1317;
// Reading so many rows, if they are not long, costs less than a second connection.
constexpr int kDrainRows = 500;
constexpr std::size_t kDrainBytes = 1 << 20;
constexpr std::size_t kCompareBytes = 64;
// Several connections may keep as much at a time.
constexpr std::size_t kLargeBufferBytes = 4 << 20;

// The part of a statement that looks the same in the process list whatever the character sets.
std::string_view RecognizablePart(std::string_view sql) {
  sql.remove_prefix(std::min(sql.find_first_not_of(" \t\r\n"), sql.size()));
  sql = sql.substr(0, kCompareBytes);
  const auto odd = std::find_if(sql.begin(), sql.end(),
                                [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  return sql.substr(0, static_cast<std::size_t>(odd - sql.begin()));
}

// Ends the statement that `thread_id` runs, if it is still `sql`. By its query id, so that a
// statement that ends meanwhile cannot draw the kill upon its successor; and compared first,
// because behind an address that stands for several servers the number may be another's.
void KillStatement(const ConnectPlan& plan, const Endpoint& endpoint, std::uint64_t thread_id,
                   std::string_view sql) {
  const std::unique_ptr<Client> killer = Client::Connect(plan, endpoint);
  const std::string id = std::to_string(thread_id);
  std::string query_id;
  if (killer->Send("SELECT QUERY_ID, INFO FROM information_schema.PROCESSLIST WHERE ID = " + id)) {
    Row row;
    while (killer->Fetch(&row)) {
      if (row[0] && row[1] && RecognizablePart(*row[1]) == RecognizablePart(sql))
        query_id = *row[0];
    }
  }
  if (query_id.empty()) return;
  Row ignored;
  if (killer->Send("KILL QUERY ID " + query_id)) {
    while (killer->Fetch(&ignored)) {
    }
  }
}

ServerAddress AddressOf(const ServerAddress& configured, const Endpoint& endpoint) {
  ServerAddress address = configured;
  if (endpoint.tcp) {
    // In brackets, because an IPv6 address ends in what looks like a port.
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    address.hosts = {v6 ? "[" + endpoint.host + "]" : endpoint.host};
    address.port = endpoint.port;
    address.socket.clear();
  } else {
    address.hosts = {"localhost"};
    address.port = 0;
    address.socket = endpoint.socket;
  }
  return address;
}

}  // namespace

struct Connection::State {
  ConnectPlan plan;
  Endpoint endpoint;
  ServerAddress address;
  std::unique_ptr<Client> client;
  std::string server_version;
  Row row;

  // Reads the rest of an unwanted result, by killing the statement when there is much of it.
  void Abandon(std::string_view sql);
  void DrainAfterKill();
};

void Connection::State::DrainAfterKill() {
  try {
    while (client->Fetch(&row)) {
    }
  } catch (const DatabaseError& error) {
    if (error.code() != kQueryInterrupted) throw;
  }
  // A kill that came just behind the statement's end would hit the next one: let it be this.
  try {
    client->Send("DO 0");
  } catch (const DatabaseError& error) {
    if (error.code() != kQueryInterrupted) throw;
  }
}

void Connection::State::Abandon(std::string_view sql) {
  std::size_t bytes = 0;
  for (int i = 0; i < kDrainRows && bytes < kDrainBytes; ++i) {
    if (!client->Fetch(&row)) return;
    for (const Cell& cell : row) bytes += cell ? cell->size() : 0;
  }
  try {
    KillStatement(plan, endpoint, client->thread_id(), sql);
  } catch (const DatabaseError& error) {
    // Without the second connection the rest is read, which takes longer and is as good.
    LogDebug(endpoint.text +
             ": reading a result to its end, for it could not be ended: " + error.what());
  }
  DrainAfterKill();
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;

void Connection::LoadLibrary() { Client::LoadLibrary(); }

std::unique_ptr<Connection> Connection::Open(const ServerAddress& address) {
  const ConnectPlan plan = ResolveAddress(address);
  const std::string user = plan.user.empty() ? "the system's user" : plan.user;
  std::string failures, sqlstate, hint;
  unsigned code = 0;
  for (const Endpoint& endpoint : plan.endpoints) {
    try {
      auto state = std::make_unique<State>();
      state->plan = plan;
      state->endpoint = endpoint;
      state->client = Client::Connect(plan, endpoint);
      if (!endpoint.tcp && endpoint.socket.empty()) {
        const std::string path = state->client->socket_path();
        if (!path.empty()) state->endpoint.text = state->endpoint.socket = path;
      }
      state->address = AddressOf(address, state->endpoint);
      std::unique_ptr<Connection> connection(new Connection(std::move(state)));
      MakeReadable(*connection);
      connection->state_->server_version = connection->QueryValue("SELECT VERSION()").value_or("");
      SetUpSession(*connection, address);
      return connection;
    } catch (const DatabaseError& error) {
      failures += failures.empty() ? "" : "; ";
      const std::string said = error.what();
      failures += said.starts_with(endpoint.text) ? said : endpoint.text + ": " + said;
      code = error.code();
      sqlstate = error.sqlstate();
      hint = error.hint();
    }
  }
  throw DatabaseError(code, sqlstate, "cannot connect as " + user + ": " + failures, hint);
}

ExecuteResult Connection::Execute(std::string_view sql) {
  if (state_->client->Send(sql)) {
    while (state_->client->Fetch(&state_->row)) {
    }
    return {0, state_->client->warnings()};
  }
  return {state_->client->affected_rows(), state_->client->warnings()};
}

ExecuteResult Connection::ExecuteBulk(std::string_view sql, const BulkRows& rows) {
  return state_->client->SendBulk(sql, rows);
}

bool Connection::supports_bulk() const { return state_->client->supports_bulk(); }

Connection::StreamResult Connection::Stream(std::string_view sql,
                                            const std::function<RowAction(const Row&)>& on_row) {
  StreamResult result;
  if (!state_->client->Send(sql)) {
    result.warnings = state_->client->warnings();
    return result;
  }
  while (state_->client->Fetch(&state_->row)) {
    RowAction action;
    try {
      action = on_row(state_->row);
    } catch (...) {
      state_->client->Close();
      throw;
    }
    ++result.rows;
    if (action == RowAction::kStop) {
      result.stopped = true;
      state_->Abandon(sql);
      return result;
    }
  }
  result.warnings = state_->client->warnings();
  return result;
}

Table Connection::Query(std::string_view sql) {
  Table table;
  Stream(sql, [&table](const Row& row) {
    table.emplace_back(row.begin(), row.end());
    return RowAction::kContinue;
  });
  return table;
}

std::optional<std::string> Connection::QueryValue(std::string_view sql) {
  Table table = Query(sql);
  if (table.empty() || table[0].empty()) return std::nullopt;
  return std::move(table[0][0]);
}

std::vector<std::string> Connection::Warnings() {
  std::vector<std::string> lines;
  for (const auto& row : Query("SHOW WARNINGS")) {
    unsigned code = 0;
    for (const char c : row[1].value_or("0")) code = code * 10 + static_cast<unsigned>(c - '0');
    lines.push_back(std::to_string(code) + ": " + MaskServerMessage(code, row[2].value_or("")));
  }
  return lines;
}

void Connection::Begin() { Execute("START TRANSACTION"); }

void Connection::Commit() { Execute("COMMIT"); }

void Connection::Rollback() noexcept {
  try {
    if (usable()) Execute("ROLLBACK");
  } catch (const std::exception&) {
    // A transaction that cannot be rolled back goes with its connection, which must therefore not
    // be used again.
    state_->client->Close();
  }
}

bool Connection::usable() const { return !state_->client->lost(); }

bool Connection::holds_large_buffer() const {
  return state_->client->buffer_bytes() > kLargeBufferBytes;
}

std::uint64_t Connection::thread_id() const { return state_->client->thread_id(); }

const std::string& Connection::server_version() const { return state_->server_version; }

const std::string& Connection::endpoint() const { return state_->endpoint.text; }

const ServerAddress& Connection::address() const { return state_->address; }

bool Connection::encrypted() const { return state_->client->encrypted(); }

std::string Connection::QuoteText(std::string_view text) const {
  return osarchiver::QuoteText(text);
}

}  // namespace osarchiver

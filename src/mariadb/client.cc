#include "mariadb/client.h"

#include <mysql.h>

#include <mutex>
#include <vector>

#include "mariadb/error_text.h"
#include "mariadb/retry.h"

namespace osarchiver {
namespace {

constexpr unsigned kTlsError = 2026;  // CR_SSL_CONNECTION_ERROR

std::string HintForConnect(unsigned code, const Endpoint& endpoint) {
  switch (code) {
    case 1044:
    case 1045:
    case 1698:
      return "check user and password, and that the account may connect from this host";
    case 1049:
      return "the configured database does not exist on this server";
    case 1130:
      return "the server has no account for this host";
    case 2002:
    case 2003:
      return "is the server running, and is this the right address?";
    case 2005:
      return "the host name cannot be resolved";
    case kTlsError:
      if (endpoint.tls == Endpoint::Tls::kVerified) {
        return "the server's certificate must be signed by ssl_ca (or a system CA) and name this "
               "host; ssl_verify: false "
               "accepts any server, and none at all without TLS";
      }
      return "the server does not speak TLS as configured";
    default:
      return {};
  }
}

struct CloseStatement {
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};

void SetOptions(MYSQL* handle, const ConnectPlan& plan, const Endpoint& endpoint) {
  const unsigned protocol = endpoint.tcp ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  const unsigned off = 0;
  const unsigned long packet_max = 1ul << 30;
  const my_bool yes = 1, no = 0;
  mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &plan.connect_timeout_s);
  mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &plan.read_timeout_s);
  mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &plan.write_timeout_s);
  mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &off);
  mysql_optionsv(handle, MYSQL_OPT_RECONNECT, &no);
  mysql_optionsv(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
  mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "osarchiver");
  using Tls = Endpoint::Tls;
  // Only the verification makes the library refuse a server without TLS; encrypted() is looked at
  // after connecting as well.
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT,
                 endpoint.tls == Tls::kVerified ? &yes : &no);
  if (endpoint.tls == Tls::kNone) return;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
  const auto set = [handle](mysql_option option, const std::string& value) {
    if (!value.empty()) mysql_optionsv(handle, option, value.c_str());
  };
  set(MYSQL_OPT_SSL_CA, plan.tls_ca);
  set(MYSQL_OPT_SSL_CAPATH, plan.tls_capath);
  set(MYSQL_OPT_SSL_CERT, plan.tls_cert);
  set(MYSQL_OPT_SSL_KEY, plan.tls_key);
  set(MYSQL_OPT_SSL_CIPHER, plan.tls_cipher);
  set(MYSQL_OPT_SSL_CRL, plan.tls_crl);
  set(MYSQL_OPT_SSL_CRLPATH, plan.tls_crlpath);
  set(MARIADB_OPT_TLS_VERSION, plan.tls_version);
}

}  // namespace

void Client::CloseHandle::operator()(st_mysql* handle) const { mysql_close(handle); }

void Client::FreeResult::operator()(st_mysql_res* result) const { mysql_free_result(result); }

void Client::LoadLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (mysql_library_init(0, nullptr, nullptr) != 0) {
      throw DatabaseError(2000, "HY000", "the MariaDB client library cannot be initialized");
    }
  });
}

std::unique_ptr<Client> Client::Connect(const ConnectPlan& plan, const Endpoint& endpoint) {
  LoadLibrary();
  std::unique_ptr<Client> client(new Client());
  client->endpoint_ = endpoint.text;
  client->handle_.reset(mysql_init(nullptr));
  MYSQL* handle = client->handle_.get();
  if (handle == nullptr)
    throw DatabaseError(2008, "HY000", "the MariaDB client library is out of memory");
  SetOptions(handle, plan, endpoint);
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
  };
  if (mysql_real_connect(handle, or_null(endpoint.host), or_null(plan.user), plan.password.c_str(),
                         or_null(plan.database), endpoint.port, or_null(endpoint.socket),
                         0) == nullptr) {
    const unsigned code = mysql_errno(handle);
    throw DatabaseError(code, mysql_sqlstate(handle),
                        "error " + std::to_string(code) + ": " + mysql_error(handle),
                        HintForConnect(code, endpoint));
  }
  const bool needed =
      endpoint.tls == Endpoint::Tls::kVerified || endpoint.tls == Endpoint::Tls::kRequired;
  if (needed && !client->encrypted()) {
    throw DatabaseError(kTlsError, "HY000", "the connection is not encrypted",
                        HintForConnect(kTlsError, endpoint));
  }
  return client;
}

Client::~Client() {
  if (result_ != nullptr) Close();
}

void Client::ThrowLastError() {
  result_.reset();
  MYSQL* handle = handle_.get();
  Throw(mysql_errno(handle), mysql_sqlstate(handle), mysql_error(handle));
}

void Client::Throw(unsigned code, const char* state, const char* message) {
  DatabaseError error(code, state,
                      endpoint_ + ": error " + std::to_string(code) + ": " +
                          MaskServerMessage(code, message) + " (" + statement_ + ")",
                      HintForError(code));
  // A Galera node that left its component answers again later, but what it then has may be old:
  // connect anew.
  if (Classify(error) == ErrorClass::kConnectionLost || code == 1047 || code == 2014) lost_ = true;
  throw error;
}

void Client::RequireOpen() {
  if (handle_ != nullptr) return;
  lost_ = true;
  throw DatabaseError(2006, "HY000", endpoint_ + ": the connection is closed (" + statement_ + ")");
}

bool Client::Send(std::string_view sql) {
  statement_ = StatementText(sql);
  RequireOpen();
  result_.reset();
  if (mysql_real_query(handle_.get(), sql.data(), sql.size()) != 0) ThrowLastError();
  result_.reset(mysql_use_result(handle_.get()));
  if (result_ == nullptr && mysql_errno(handle_.get()) != 0) ThrowLastError();
  return result_ != nullptr;
}

bool Client::supports_bulk() const {
  unsigned long capabilities = 0;  // those of MariaDB alone: the upper half
  return handle_ != nullptr &&
         mariadb_get_infov(handle_.get(), MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES,
                           &capabilities) == 0 &&
         (capabilities & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
}

ExecuteResult Client::SendBulk(std::string_view sql, const BulkRows& rows) {
  statement_ = StatementText(sql);
  RequireOpen();
  result_.reset();
  const std::unique_ptr<MYSQL_STMT, CloseStatement> statement(mysql_stmt_init(handle_.get()));
  if (statement == nullptr) ThrowLastError();
  const auto require = [&](bool failed) {
    if (!failed) return;
    MYSQL_STMT* s = statement.get();
    Throw(mysql_stmt_errno(s), mysql_stmt_sqlstate(s), mysql_stmt_error(s));
  };
  require(mysql_stmt_prepare(statement.get(), sql.data(), sql.size()) != 0);
  std::vector<MYSQL_BIND> binds(rows.columns().size());
  for (std::size_t i = 0; i < binds.size(); ++i) {
    // The library only reads what it is given.
    auto& column = const_cast<BulkRows::ColumnValues&>(rows.columns()[i]);
    binds[i].buffer_type = column.is_binary ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
    binds[i].buffer = column.data.data();
    binds[i].length = column.lengths.data();
    binds[i].u.indicator = column.nulls.data();
  }
  static_assert(STMT_INDICATOR_NONE == 0 && STMT_INDICATOR_NULL == 1);
  const unsigned count = static_cast<unsigned>(rows.row_count());
  require(mysql_stmt_attr_set(statement.get(), STMT_ATTR_ARRAY_SIZE, &count) != 0);
  require(mysql_stmt_bind_param(statement.get(), binds.data()) != 0);
  require(mysql_stmt_execute(statement.get()) != 0);
  return {mysql_stmt_affected_rows(statement.get()),
          static_cast<std::uint64_t>(mysql_stmt_warning_count(statement.get()))};
}

bool Client::Fetch(Row* row) {
  if (result_ == nullptr) return false;
  const MYSQL_ROW cells = mysql_fetch_row(result_.get());
  if (cells == nullptr) {
    if (mysql_errno(handle_.get()) != 0) ThrowLastError();
    result_.reset();
    return false;
  }
  const unsigned long* lengths = mysql_fetch_lengths(result_.get());
  row->resize(mysql_num_fields(result_.get()));
  for (std::size_t i = 0; i < row->size(); ++i) {
    (*row)[i] = cells[i] == nullptr ? Cell() : Cell(std::string_view(cells[i], lengths[i]));
  }
  return true;
}

std::uint64_t Client::affected_rows() const { return mysql_affected_rows(handle_.get()); }

std::uint64_t Client::warnings() const { return mysql_warning_count(handle_.get()); }

void Client::Close() {
  lost_ = true;
  // With the socket still open, freeing the result would read all that the server still sends.
  if (handle_ != nullptr && result_ != nullptr) mariadb_cancel(handle_.get());
  result_.reset();
  handle_.reset();
}

std::uint64_t Client::thread_id() const {
  return handle_ == nullptr ? 0 : mysql_thread_id(handle_.get());
}

bool Client::encrypted() const {
  return handle_ != nullptr && mysql_get_ssl_cipher(handle_.get()) != nullptr;
}

std::size_t Client::buffer_bytes() const {
  return handle_ == nullptr ? 0 : handle_->net.max_packet;
}

std::string Client::socket_path() const {
  const char* path = nullptr;
  if (handle_ == nullptr ||
      mariadb_get_infov(handle_.get(), MARIADB_CONNECTION_UNIX_SOCKET, &path) != 0 ||
      path == nullptr) {
    return {};
  }
  return path;
}

}  // namespace osarchiver

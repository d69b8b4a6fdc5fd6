// The session that every connection of osarchiver has (DESIGN.md section 5). Internal to
// src/mariadb.
#pragma once

#include "mariadb/connection.h"
#include "mariadb/server_settings.h"

namespace osarchiver {

// First on a fresh connection: takes away what could cut or refuse an answer.
void MakeReadable(Connection& connection);

// Sets the session up on a readable connection and, with address.must_be_writable, refuses a node
// that cannot be written to. Throws DatabaseError naming what is in the way, ConfigError for a
// session variable that is osarchiver's own.
void SetUpSession(Connection& connection, const ServerAddress& address);

// The sql_mode of every session: strict, and any value that a table may hold reads and writes
// unchanged (zero and invalid dates, 0 in AUTO_INCREMENT columns).
inline constexpr std::string_view kSqlMode =
    "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,"
    "ALLOW_INVALID_DATES";

}  // namespace osarchiver

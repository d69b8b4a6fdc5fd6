// The journal's tables as SQL, one script per version. A script that was released never changes; a
// new version is a new script.
#pragma once

#include <cstdint>
#include <span>

#include "state/sqlite_database.h"

namespace osarchiver {

// "osar": stands in the file's header and tells a journal from any other SQLite database.
inline constexpr std::int64_t kJournalApplicationId = 0x6f736172;

// Script i leads from version i to version i + 1.
std::span<const char* const> Migrations();

// Throws IntegrityError when the database is no journal or comes from a newer osarchiver. Returns
// its version. Writes nothing.
std::int64_t CheckIdentity(Database& database);

// Applies what is missing, one transaction per script. Safe while another process does the same.
void Migrate(Database& database);

}  // namespace osarchiver

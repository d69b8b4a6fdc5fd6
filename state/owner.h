// Who may write a journal: the user who owns it, nobody else, root included. A run by another user
// would leave files behind (the write-ahead log, locks, archives) that the owner's next run cannot
// write.
#pragma once

#include <filesystem>

namespace osarchiver {

// Throws ConfigError naming both users when the journal belongs to somebody else. Does nothing when
// there is no such file.
void CheckOwner(const std::filesystem::path& journal);

}  // namespace osarchiver

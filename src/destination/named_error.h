// Says in a server's error what was being done at which destination.
#pragma once

#include <string>

#include "util/error.h"

namespace osarchiver {

// Runs `work`; a DatabaseError of it gets `what` in front of its message.
template <typename Work>
auto Named(const std::string& what, Work&& work) {
  try {
    return work();
  } catch (const DatabaseError& error) {
    throw DatabaseError(error.code(), error.sqlstate(), what + ": " + error.what(), error.hint());
  }
}

}  // namespace osarchiver

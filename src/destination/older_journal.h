// The archives know more than the journal: it is a backup, or was lost and made anew. Then nothing
// is written, not even the journal's copy at the archives' root, which may be the newest there is.
#pragma once

#include "util/error.h"

namespace osarchiver {

class OlderJournalError : public IntegrityError {
 public:
  using IntegrityError::IntegrityError;
};

}  // namespace osarchiver

// From what the database answered about each row to what the journal records of each batch.
#pragma once

#include <string>
#include <vector>

#include "engine/verified_unit.h"
#include "source/deleter.h"
#include "state/journal.h"

namespace osarchiver {

// Writes the outcome of one deleted unit to the journal and returns the unit's counts. Rows that
// stay become kept rows; kept rows that are gone leave the journal.
DeleteCounts RecordOutcome(Journal& journal, const std::string& archiver, const std::string& source,
                           const VerifiedUnit& unit, const DeleteOutcome& outcome);

}  // namespace osarchiver

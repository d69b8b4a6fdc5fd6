// An archiver that deletes without archiving must be asked for by name (archive: false, delete:
// true, no destinations). This is the one place that lets unarchived rows be deleted.
#pragma once

#include "engine/unit_in_flight.h"
#include "source/deletable_rows.h"

namespace osarchiver {

class DeleteOnlyPermit {
 public:
  // Throws StateError unless the table's settings say archive: false and delete: true.
  static DeletableRows Take(BatchInFlight& batch);
};

}  // namespace osarchiver

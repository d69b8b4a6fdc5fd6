// Splits rows that were just read into new ones and ones that an earlier batch already holds in
// this version.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/unit_in_flight.h"
#include "source/unit_reader.h"
#include "state/journal.h"

namespace osarchiver {

class KeptFilter {
 public:
  KeptFilter(Journal& journal, std::string archiver, PassKey key);

  struct Result {
    RowBatch rows;  // to be archived
    std::vector<Hash> hashes;
    std::vector<std::uint32_t> levels;
    std::vector<SupersededRow> supersedes;  // of `rows`: an earlier batch holds them, as they were
    std::vector<Release> releases;  // unchanged since an earlier batch; table is left to the caller
    std::uint64_t held = 0;         // left alone because somebody asked for it
  };
  // What becomes of rows that an earlier batch holds in this version.
  enum class Kept {
    kRelease,  // set apart, to be deleted and not archived again; where the table has changed
               // since, archived once more, for a row is compared under the definition it was
               // archived with
    kLeave,    // left out
    kTake,     // like all others: an archiver that deletes without archiving asks for no copy
  };
  // Takes the part's rows. Memory: the rows once more only when some of them are kept.
  // `first_batch_of_run`: rows that this run archived itself and found changed are left for the
  // next one, so that no segment holds two versions of a row; 0 when the run has no batch yet.
  Result Split(UnitPart& part, BatchId first_batch_of_run, Kept what);

 private:
  // Whether the batch's table was then what `today` is.
  bool ArchivedUnder(const TableDefinition& today, BatchId batch);

  Journal& journal_;
  std::string archiver_;
  PassKey key_;
  std::map<BatchId, bool> alike_;  // what ArchivedUnder() found: it is asked for each row
};

}  // namespace osarchiver

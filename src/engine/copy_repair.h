// Makes copies that a batch lacks from one that is proven: for destinations that were added since,
// and for segments that were damaged.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/copy_reader.h"
#include "engine/run_services.h"

namespace osarchiver {

// A batch with the pass and the run that archived it.
struct StoredBatch {
  RunInfo run;
  PassInfo pass;
  BatchInfo batch;
};

// Throws StateError when the journal has no such batch.
StoredBatch LoadStoredBatch(Journal& journal, BatchId batch);

// The context under which more of an earlier pass can be archived.
PassContext ContextOf(const RunServices& services, const RunInfo& run, const PassInfo& pass);

// Gives the batch a copy at every destination of today that has none, from the first copy that is
// proven, or else from the first proven one of `spare`, which do not count as copies; journals the
// new places, updates `stored`. New segments are sealed at once. Throws NoCopyWhole,
// CopyOutOfReach, and what storing throws.
void CompleteCopies(RunServices& services, CopyReader& reader, StoredBatch* stored,
                    const std::vector<CopyLocation>& spare = {});

// A batch of which every copy was looked at and none proves its digest.
class NoCopyWhole : public IntegrityError {
 public:
  NoCopyWhole(const RunInfo& run, const PassKey& key, const NewBatch& batch);
};

// A batch whose only copies that may be whole lie where nobody could look.
class CopyOutOfReach : public Error {
 public:
  CopyOutOfReach(const RunInfo& run, const PassKey& key, const NewBatch& batch,
                 const std::set<std::string>& why);
};

// "keys A to B": which rows a batch holds, for messages.
std::string KeyRangeText(const NewBatch& batch);

}  // namespace osarchiver

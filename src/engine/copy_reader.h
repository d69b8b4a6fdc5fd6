// Reads batches from whatever copy is within reach: at today's destinations, or at others to which
// the configuration still leads though the archiver, or its list of formats, names them no more.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/batch_verifier.h"

namespace osarchiver {

// One batch, as the journal knows it.
struct BatchToRead {
  const RunInfo& run;
  const PassKey& key;
  const TableDefinition& definition;
  const NewBatch& batch;
};

// For one thread.
class CopyReader {
 public:
  // `todays` are asked first. Everything outlives the reader.
  CopyReader(const Settings& settings, Journal& journal, const Destinations& todays)
      : settings_(settings), todays_(todays), verifier_(journal, todays) {}

  struct Outcome {
    std::optional<RowBatch> rows;      // of the first copy that is proven
    std::vector<std::string> damaged;  // copies that were read before and are not what was stored
    std::set<std::string> unread;      // why others could not be read: they may be whole
  };
  // Throws StateError. What cannot be reached is tried once and remembered.
  Outcome Read(const BatchToRead& batch, const std::vector<CopyLocation>& copies);

 private:
  // nullptr, and `why`, when nothing leads there.
  Destination* Find(const CopyTarget& target, std::string* why);
  void ReadOne(const BatchToRead& batch, const CopyLocation& copy, Outcome* outcome);

  const Settings& settings_;
  const Destinations& todays_;
  BatchVerifier verifier_;
  std::map<CopyTarget, std::unique_ptr<Destination>> others_;
  std::map<CopyTarget, std::string> out_of_reach_;  // why
};

}  // namespace osarchiver

#include "engine/copy_reader.h"

#include <fmt/format.h>

#include "destination/registry.h"
#include "util/error.h"
#include "util/log.h"

namespace osarchiver {

Destination* CopyReader::Find(const CopyTarget& target, std::string* why) {
  if (Destination* today = FindDestination(todays_, target)) return today;
  const auto known = others_.find(target);
  if (known != others_.end()) return known->second.get();
  std::unique_ptr<Destination> other = MakeDestination(settings_, target);
  if (other == nullptr) {
    *why = fmt::format("destination '{}'{} is not in the configuration any more",
                       target.destination, target.format.empty() ? "" : ", a directory,");
    return nullptr;
  }
  return others_.emplace(target, std::move(other)).first->second.get();
}

void CopyReader::ReadOne(const BatchToRead& batch, const CopyLocation& copy, Outcome* outcome) {
  std::string& why = out_of_reach_[copy.target];
  Destination* destination = why.empty() ? Find(copy.target, &why) : nullptr;
  if (destination != nullptr) {
    try {
      outcome->rows =
          verifier_.ReadProven(*destination, {batch.run.name, batch.key, batch.batch.number, copy},
                               batch.definition, batch.batch.digest, batch.batch.rows);
      return;
    } catch (const IntegrityError& error) {
      outcome->damaged.emplace_back(error.what());
      return;
    } catch (const StateError&) {
      throw;
    } catch (const Error& error) {
      // Remembered: each batch would wait for it again.
      why = fmt::format("destination {}: {}", copy.target.destination,
                        WithHint(error.what(), error.hint()));
      LogWarning(why);
    }
  }
  outcome->unread.insert(why);
}

CopyReader::Outcome CopyReader::Read(const BatchToRead& batch,
                                     const std::vector<CopyLocation>& copies) {
  Outcome outcome;
  for (const bool todays : {true, false}) {
    for (const CopyLocation& copy : copies) {
      if ((FindDestination(todays_, copy.target) != nullptr) != todays) continue;
      ReadOne(batch, copy, &outcome);
      if (outcome.rows) return outcome;
    }
  }
  return outcome;
}

}  // namespace osarchiver

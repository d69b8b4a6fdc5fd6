// Resume is one rule, and this is its table: what a batch's journaled state and what is found of it
// at the destinations mean. Pure data, tested row by row.
#pragma once

#include <string_view>
#include <vector>

#include "state/batch_state.h"

namespace osarchiver {

// What lies at the destinations of today of one batch.
enum class Found {
  kNothing,     // no valid copy anywhere
  kSome,        // at least one valid copy, and at least one destination without
  kEverywhere,  // a valid copy within the journaled length (or a control entry) at every
                // destination
};

enum class SettleAction {
  kForget,      // nothing was deleted: its rows are read again from the source
  kComplete,    // make the missing copies from a valid one, then verify, then delete or keep
  kContinue,    // verify, then delete or keep
  kReportLoss,  // a DELETE may have been committed and no copy is left: exit 3
};

struct SettleRule {
  BatchState state;
  bool delete_begun;  // only verified batches have it
  Found found;
  SettleAction action;
  std::string_view crash;  // what leads here
};

const std::vector<SettleRule>& SettleRules();

// The rule for a case. Every case that can occur has exactly one; another is a StateError.
const SettleRule& FindSettleRule(BatchState state, bool delete_begun, Found found);

}  // namespace osarchiver

#include "engine/settle_rules.h"

#include "util/error.h"

namespace osarchiver {

const std::vector<SettleRule>& SettleRules() {
  using enum BatchState;
  using enum SettleAction;
  static const std::vector<SettleRule> rules = {
      {kExtracted, false, Found::kNothing, kForget, "killed before any copy was whole"},
      {kExtracted, false, Found::kSome, kComplete, "killed between two copies, or with one torn"},
      {kExtracted, false, Found::kEverywhere, kContinue,
       "killed after the last copy was durable, before the journal said archived"},
      {kArchived, false, Found::kNothing, kForget,
       "archived, then every copy lost or damaged before it was read back; nothing was deleted"},
      {kArchived, false, Found::kSome, kComplete,
       "killed after archived; a destination was added or a copy damaged since"},
      {kArchived, false, Found::kEverywhere, kContinue, "killed while reading back"},
      {kVerified, false, Found::kNothing, kForget,
       "verified by an archive-only run that was killed before it kept the rows; copies lost "
       "since; nothing was deleted"},
      {kVerified, false, Found::kSome, kComplete,
       "the same with a destination added or a copy damaged since"},
      {kVerified, false, Found::kEverywhere, kContinue, "killed between verified and kept"},
      {kVerified, true, Found::kNothing, kReportLoss,
       "killed around the DELETE, and every copy was lost since: the rows may be nowhere"},
      {kVerified, true, Found::kSome, kComplete,
       "killed around the DELETE; a destination was added or a copy damaged since"},
      {kVerified, true, Found::kEverywhere, kContinue,
       "killed before, in or after the DELETE's transaction"},
  };
  return rules;
}

const SettleRule& FindSettleRule(BatchState state, bool delete_begun, Found found) {
  for (const SettleRule& rule : SettleRules()) {
    if (rule.state == state && rule.delete_begun == delete_begun && rule.found == found)
      return rule;
  }
  throw StateError("no rule for settling a batch that is " + std::string(ToText(state)));
}

}  // namespace osarchiver

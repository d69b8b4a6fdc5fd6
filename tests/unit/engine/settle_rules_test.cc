#include "engine/settle_rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "util/error.h"

namespace osarchiver {
namespace {

using enum BatchState;

// Every case that can occur, written out a second time by hand: what the table says must be what
// was meant.
TEST(SettleRulesTest, EveryCaseHasTheActionThatWasMeant) {
  const std::vector<std::tuple<BatchState, bool, Found, SettleAction>> meant = {
      {kExtracted, false, Found::kNothing, SettleAction::kForget},
      {kExtracted, false, Found::kSome, SettleAction::kComplete},
      {kExtracted, false, Found::kEverywhere, SettleAction::kContinue},
      {kArchived, false, Found::kNothing, SettleAction::kForget},
      {kArchived, false, Found::kSome, SettleAction::kComplete},
      {kArchived, false, Found::kEverywhere, SettleAction::kContinue},
      {kVerified, false, Found::kNothing, SettleAction::kForget},
      {kVerified, false, Found::kSome, SettleAction::kComplete},
      {kVerified, false, Found::kEverywhere, SettleAction::kContinue},
      {kVerified, true, Found::kNothing, SettleAction::kReportLoss},
      {kVerified, true, Found::kSome, SettleAction::kComplete},
      {kVerified, true, Found::kEverywhere, SettleAction::kContinue},
  };
  for (const auto& [state, begun, found, action] : meant) {
    EXPECT_EQ(FindSettleRule(state, begun, found).action, action)
        << ToText(state) << " begun " << begun << " found " << static_cast<int>(found);
  }
  EXPECT_EQ(SettleRules().size(), meant.size());
}

TEST(SettleRulesTest, NoCaseIsListedTwiceAndEachNamesItsCrash) {
  std::set<std::tuple<BatchState, bool, Found>> seen;
  for (const SettleRule& rule : SettleRules()) {
    EXPECT_TRUE(seen.insert({rule.state, rule.delete_begun, rule.found}).second) << rule.crash;
    EXPECT_FALSE(rule.crash.empty());
  }
}

TEST(SettleRulesTest, RowsThatMayBeNowhereAreNeverForgotten) {
  for (const SettleRule& rule : SettleRules()) {
    if (rule.delete_begun) {
      EXPECT_NE(rule.action, SettleAction::kForget) << rule.crash;
    }
  }
}

// The row of state/README.md that says the same.
std::string DocumentedRow(const SettleRule& rule) {
  static const std::map<Found, std::string> found = {
      {Found::kNothing, "nothing"}, {Found::kSome, "some"}, {Found::kEverywhere, "everywhere"}};
  static const std::map<SettleAction, std::string> actions = {
      {SettleAction::kForget, "forget"},
      {SettleAction::kComplete, "complete"},
      {SettleAction::kContinue, "continue"},
      {SettleAction::kReportLoss, "report loss"}};
  return "| " + std::string(ToText(rule.state)) + (rule.delete_begun ? ", `delete_begun`" : "") +
         " | " + found.at(rule.found) + " | " + actions.at(rule.action) + " | " +
         std::string(rule.crash) + " |";
}

TEST(SettleRulesTest, TheDocumentedTableIsThisOneRowByRow) {
  std::ifstream readme(OSARCHIVER_STATE_README);
  ASSERT_TRUE(readme) << OSARCHIVER_STATE_README;
  std::vector<std::string> documented, rules;
  bool in_table = false;
  for (std::string line; std::getline(readme, line);) {
    if (line == "| the journal says | valid copies | action | left by |") {
      in_table = true;
      std::getline(readme, line);  // the line below the heads
    } else if (in_table && !line.starts_with('|')) {
      in_table = false;
    } else if (in_table) {
      documented.push_back(line);
    }
  }
  for (const SettleRule& rule : SettleRules()) rules.push_back(DocumentedRow(rule));
  EXPECT_EQ(documented, rules);
}

TEST(SettleRulesTest, SettledBatchesHaveNoRule) {
  EXPECT_THROW((void)FindSettleRule(kDeleted, false, Found::kNothing), StateError);
  EXPECT_THROW((void)FindSettleRule(kForgotten, false, Found::kNothing), StateError);
}

}  // namespace
}  // namespace osarchiver

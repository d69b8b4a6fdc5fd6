#include <map>
#include <random>

#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalKeptTest : public JournalTest {
 protected:
  void SetUp() override { pass_ = BeginPass(BeginRun()); }
  const PassKey key_{"nova", "nova", "instances"};
  PassId pass_ = 0;
};

TEST_F(JournalKeptTest, AnswersComeInTheOrderAsked) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  const std::vector<KeptRow> rows = {
      {INT64_MAX, 1, batch}, {INT64_MIN, 2, batch}, {0, 3, batch}, {-1, INT64_MIN, batch}};
  journal().MarkKept(batch, rows);
  const auto found = Open().FindKept("nova", key_, {0, 5, INT64_MIN, -1, INT64_MAX, 0});
  EXPECT_THAT(found, ElementsAre(rows[2], std::nullopt, rows[1], rows[3], rows[0], rows[2]));
}

TEST_F(JournalKeptTest, ARowBelongsToOneTableOfOneArchiver) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  journal().MarkKept(batch, {{1, 2, batch}});
  for (const PassKey& other :
       {PassKey{"nova2", "nova", "instances"}, PassKey{"nova", "cell0", "instances"},
        PassKey{"nova", "nova", "volumes"}}) {
    EXPECT_FALSE(journal().FindKept("nova", other, {1}).at(0));
    EXPECT_EQ(journal().CountKept("nova", other), 0u);
  }
  EXPECT_FALSE(journal().FindKept("glance", key_, {1}).at(0));
  EXPECT_TRUE(journal().FindKept("nova", key_, {1}).at(0));
  journal().RemoveKept("glance", key_, {1});
  journal().RemoveKept("nova", key_, {2});
  EXPECT_EQ(journal().CountKept("nova", key_), 1u);
}

TEST_F(JournalKeptTest, TheSameAsAMapAfterRandomSteps) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto key = [&random] { return static_cast<std::int64_t>(random() % 400) - 200; };
  std::map<std::int64_t, KeptRow> model;
  for (int step = 0; step < 60; ++step) {
    std::vector<KeptRow> rows;
    const BatchId batch = AddVerified(pass_, Journal::Next::kKeep, 50);
    for (int i = 0; i < 50; ++i)
      rows.push_back({key(), static_cast<std::int64_t>(random()), batch});
    // The same key twice in one call: the last one counts.
    if (step % 2 == 0) {
      journal().MarkKept(batch, rows);
    } else {
      journal().AddKept("nova", key_, rows);
    }
    for (const KeptRow& row : rows) model[row.key_hash] = row;
    std::vector<std::int64_t> gone;
    for (int i = 0; i < 30; ++i) gone.push_back(key());
    journal().RemoveKept("nova", key_, gone);
    for (const std::int64_t hash : gone) model.erase(hash);

    ASSERT_EQ(journal().CountKept("nova", key_), model.size());
    std::vector<std::int64_t> asked;
    for (std::int64_t hash = -210; hash < 210; ++hash) asked.push_back(hash);
    std::shuffle(asked.begin(), asked.end(), random);
    const auto found = journal().FindKept("nova", key_, asked);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto it = model.find(asked[i]);
      ASSERT_EQ(found[i], it == model.end() ? std::nullopt : std::optional(it->second)) << asked[i];
    }
  }
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalKeptTest, ANewerVersionTakesTheOldOnesPlace) {
  const BatchId old = AddVerified(pass_, Journal::Next::kKeep);
  journal().MarkKept(old, Rows(old, 1, 10));
  const BatchId anew = AddVerified(pass_, Journal::Next::kDelete);
  journal().MarkDeleted({{anew, {9, 0, 1, 0}, {{5, 55, anew}}}});
  EXPECT_EQ(journal().FindKept("nova", key_, {5}).at(0), (KeptRow{5, 55, anew}));
  EXPECT_EQ(journal().CountKept("nova", key_), 10u);
  EXPECT_EQ(CountsOf(pass_).kept, 9u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalKeptTest, AKeptRowNeedsItsBatch) {
  EXPECT_THROW(journal().AddKept("nova", key_, {{1, 2, 999}}), StateError);
  EXPECT_EQ(journal().CountKept("nova", key_), 0u);
}

TEST_F(JournalKeptTest, HeldRowsAreFoundAndCountedOnce) {
  journal().AddHolds("nova", key_, {3, 1, 2, 3}, "restored by hand");
  journal().AddHolds("nova", key_, {3, 4}, "again");
  Open();
  EXPECT_THAT(journal().FindHeld(key_, {5, 4, 3, 2}), ElementsAre(false, true, true, true));
  EXPECT_EQ(journal().CountHeld(key_), 4u);
}

TEST_F(JournalKeptTest, ARowIsHeldWhicheverArchiverWorksItsTable) {
  journal().AddHolds("nova", key_, {1}, "restored by hand");
  journal().AddHolds("renamed", key_, {2}, "restored by hand");
  const PassKey other{"elsewhere", key_.database, key_.table};
  journal().AddHolds("nova", other, {3}, "restored by hand");
  EXPECT_THAT(journal().FindHeld(key_, {1, 2, 3}), ElementsAre(true, true, false));
  EXPECT_THAT(journal().FindHeld(other, {1, 2, 3}), ElementsAre(false, false, true));
  EXPECT_EQ(journal().CountHeld(key_), 2u);
  ASSERT_EQ(journal().ListHeldTables().size(), 2u);
  EXPECT_EQ(journal().ListHeldTables().back().key, key_);
  EXPECT_EQ(journal().ListHeldTables().back().rows, 2u);
}

}  // namespace
}  // namespace osarchiver

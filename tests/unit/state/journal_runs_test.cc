#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalRunsTest : public JournalTest {
 protected:
  static std::vector<RunId> Ids(const std::vector<RunInfo>& runs) {
    std::vector<RunId> ids;
    for (const RunInfo& run : runs) ids.push_back(run.id);
    return ids;
  }
};

TEST_F(JournalRunsTest, ARunIsFoundByNumberNameAndLast) {
  const RunId nova = BeginRun("nova");
  const RunId glance = BeginRun("glance");
  EXPECT_FALSE(journal().empty());
  EXPECT_EQ(journal().FindRun("last")->id, glance);
  EXPECT_EQ(journal().FindRun("last", "nova")->id, nova);
  EXPECT_EQ(journal().FindRun(std::to_string(nova))->archiver, "nova");
  EXPECT_EQ(journal().FindRun("20261123T020000Z-2")->id, glance);
  EXPECT_FALSE(journal().FindRun(std::to_string(nova), "glance"));
  EXPECT_FALSE(journal().FindRun("99"));
  EXPECT_FALSE(journal().FindRun("99999999999999999999999"));
  EXPECT_FALSE(journal().FindRun("nonsense"));
  EXPECT_FALSE(journal().FindRun(""));
  EXPECT_FALSE(journal().FindRun("last", "cinder"));
  EXPECT_TRUE(journal().HasRunNamed("20261123T020000Z-1"));
  EXPECT_FALSE(journal().HasRunNamed("20261123T020000Z-3"));
}

TEST_F(JournalRunsTest, ConfigurationsAreKeptEachOnce) {
  EXPECT_THAT(journal().ListConfigurations(), IsEmpty());
  int number = 0;
  for (const char* configuration : {"one", "two", "one"}) {
    NewRun run;
    run.name = "20261123T020000Z-" + std::to_string(++number);
    run.archiver = "nova";
    run.configuration = configuration;
    journal().BeginRun(run);
  }
  EXPECT_THAT(journal().ListConfigurations(), ElementsAre("two", "one"));
  EXPECT_EQ(journal().ConfigurationOf("20261123T020000Z-2"), "two");
  EXPECT_EQ(journal().ConfigurationOf("20261123T020000Z-3"), "one");
  EXPECT_EQ(journal().ConfigurationOf("20261123T020000Z-4"), "");
}

TEST_F(JournalRunsTest, EverythingOfARunComesBack) {
  const RunId id = BeginRun();
  RunInfo run = *Open().FindRun(std::to_string(id));
  EXPECT_EQ(run.name, "20261123T020000Z-1");
  EXPECT_EQ(run.site, "RegionOne");
  EXPECT_EQ(run.now, "2026-11-23T02:00:00Z");
  EXPECT_EQ(run.host, "db1");
  EXPECT_EQ(run.pid, 4711);
  EXPECT_EQ(run.state, RunState::kRunning);
  EXPECT_FALSE(run.exit_code);
  EXPECT_FALSE(run.settled);
  EXPECT_EQ(run.started_at.size(), 20u);
  EXPECT_EQ(run.finished_at, "");
  EXPECT_EQ(run.last_progress_at, "");
  journal().SetWaiting(id, "replica db2 lags 12 s");
  EXPECT_EQ(journal().FindRun("last")->waiting, "replica db2 lags 12 s");
  journal().FinishRun(id, RunState::kInterrupted, 5, "signal SIGTERM");
  run = *Open().FindRun(std::to_string(id));
  EXPECT_EQ(run.state, RunState::kInterrupted);
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_EQ(run.error, "signal SIGTERM");
  EXPECT_EQ(run.waiting, "");
  EXPECT_NE(run.finished_at, "");
}

TEST_F(JournalRunsTest, ARunNameIsUsedOnce) {
  BeginRun();
  runs_ = 0;
  EXPECT_THROW(BeginRun(), StateError);
}

TEST_F(JournalRunsTest, RunsAreListedNewestFirst) {
  for (const char* archiver : {"nova", "glance", "nova", "cinder"}) BeginRun(archiver);
  EXPECT_THAT(Ids(journal().ListRuns("", 10)), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(Ids(journal().ListRuns("", 2)), ElementsAre(4, 3));
  EXPECT_THAT(Ids(journal().ListRuns("nova", SIZE_MAX)), ElementsAre(3, 1));
  EXPECT_THAT(Ids(journal().ListRuns("heat", 10)), IsEmpty());
  EXPECT_THAT(journal().ListArchivers(), ElementsAre("cinder", "glance", "nova"));
}

TEST_F(JournalRunsTest, UnsettledRunsAreListedOldestFirst) {
  const RunId first = BeginRun();
  const RunId second = BeginRun();
  const RunId third = BeginRun();
  BeginRun("glance");
  journal().MarkRunSettled(second);
  EXPECT_THAT(Ids(journal().UnsettledRuns("nova")), ElementsAre(first, third));
}

TEST_F(JournalRunsTest, ASegmentAddedToASettledRunUnsettlesIt) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  journal().MarkRunSettled(run);
  EXPECT_THAT(journal().UnsettledRuns("nova"), IsEmpty());
  const SegmentId segment = AddSegment(pass);
  EXPECT_THAT(Ids(journal().UnsettledRuns("nova")), ElementsAre(run));
  journal().MarkRetired(segment);
  journal().MarkRunSettled(run);
}

TEST_F(JournalRunsTest, CopiesInADamagedSegmentAreWorkForTheNextRun) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  const SegmentId segment = AddSegment(pass);
  const BatchId batch = AddBatch(pass);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
  journal().MarkSealing(segment);
  journal().MarkSealed(segment, 120, std::string(64, 'a'), "f");
  journal().MarkRunSettled(run);
  EXPECT_THAT(journal().UnsettledRuns("nova"), IsEmpty());
  journal().MarkDamaged(segment, "x.damaged");
  EXPECT_THAT(Ids(journal().UnsettledRuns("nova")), ElementsAre(run));
  const SegmentId fresh = AddSegment(pass);
  journal().ReplaceCopies(batch, {NextFrame(fresh)});
  journal().MarkSealing(fresh);
  journal().MarkSealed(fresh, 120, std::string(64, 'a'), "f");
  journal().MarkRunSettled(run);
  EXPECT_THAT(journal().UnsettledRuns("nova"), IsEmpty());
}

TEST_F(JournalRunsTest, InvocationsAreRecorded) {
  const RunId run = BeginRun();
  const InvocationId verify = journal().BeginInvocation("verify", "", std::nullopt, "db1", 12);
  const InvocationId nightly = journal().BeginInvocation("run", "nova", run, "db1", 13);
  journal().FinishInvocation(verify, 3, "damage");
  EXPECT_THROW(journal().FinishInvocation(verify, 0, ""), StateError);
  journal().FinishInvocation(nightly, 0, "");
  EXPECT_EQ(SqlInt("SELECT exit_code FROM invocations WHERE command = 'verify' AND run_id IS NULL"),
            3);
}

TEST_F(JournalRunsTest, ProgressIsTheTimeOfTheLastStep) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  const auto moved = [&] {
    const bool has = !journal().FindRun(std::to_string(run))->last_progress_at.empty();
    Sql("UPDATE runs SET last_progress_at = NULL");
    return has;
  };
  EXPECT_FALSE(moved());
  const BatchId batch = AddBatch(pass);
  EXPECT_TRUE(moved());
  journal().MarkArchived({{batch, {InDatabase()}}});
  EXPECT_TRUE(moved());
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  EXPECT_TRUE(moved());
  journal().MarkKept(batch, Rows(batch, 1, 10));
  EXPECT_TRUE(moved());
  EXPECT_FALSE(moved());
}

TEST_F(JournalRunsTest, ATableHasOnePassInARun) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  EXPECT_EQ(BeginPass(run), pass);
  EXPECT_NE(BeginPass(run, "volumes"), pass);
  EXPECT_NE(BeginPass(BeginRun()), pass);
  EXPECT_THROW(
      journal().BeginPass(run, {"nova", "nova", "instances"}, "", R"({"columns":["new"]})"),
      StateError);
}

TEST_F(JournalRunsTest, EverythingOfAPassComesBack) {
  const RunId run = BeginRun();
  const std::string odd("ta`b'l\"e \xff/..", 14);
  const PassId pass =
      journal().BeginPass(run, {"src", odd, odd}, "2025-11-23T02:00:00Z", R"({"columns":["ä"]})");
  journal().SetPassState(pass, PassState::kRunning, "");
  journal().SetLiveFlagRows(pass, 17);
  journal().AddConflicts(pass, 2);
  journal().AddConflicts(pass, 3);
  Open();
  const auto passes = journal().ListPasses(run);
  ASSERT_EQ(passes.size(), 1u);
  EXPECT_EQ(passes[0].id, pass);
  EXPECT_EQ(passes[0].key, (PassKey{"src", odd, odd}));
  EXPECT_EQ(passes[0].cutoff, "2025-11-23T02:00:00Z");
  EXPECT_EQ(passes[0].definition, R"({"columns":["ä"]})");
  EXPECT_EQ(passes[0].live_flag_rows, 17u);
  EXPECT_EQ(passes[0].counts.conflict, 5u);
  EXPECT_NE(passes[0].started_at, "");
  EXPECT_EQ(passes[0].finished_at, "");
}

TEST_F(JournalRunsTest, DefinitionsAreStoredOnce) {
  for (int night = 0; night < 20; ++night) BeginPass(BeginRun());
  EXPECT_EQ(SqlInt("SELECT count(*) FROM texts"), 2);
}

TEST_F(JournalRunsTest, PositionsOutliveRunsAndBelongToATable) {
  const PassKey key{"nova", "nova", "instances"};
  EXPECT_EQ(journal().Position("nova", key), "");
  const std::string position("\0\1\xff key", 8);
  journal().SetPosition("nova", key, position);
  EXPECT_EQ(Open().Position("nova", key), position);
  EXPECT_EQ(journal().Position("glance", key), "");
  EXPECT_EQ(journal().Position("nova", {"nova", "nova", "Instances"}), "");
  journal().SetPosition("nova", key, "");
  EXPECT_EQ(journal().Position("nova", key), "");
}

TEST_F(JournalRunsTest, BlockedReasonsAreReplaced) {
  const PassId pass = BeginPass(BeginRun());
  BlockedReason reason{"nova.instance_extra", "fk_1",     "live child",         120,
                       {"'a'", "\xff"},       "SELECT 1", "dependents: archive"};
  for (int i = 0; i < 200; ++i) reason.examples.push_back(std::to_string(i));
  BlockedReason other{"nova.notes", "fk_2", "live child", 4, {}, "", ""};
  journal().SetBlocked(pass, 121, {reason, other});
  auto found = Open().Blocked(pass);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].referring, "nova.instance_extra");
  EXPECT_EQ(found[0].constraint, "fk_1");
  EXPECT_EQ(found[0].why, "live child");
  EXPECT_EQ(found[0].rows, 120u);
  EXPECT_EQ(found[0].examples.size(), 100u);
  EXPECT_EQ(found[0].examples[0], "'a'");
  EXPECT_EQ(found[0].select_sql, "SELECT 1");
  EXPECT_EQ(found[0].advice, "dependents: archive");
  EXPECT_EQ(CountsOf(pass).blocked, 121u);
  journal().SetBlocked(pass, 0, {});
  EXPECT_THAT(journal().Blocked(pass), IsEmpty());
  EXPECT_EQ(CountsOf(pass).blocked, 0u);
}

TEST_F(JournalRunsTest, VerificationsAreListedNewestFirstAndBounded) {
  for (int night = 1; night <= 30; ++night) {
    for (const char* path : {"a.sql.zst", "b.sql.zst"}) {
      journal().RecordVerification({"files", path, night == 30 ? "corrupt" : "ok",
                                    "night " + std::to_string(night), "", 2, 20});
    }
  }
  journal().RecordVerification(
      {"history", "nova_archive.instances", "ok", "", "2026-11-23T02:00:00Z", 1, 10});
  const auto all = journal().LastVerifications("files", 100);
  ASSERT_EQ(all.size(), 20u);
  EXPECT_EQ(all[0].path, "b.sql.zst");
  EXPECT_EQ(all[0].result, "corrupt");
  EXPECT_EQ(all[0].detail, "night 30");
  EXPECT_EQ(all[0].batches, 2u);
  EXPECT_EQ(all[0].rows, 20u);
  EXPECT_NE(all[0].at, "");
  EXPECT_EQ(journal().LastVerifications("files", 3).size(), 3u);
  EXPECT_EQ(journal().LastVerifications("", 1).at(0).destination, "history");
  EXPECT_EQ(journal().LastVerifications("history", 9).at(0).at, "2026-11-23T02:00:00Z");
}

}  // namespace
}  // namespace osarchiver

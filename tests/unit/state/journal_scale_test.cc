// What status asks every few seconds must not grow with the journal's age.
#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using Clock = std::chrono::steady_clock;

class JournalScaleTest : public JournalTest {
 protected:
  // 10,000 runs of 2 tables each, with 100,000 batches, past the journal's calls, which would take
  // minutes.
  void Fill() {
    BeginPass(BeginRun());
    journal_.reset();
    Sql(R"sql(
      PRAGMA synchronous = OFF;
      BEGIN;
      DROP TRIGGER batches_begin;
      DROP TRIGGER batches_count_new;
      WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
      INSERT INTO runs (id, name, archiver, site, now, host, pid, configuration, options, started_at)
        SELECT i, 'run' || i, 'nova', '', '', '', 1, 1, '', '' FROM n;
      INSERT INTO tables (archiver, source, database_name, table_name)
        VALUES ('nova', 'many', 'nova', 't1'), ('nova', 'many', 'nova', 't2');
      INSERT INTO passes (run_id, table_id, cutoff, definition)
        SELECT runs.id, tables.id, '', 2 FROM runs JOIN tables WHERE runs.id > 1 AND tables.source = 'many';
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
      INSERT INTO batches (pass_id, number, unit, row_count, bytes, digest, first_key, last_key, state)
        SELECT id, i, 0, 5000, 1, zeroblob(32), zeroblob(37), zeroblob(37), 'forgotten'
        FROM passes JOIN n WHERE run_id > 1;
      UPDATE runs SET state = 'completed', finished_at = '', exit_code = 0, settled = 1 WHERE id BETWEEN 2 AND 9990;
      COMMIT;)sql");
  }
};

TEST_F(JournalScaleTest, FiguresOfOneRunDoNotScanTheOthers) {
  Fill();
  Open(OpenMode::kRead);
  const auto ask = [this] {
    const auto runs = journal().ListRuns("nova", 3);
    ASSERT_EQ(runs.size(), 3u);
    ASSERT_EQ(journal().ListPasses(runs[0].id).size(), 2u);
    ASSERT_EQ(journal().FindRun("last", "nova")->id, 10001);
    ASSERT_EQ(journal().UnsettledRuns("nova").size(), 12u);
    ASSERT_EQ(journal().LastBatchNumber(journal().ListPasses(runs[0].id)[1].id), 5u);
    ASSERT_EQ(journal().UnsettledBatches(5000).size(), 0u);
  };
  ask();
  // One round takes a tenth of a millisecond, and a scan of the batches alone thirty: the bound
  // allows for a slow machine and still tells them apart.
  const auto begin = Clock::now();
  for (int i = 0; i < 20; ++i) ask();
  EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(400));
}

}  // namespace
}  // namespace osarchiver

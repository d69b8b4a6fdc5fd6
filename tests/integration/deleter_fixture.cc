#include "deleter_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "mariadb/quote.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

constexpr const char* kSteps[] = {"batch-delete-before",   "batch-delete-locked",
                                  "batch-delete-executed", "batch-delete-compared",
                                  "batch-commit-before",   "batch-commit-after"};

const std::filesystem::path& HookDirectory() {
  static const std::filesystem::path directory = [] {
    std::string name = (std::filesystem::temp_directory_path() / "deleter-hooks-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    return std::filesystem::path(name);
  }();
  return directory;
}

// Every step runs the shell script named after it, where a test has written one, and removes it
// first.
void LoadHooks() {
  static const bool once = [] {
    std::string text;
    for (const std::string step : kSteps) {
      const std::string path = (HookDirectory() / step).string();
      text += (text.empty() ? "" : ",") + step + "=run:if [ -e " + path + " ]; then mv " + path +
              " " + path + ".now; sh " + path + ".now; fi";
    }
    ::setenv("OSARCHIVER_FAILPOINTS", text.c_str(), 1);
    LoadFailpoints();
    return true;
  }();
  (void)once;
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

void DeleterTest::SetUp() {
  MariadbTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  LoadHooks();
  address = server().Address();
  stop_ = std::make_unique<StopControl>(SystemClock());
  deleter_ = std::make_unique<Deleter>([this] { return Connection::Open(address); }, SystemClock(),
                                       *stop_);
}

void DeleterTest::TearDown() {
  deleter_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(HookDirectory())) {
    std::filesystem::remove(entry.path());
  }
}

DeletableRows DeleterTest::Take(const std::string& table, const std::string& where,
                                const std::string& level_sql) {
  auto plan = std::make_unique<TablePlan>();
  plan->name = {"test_db", table};
  plan->loaded = LoadTable(connection(), plan->name).value();
  const TableDefinition& definition = plan->definition();
  std::string order;
  for (const std::size_t column : definition.key) {
    order += (order.empty() ? "" : ",") + QuoteIdentifier(definition.columns[column].name);
  }
  RowBatch rows(definition.columns.size());
  std::vector<std::uint32_t> levels;
  connection().Stream(
      "SELECT " + ReadExpressions(definition) + (level_sql.empty() ? "" : "," + level_sql) +
          " FROM " + Quoted(plan->name) + " WHERE " + where + " ORDER BY " + order,
      [&](const Row& row) {
        for (std::size_t i = 0; i < definition.columns.size(); ++i) {
          AppendCell(definition.columns[i], row[i], &rows);
        }
        rows.EndRow();
        if (!level_sql.empty()) {
          levels.push_back(static_cast<std::uint32_t>(std::stoul(std::string(row.back().value()))));
        }
        return RowAction::kContinue;
      });
  plans_.push_back(std::move(plan));
  return DeletableRowsForTest::Make(*plans_.back(), std::move(rows), std::move(levels));
}

void DeleterTest::At(const std::string& step, const std::string& sql) {
  const std::string path = (HookDirectory() / step).string();
  WriteFile(path + ".sql", sql);
  WriteFile(path, "mariadb --no-defaults -uroot -S " + server().socket() + " test_db <" + path +
                      ".sql >" + path + ".out 2>&1; echo $? >" + path + ".rc\n");
}

void DeleterTest::InBackgroundAt(const std::string& step, const std::string& sql) {
  const std::string path = (HookDirectory() / step).string();
  WriteFile(path + ".sql", sql);
  WriteFile(path, "(mariadb --no-defaults -uroot -S " + server().socket() + " test_db <" + path +
                      ".sql >" + path + ".out 2>&1; echo $? >" + path + ".rc) & sleep 0.3\n");
}

void DeleterTest::FailAt(const std::string& step) { WriteFile(HookDirectory() / step, "exit 1\n"); }

bool DeleterTest::Succeeded(const std::string& step) {
  const std::filesystem::path path = HookDirectory() / (step + ".rc");
  for (int i = 0; i < 300 && (!std::filesystem::exists(path) || std::filesystem::is_empty(path));
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  int code = -1;
  std::ifstream(path) >> code;
  EXPECT_NE(code, -1) << step << " was not reached";
  return code == 0;
}

DeleteOutcome DeleterTest::Delete(std::vector<DeletableRows> parts, const DeleteOptions& options) {
  return deleter_->Delete(parts, options);
}

DeleteOutcome DeleterTest::Delete(DeletableRows part, const DeleteOptions& options) {
  std::vector<DeletableRows> parts;
  parts.push_back(std::move(part));
  return Delete(std::move(parts), options);
}

std::string DeleterTest::DeleteError(DeletableRows part) {
  try {
    (void)Delete(std::move(part));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

DeleteOptions TransactionsOf(std::uint64_t rows) {
  DeleteOptions options;
  options.max_rows_per_transaction = rows;
  options.target = std::chrono::hours(1);
  return options;
}

std::string Summary(const std::vector<RowOutcome>& rows) {
  constexpr const char* kNames[] = {"deleted", "absent", "changed", "blocked"};
  std::size_t counts[4] = {};
  for (const RowOutcome outcome : rows) ++counts[static_cast<std::size_t>(outcome)];
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    if (counts[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(kNames[i]) + " " + std::to_string(counts[i]);
  }
  return text;
}

}  // namespace osarchiver

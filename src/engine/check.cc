#include "engine/check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>

#include "config/consistency.h"
#include "destination/registry.h"
#include "engine/hold_check.h"
#include "engine/reading_context.h"
#include "engine/replica_gauge.h"
#include "engine/settle.h"
#include "engine/source_session.h"
#include "engine/table_pass.h"
#include "source/unit_reader.h"
#include "state/journal.h"
#include "state/owner.h"
#include "util/file_system.h"

namespace osarchiver {
namespace {

void Problem(CheckReport* report, ExitCode code, const std::string& text, const std::string& hint) {
  report->problems.push_back(hint.empty() ? text : text + "\n  HINT: " + hint);
  report->exit_code = Worse(report->exit_code, code);
}

// Runs one part of the check; what it throws is one problem and the next part goes on.
void Part(CheckReport* report, const std::string& what, const std::function<void()>& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    Problem(report, ExitCode::kUsage, what + ": " + error.what(), error.hint());
  } catch (const IntegrityError& error) {
    Problem(report, ExitCode::kDamage, what + ": " + error.what(), error.hint());
  } catch (const Error& error) {
    Problem(report, ExitCode::kFailed, what + ": " + error.what(), error.hint());
  }
}

std::string_view ModeText(const TableSettings& settings) {
  switch (ModeOf(settings)) {
    case PassMode::kArchiveOnly:
      return "archive";
    case PassMode::kMove:
      return "archive and delete";
    case PassMode::kDeleteOnly:
      return "delete without archive";
  }
  return "";
}

std::string TableText(std::size_t number, const TablePlan& table) {
  std::string text = fmt::format("  {:>3}. {}: {}, rows deleted until {} UTC", number,
                                 ToText(table.name), ModeText(table.settings), table.cutoff);
  if (!table.order_reason.empty()) text += "; " + table.order_reason;
  return text + "\n";
}

std::string LeftOutText(const SourcePlan& plan) {
  std::string text;
  std::size_t without_column = 0;
  for (const LeftOutTable& table : plan.left_out) {
    if (table.reason == LeftOutTable::Reason::kNoColumn) {
      ++without_column;
      continue;
    }
    text += fmt::format("  left alone: {}: {}\n", ToText(table.name), table.detail);
  }
  if (without_column > 0)
    text += fmt::format(
        "  {} without a soft-delete column\n",
        without_column == 1 ? "1 table is" : HumanCount(without_column) + " tables are");
  return text;
}

// EXPLAIN asks for the privileges of the statement that it explains, and runs nothing.
void RequirePrivilege(Connection& connection, const std::string& statement,
                      const std::string& privileges, const TableName& table, CheckReport* report) {
  Part(report, "table " + ToText(table), [&] {
    try {
      (void)connection.Query("EXPLAIN " + statement);
    } catch (const DatabaseError& error) {
      throw DatabaseError(error.code(), error.sqlstate(), error.what(),
                          "GRANT " + privileges + " ON " + QuoteIdentifier(table.database) +
                              ".* to osarchiver's user");
    }
  });
}

void CheckPrivileges(Connection& connection, const SourcePlan& plan, CheckReport* report) {
  std::set<TableName> asked;
  for (const auto& table : plan.tables) {
    if (!table->settings.delete_rows) continue;
    RequirePrivilege(connection, "DELETE FROM " + Quoted(table->name) + " WHERE FALSE",
                     "SELECT, DELETE", table->name, report);
    // Whether a row has children is asked of them.
    for (const ForeignKey& key : table->referrers) {
      const TableName child{key.database, key.table};
      if (!asked.insert(child).second) continue;
      RequirePrivilege(connection, "SELECT * FROM " + Quoted(child) + " LIMIT 0", "SELECT", child,
                       report);
    }
  }
}

// Whether the destinations can take the rows of each table.
void CheckArchives(const std::string& site, const SourcePlan& plan,
                   const std::vector<std::unique_ptr<Destination>>& destinations,
                   CheckReport* report) {
  for (const auto& table : plan.tables) {
    if (!table->settings.archive) continue;
    for (const auto& destination : destinations) {
      const std::string what = fmt::format("table {} at destination {}", ToText(table->name),
                                           destination->target().destination);
      Part(report, what, [&] {
        for (const std::string& problem :
             destination->CheckTable(site, plan.source, table->definition())) {
          Problem(report, ExitCode::kFailed, what + ": " + problem, "");
        }
      });
    }
  }
}

// A replica that cannot be asked would hold every run up until somebody looks.
void CheckReplicas(const ThrottleSettings& settings, CheckReport* report) {
  for (const ServerSettings& replica : settings.replicas) {
    const std::string name = ReplicaName(replica);
    const auto reason = ReplicaGauge(name, settings.max_replica_lag_s, AskReplica(replica)).Ask();
    if (!reason) {
      report->text += "  replica " + name + ": keeps up\n";
      continue;
    }
    Problem(report, ExitCode::kFailed, reason->text,
            "a run waits for it; it needs an account with REPLICA MONITOR");
  }
}

void UseSourceAt(const std::vector<std::unique_ptr<Destination>>& destinations,
                 const std::string& source, Connection& connection, CheckReport* report) {
  for (const auto& destination : destinations) {
    Part(report, "destination " + destination->target().destination,
         [&] { destination->UseSource(source, connection); });
  }
}

// Whether the archives are this journal's and not newer than it.
void RequireJournalAt(const std::vector<std::unique_ptr<Destination>>& destinations,
                      const RunContext& context, const SourcePlan& plan, const Journal* journal,
                      CheckReport* report) {
  for (const auto& destination : destinations) {
    Part(report, "destination " + destination->target().destination,
         [&] { destination->RequireJournal(context, KeysOf(plan), journal); });
  }
}

void CheckSource(const Settings& settings, const std::string& name, const RunContext& context,
                 const Journal* journal,
                 const std::vector<std::unique_ptr<Destination>>& destinations, Clock& clock,
                 CheckReport* report) {
  Part(report, "source " + name, [&] {
    const SourceSettings& source = settings.sources.at(name);
    const auto connection = ConnectSource(source);
    UseSourceAt(destinations, name, *connection, report);
    const SourcePlan plan = PlanSource(*connection, settings, source, {});
    report->text +=
        fmt::format("source {} at {} ({}{})\n", name, connection->endpoint(),
                    connection->server_version(), connection->encrypted() ? ", TLS" : "");
    std::size_t number = 0;
    for (const auto& table : plan.tables) report->text += TableText(++number, *table);
    report->text += LeftOutText(plan);
    for (const std::string& warning : plan.warnings) report->text += "  warning: " + warning + "\n";
    for (const std::string& advice : plan.advice) report->text += "  advice: " + advice + "\n";
    CheckReplicas(source.throttle, report);
    for (const std::string& error : plan.errors)
      Problem(report, ExitCode::kUsage, "source " + name + ": " + error, "");
    CheckPrivileges(*connection, plan, report);
    CheckArchives(settings.site, plan, destinations, report);
    RequireJournalAt(destinations, context, plan, journal, report);
    if (journal != nullptr) {
      Part(report, "source " + name,
           [&] { RequireHoldsKept(settings, plan, *connection, *journal); });
    }
    CheckClock(name, plan.now_unix, clock.UnixSeconds());
    if (!plan.server.supports_returning) {
      Problem(report, ExitCode::kFailed,
              "source " + name + ": " + plan.server.version + " has no DELETE ... RETURNING",
              "MariaDB 10.0.5 or later is needed");
    }
  });
}

// Whether this user can make a file at `path`, and the directories that are missing above it.
void RequireWritablePlace(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path place = std::filesystem::absolute(path).parent_path();
  while (!std::filesystem::exists(place, ignored) && place != place.parent_path()) {
    place = place.parent_path();
  }
  if (::access(place.c_str(), W_OK | X_OK) == 0) return;
  throw IoError(errno, "cannot be made in " + place.string(),
                "run as the user who may write there, or choose another place with 'state'");
}

std::unique_ptr<Journal> CheckJournal(const Settings& settings, CheckReport* report) {
  std::unique_ptr<Journal> journal;
  Part(report, "journal " + settings.state, [&] {
    if (!PosixFileSystem().Exists(settings.state)) {
      report->text +=
          fmt::format("journal {}: not there yet; the first run makes it\n", settings.state);
      RequireWritablePlace(settings.state);
      return;
    }
    Part(report, "journal " + settings.state, [&] { CheckOwner(settings.state); });
    journal = Journal::Open(settings.state, OpenMode::kRead);
    const auto findings = journal->Check();
    for (const std::string& finding : findings)
      Problem(report, ExitCode::kDamage, "journal: " + finding, "");
    if (findings.empty()) report->text += fmt::format("journal {}: whole\n", settings.state);
    report->text += HoldsWithoutSource(settings, *journal);
  });
  return journal;
}

std::string CountText(const PlanCount& count, std::uint64_t estimate) {
  std::string text = count.exact ? HumanCount(count.rows) + " rows"
                                 : fmt::format(">= {} rows of about {} (estimate)",
                                               HumanCount(count.rows), HumanCount(estimate));
  if (count.blocked > 0) text += fmt::format(", {} blocked", HumanCount(count.blocked));
  return text;
}

// What the count of a table's eligible rows does not know: whether the journal has them already.
std::string MarkedText(const Journal* journal, const std::string& archiver,
                       const std::string& source, const TablePlan& table) {
  if (journal == nullptr) return {};
  const PassKey key{source, table.name.database, table.name.table};
  std::string text;
  if (const std::uint64_t kept = journal->CountKept(archiver, key); kept > 0) {
    text += fmt::format("; {} are archived already{}", HumanCount(kept),
                        table.settings.delete_rows ? " and go without being archived again"
                                                   : " and are not archived again");
  }
  if (const std::uint64_t held = journal->CountHeld(key); held > 0) {
    text += fmt::format("; {} are held (restore --hold) and stay", HumanCount(held));
  }
  return text;
}

}  // namespace

CheckReport CheckArchivers(const Settings& settings,
                           const std::vector<const ArchiverSettings*>& archivers, Clock& clock) {
  CheckReport report;
  for (const std::string& warning : settings.warnings) report.text += "warning: " + warning + "\n";
  const std::unique_ptr<Journal> journal = CheckJournal(settings, &report);
  for (const ArchiverSettings* archiver : archivers) {
    report.text +=
        fmt::format("archiver {}{}\n", archiver->name, archiver->enabled ? "" : " (not enabled)");
    Part(&report, "journal " + settings.state, [&] {
      if (journal) RequireNothingForgotten(settings, *journal, *archiver);
    });
    Part(&report, "archiver " + archiver->name, [&] { RequireAlone(settings, *archiver); });
    const auto destinations = DestinationsOf(settings, *archiver);
    const RunContext context = ReadingContext(settings, *archiver, destinations, journal.get());
    for (const std::string& name : archiver->sources)
      CheckSource(settings, name, context, journal.get(), destinations, clock, &report);
    for (const auto& destination : destinations) {
      const CopyTarget& target = destination->target();
      const std::string name = "destination " + target.destination +
                               (target.format.empty() ? "" : " (" + target.format + ")");
      Part(&report, name, [&] {
        const auto problems = destination->Check(context, journal.get());
        for (const std::string& problem : problems)
          Problem(&report, ExitCode::kFailed, name + ": " + problem, "");
        if (problems.empty()) report.text += name + ": ready\n";
      });
    }
  }
  return report;
}

CheckReport DryRun(const Settings& settings, const DryRunRequest& request, Clock& clock,
                   StopControl& stop) {
  CheckReport report;
  constexpr int kSecondsPerTable = 2;
  std::unique_ptr<Journal> journal;
  const bool at_rest = Journal::IsAtRest(settings.state);
  const bool known = at_rest || !PosixFileSystem().Exists(settings.state);
  if (at_rest) {
    Part(&report, "journal " + settings.state,
         [&] { journal = Journal::Open(settings.state, OpenMode::kAtRest); });
    if (!journal) return report;
  }
  if (!known) {
    report.text += fmt::format(
        "journal {}: a run works, or was interrupted; what it knows of these rows is left out\n",
        settings.state);
  }
  for (const ArchiverSettings* archiver : request.archivers) {
    report.text += fmt::format("archiver {}: dry run, nothing is written\n", archiver->name);
    Part(&report, "archiver " + archiver->name, [&] { RequireAlone(settings, *archiver); });
    const auto destinations = DestinationsOf(settings, *archiver);
    const RunContext context = ReadingContext(settings, *archiver, destinations, journal.get());
    for (const std::string& name : archiver->sources) {
      Part(&report, "source " + name, [&] {
        const SourceSettings& source = settings.sources.at(name);
        const auto connection = ConnectSource(source);
        const SourcePlan plan = PlanSource(*connection, settings, source, request.only);
        UseSourceAt(destinations, name, *connection, &report);
        if (known) RequireJournalAt(destinations, context, plan, journal.get(), &report);
        if (journal) {
          Part(&report, "source " + name,
               [&] { RequireHoldsKept(settings, plan, *connection, *journal); });
        }
        for (const std::string& error : plan.errors)
          Problem(&report, ExitCode::kFailed, "source " + name + ": " + error, "");
        std::size_t number = 0;
        for (const auto& table : plan.tables) {
          if (stop.stopped()) return;
          report.text += TableText(++number, *table);
          Part(&report, "table " + ToText(table->name), [&] {
            const ReadPurpose purpose = ModeOf(table->settings) == PassMode::kArchiveOnly
                                            ? ReadPurpose::kArchiveOnly
                                            : ReadPurpose::kDelete;
            const PlanCount count = CountPlanned(*connection, plan, *table, purpose,
                                                 request.exact ? 0 : kSecondsPerTable, clock, stop);
            report.text += "       " + CountText(count, table->loaded.info.rows_estimate) +
                           MarkedText(journal.get(), archiver->name, name, *table) + "\n";
          });
        }
        report.text += LeftOutText(plan);
        for (const std::string& warning : plan.warnings)
          report.text += "  warning: " + warning + "\n";
      });
    }
  }
  if (stop.stopped()) report.exit_code = Worse(report.exit_code, ExitCode::kStopped);
  return report;
}

}  // namespace osarchiver

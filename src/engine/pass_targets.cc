#include "engine/pass_targets.h"

namespace osarchiver {

PassKey PassKeyOf(const SourcePlan& plan, const TablePlan& table) {
  return {plan.source, table.name.database, table.name.table};
}

std::vector<PassKey> KeysOf(const SourcePlan& plan) {
  std::vector<PassKey> keys;
  for (const auto* list : {&plan.tables, &plan.dependents}) {
    for (const auto& table : *list) keys.push_back(PassKeyOf(plan, *table));
  }
  return keys;
}

PassTargets::Target& PassTargets::For(const TablePlan& table) {
  Target& target = targets_[&table];
  if (target.archive) return target;
  const PassKey key = PassKeyOf(plan_, table);
  target.pass = services_.journal.BeginPass(services_.run, key, table.cutoff,
                                            DefinitionToJson(table.definition()));
  PassContext context;
  context.run = services_.context;
  context.pass = target.pass;
  context.cutoff = table.cutoff;
  context.where = table.where;
  context.definition = table.definition();
  target.archive =
      std::make_unique<PassArchive>(services_.journal, services_.destinations, std::move(context));
  target.filter = std::make_unique<KeptFilter>(services_.journal, services_.context.archiver, key);
  End(table, PassState::kRunning, "");
  return target;
}

void PassTargets::Fail(const TablePlan& table, const std::string& reason) {
  const auto found = targets_.find(&table);
  if (found == targets_.end()) return;
  End(table, PassState::kFailed, reason);
  failed_.insert(&table);
  targets_.erase(found);
}

void PassTargets::End(const TablePlan& table, PassState state, const std::string& reason) {
  if (failed_.contains(&table)) return;
  services_.journal.SetPassState(targets_.at(&table).pass, state, reason);
}

}  // namespace osarchiver

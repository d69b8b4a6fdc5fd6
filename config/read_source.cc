#include "config/read_source.h"

#include <limits>
#include <utility>

#include "config/read_server.h"
#include "config/read_table_settings.h"

namespace osarchiver {
namespace {

constexpr std::uint64_t kConnectionsMax = 64;
constexpr std::int64_t kLongestLag = 86400;
constexpr std::int64_t kDeleteTargetMaxMs = 60000;
constexpr std::uint64_t kUint32Max = std::numeric_limits<std::uint32_t>::max();
// The journal and the JSON of a run hold signed numbers.
constexpr std::uint64_t kLargestCount = std::numeric_limits<std::int64_t>::max();

void ReadOverride(const ConfigNode& node, Completeness completeness, SourceSettings* source,
                  Problems* problems) {
  if (node.kind == ConfigNode::Kind::kBroken) return;
  if (node.kind == ConfigNode::Kind::kNull) {
    problems->Add(node.place, "an override must be a map with 'tables', not nothing");
    return;
  }
  Section section("an override", node, node.place, nullptr, problems);
  if (node.kind == ConfigNode::Kind::kMap) section.Require("tables");
  std::vector<Pattern> tables;
  section.Patterns("tables", &tables);
  TableSettings settings = source->table;
  ReadTableSettings(section, &settings);
  section.RefuseUnknownKeys();
  if (completeness == Completeness::kWhole) CheckTableSettings(section, settings);
  for (Pattern& pattern : tables) source->overrides.push_back({std::move(pattern), settings});
}

void ReadOverrides(Section& section, Completeness completeness, SourceSettings* source) {
  const ConfigNode* node = section.Find("overrides");
  if (node == nullptr || node->kind == ConfigNode::Kind::kBroken ||
      node->kind == ConfigNode::Kind::kNull) {
    return;
  }
  if (node->kind != ConfigNode::Kind::kList) {
    section.problems().Add(
        node->place,
        "'overrides' must be a list of maps, each with '- ' in front, not " + Describe(*node));
    return;
  }
  for (const ConfigNode& item : node->items) {
    ReadOverride(item, completeness, source, &section.problems());
  }
}

void ReadReplicas(Section& throttle, const ServerSettings& server,
                  std::vector<ServerSettings>* replicas) {
  const ConfigNode* node = throttle.Find("replicas");
  if (node == nullptr || node->kind == ConfigNode::Kind::kBroken) return;
  if (node->kind != ConfigNode::Kind::kList) {
    throttle.problems().Add(node->place,
                            "'replicas' must be a list of hosts or maps, not " + Describe(*node));
    return;
  }
  for (const ConfigNode& item : node->items) {
    ReadReplica(item, server, &throttle.problems(), replicas);
  }
}

void ReadThrottle(Section& section, SourceSettings* source) {
  Section throttle = section.Child("throttle");
  ThrottleSettings& settings = source->throttle;
  throttle.Count("max_rows_per_second", 0, kLargestCount, &settings.max_rows_per_second);
  ReadReplicas(throttle, source->server, &settings.replicas);
  throttle.Seconds("max_replica_lag", 0, kLongestLag, &settings.max_replica_lag_s);
  throttle.Share("max_flow_control", &settings.max_flow_control);
  throttle.Count("max_threads_running", 0, kUint32Max, &settings.max_threads_running);
  throttle.Count("max_history_list_length", 0, kLargestCount, &settings.max_history_list_length);
  throttle.Flag("yield", &settings.yield);
  throttle.Path("pause_file", &settings.pause_file);
  throttle.RefuseUnknownKeys();
}

}  // namespace

void ReadSource(Section& section, Completeness completeness, SourceSettings* source) {
  // `backend: file` in the defaults is for destinations.
  if (section.OriginOf("backend") == Section::Origin::kHere &&
      completeness == Completeness::kWhole) {
    (void)section.Choice("backend", {"mariadb"});
  } else {
    (void)section.Find("backend");
  }
  ReadServer(section, &source->server);
  if (completeness == Completeness::kWhole) {
    section.Require("databases", "a list of databases or patterns");
  }
  section.Patterns("databases", &source->databases);
  source->tables = {Pattern("*")};
  section.Patterns("tables", &source->tables);
  section.Patterns("exclude_databases", &source->exclude_databases, Section::Empty::kAllowed);
  section.Patterns("exclude_tables", &source->exclude_tables, Section::Empty::kAllowed);
  ReadTableSettings(section, &source->table);
  if (completeness == Completeness::kWhole) CheckTableSettings(section, source->table);
  ReadOverrides(section, completeness, source);
  ReadThrottle(section, source);
  section.Count("delete_connections", 1, kConnectionsMax, &source->delete_connections);
  section.Count("table_workers", 1, kConnectionsMax, &source->table_workers);
  section.Milliseconds("delete_target", 1, kDeleteTargetMaxMs, &source->delete_target_ms);
}

}  // namespace osarchiver

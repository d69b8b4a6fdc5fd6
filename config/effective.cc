#include "config/effective.h"

#include <nlohmann/json.hpp>

namespace osarchiver {
namespace {

using Json = nlohmann::ordered_json;

Json Texts(const std::vector<Pattern>& patterns) {
  Json list = Json::array();
  for (const Pattern& pattern : patterns) list.push_back(pattern.text());
  return list;
}

// Not the password: the one field that is not here.
void AddServer(const ServerSettings& server, Json* json) {
  Json& out = *json;
  out["option_file"] = server.option_file;
  out["host"] = server.hosts;
  out["port"] = server.port;
  out["socket"] = server.socket;
  out["user"] = server.user;
  out["ssl_ca"] = server.tls_ca;
  out["ssl_cert"] = server.tls_cert;
  out["ssl_key"] = server.tls_key;
  out["ssl_verify"] = server.tls_verify ? Json(*server.tls_verify) : Json(nullptr);
  out["session"] = Json::object();
  for (const auto& [name, value] : server.session) out["session"][name] = value;
  out["connect_timeout_s"] = server.connect_timeout_s;
  out["read_timeout_s"] = server.read_timeout_s;
  out["write_timeout_s"] = server.write_timeout_s;
}

std::string Name(DependentsPolicy policy) {
  return policy == DependentsPolicy::kArchive ? "archive" : "block";
}

Json ToJson(const Dependents& dependents) {
  if (dependents.rules.empty()) return Name(dependents.other);
  Json map = Json::object();
  for (const DependentsRule& rule : dependents.rules) map[rule.tables.text()] = Name(rule.policy);
  return map;
}

void AddTableSettings(const TableSettings& settings, Json* json) {
  Json& out = *json;
  out["retention"] = settings.retention.text;
  out["allow_short_retention"] = settings.allow_short_retention;
  out["deleted_column"] = settings.deleted_column;
  out["deleted_flag_column"] = settings.deleted_flag_column;
  out["where"] = settings.where;
  out["archive"] = settings.archive;
  out["allow_delete_triggers"] = settings.allow_delete_triggers;
  out["delete"] = settings.delete_rows;
  out["dependents"] = ToJson(settings.dependents);
  out["batch_rows"] = settings.batch_rows;
  out["batch_bytes"] = settings.batch_bytes;
}

Json ToJson(const ThrottleSettings& throttle) {
  Json json;
  json["max_rows_per_second"] = throttle.max_rows_per_second;
  json["replicas"] = Json::array();
  for (const ServerSettings& server : throttle.replicas) {
    Json replica;
    AddServer(server, &replica);
    json["replicas"].push_back(std::move(replica));
  }
  json["max_replica_lag_s"] = throttle.max_replica_lag_s;
  json["max_flow_control"] = throttle.max_flow_control;
  json["max_threads_running"] = throttle.max_threads_running;
  json["max_history_list_length"] = throttle.max_history_list_length;
  json["yield"] = throttle.yield;
  json["pause_file"] = throttle.pause_file;
  return json;
}

Json ToJson(const SourceSettings& source) {
  Json json;
  json["backend"] = "mariadb";
  AddServer(source.server, &json);
  json["databases"] = Texts(source.databases);
  json["tables"] = Texts(source.tables);
  json["exclude_databases"] = Texts(source.exclude_databases);
  json["exclude_tables"] = Texts(source.exclude_tables);
  AddTableSettings(source.table, &json);
  json["overrides"] = Json::array();
  for (const TableOverride& override : source.overrides) {
    Json item = {{"tables", override.tables.text()}};
    AddTableSettings(override.settings, &item);
    json["overrides"].push_back(std::move(item));
  }
  json["throttle"] = ToJson(source.throttle);
  json["delete_connections"] = source.delete_connections;
  json["table_workers"] = source.table_workers;
  json["delete_target_ms"] = source.delete_target_ms;
  return json;
}

Json ToJson(const DestinationSettings& destination) {
  Json json;
  json["backend"] = destination.backend;
  if (destination.backend == "file") {
    json["directory"] = destination.file.directory;
    json["layout"] = destination.file.layout;
    json["formats"] = destination.file.formats;
    json["compression_level"] = destination.file.compression_level;
    json["segment_bytes"] = destination.file.segment_bytes;
    json["min_free"] = destination.file.min_free_bytes;
    return json;
  }
  AddServer(destination.mariadb.server, &json);
  json["database_suffix"] = destination.mariadb.database_suffix;
  json["database_name"] = destination.mariadb.database_name;
  json["table_suffix"] = destination.mariadb.table_suffix;
  json["schema_changes"] =
      destination.mariadb.schema_changes == SchemaChanges::kStop ? "stop" : "evolve";
  json["accept_non_durable"] = destination.mariadb.accept_non_durable;
  return json;
}

Json ToJson(const ArchiverSettings& archiver) {
  Json json;
  json["sources"] = archiver.sources;
  json["destinations"] = archiver.destinations;
  json["enabled"] = archiver.enabled;
  json["max_runtime_s"] = archiver.max_runtime_s;
  return json;
}

}  // namespace

std::string EffectiveJson(const Settings& settings) {
  Json json;
  json["site"] = settings.site;
  json["state"] = settings.state;
  json["log"] = {
      {"file", settings.log.file}, {"level", settings.log.level}, {"format", settings.log.format}};
  json["sources"] = Json::object();
  for (const auto& [name, source] : settings.sources) json["sources"][name] = ToJson(source);
  json["destinations"] = Json::object();
  for (const auto& [name, destination] : settings.destinations) {
    json["destinations"][name] = ToJson(destination);
  }
  json["archivers"] = Json::object();
  for (const ArchiverSettings& archiver : settings.archivers) {
    json["archivers"][archiver.name] = ToJson(archiver);
  }
  // A name that is no UTF-8 must not end the run.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<MariadbDestinationSettings> NamesIn(std::string_view effective_json,
                                                  const std::string& destination) {
  const Json json = Json::parse(effective_json, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    const Json& found = json.at("destinations").at(destination);
    if (found.at("backend") != "mariadb") return std::nullopt;
    MariadbDestinationSettings names;
    names.database_suffix = found.at("database_suffix").get<std::string>();
    names.database_name = found.at("database_name").get<std::string>();
    return names;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace osarchiver

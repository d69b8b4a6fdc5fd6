#include "config/load.h"
#include "config/effective.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "config_file.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::Not;
using LoadTest = ConfigFileTest;

TEST_F(LoadTest, DefaultsOfASmallFile) {
  const Settings settings = Load(WithSource("    databases: [nova]"));
  EXPECT_FALSE(settings.site.empty());
  EXPECT_EQ(settings.state, "/s.db");
  EXPECT_EQ(settings.log.level, "info");
  EXPECT_EQ(settings.log.format, "text");
  const SourceSettings& source = settings.sources.at("nova");
  EXPECT_EQ(source.name, "nova");
  ASSERT_EQ(source.tables.size(), 1u);
  EXPECT_TRUE(source.tables[0].IsStar());
  EXPECT_TRUE(source.exclude_tables.empty());
  EXPECT_FALSE(source.table.delete_rows);
  EXPECT_TRUE(source.table.archive);
  EXPECT_EQ(source.table.retention, Retention{});
  EXPECT_EQ(source.delete_target_ms, 250u);
  EXPECT_FALSE(source.server.tls_verify.has_value());
  const DestinationSettings& files = settings.destinations.at("files");
  EXPECT_EQ(files.backend, "file");
  EXPECT_EQ(files.file.layout, "{archiver}/{date}");
  EXPECT_TRUE(settings.archivers.at(0).enabled);
  EXPECT_EQ(settings.archivers[0].max_runtime_s, 0);
  EXPECT_TRUE(settings.warnings.empty());
}

TEST_F(LoadTest, EveryKeyIsRead) {
  setenv("OSA_PASSWORD", "secret", 1);
  const Settings settings = Load(R"(site: no
state: /s.db
log: {file: /var/log/o.log, level: warning, format: json}
sources:
  nova:
    backend: mariadb
    option_file: /etc/nova.cnf
    host: [db1, db2]
    port: 3307
    socket: /run/s.sock
    user: 0123
    password: a${OSA_PASSWORD}$${b}
    ssl_ca: /ca
    ssl_cert: /cert
    ssl_key: /key
    ssl_verify: no
    session: {innodb_lock_wait_timeout: 5, sql_log_bin: off}
    connect_timeout: 1s
    read_timeout: 2m
    write_timeout: 3s
    databases: ['*']
    tables: ['/^i/', b]
    exclude_databases: [test]
    exclude_tables: ['shadow_*']
    retention: 90 days
    allow_short_retention: yes
    deleted_column: gone_at
    deleted_flag_column: gone
    where: "{deleted_column} < {now}"
    archive: true
    delete: on
    dependents: {a: archive, 'b*': block}
    batch_rows: 10
    batch_bytes: 1MiB
    overrides:
      - {tables: ['nova.a', 'nova.b'], retention: 1 hour, delete: off}
      - {tables: '*.c', dependents: archive}
    throttle:
      max_rows_per_second: 100
      replicas: [db3, {host: db4, port: 3308, user: monitor}, {option_file: /etc/replica.cnf}]
      max_replica_lag: 1m
      max_flow_control: 2.5%
      max_threads_running: 50
      max_history_list_length: 1000000
      pause_file: /run/pause
    delete_connections: 2
    table_workers: 3
    delete_target: 1s
destinations:
  files: {backend: file, directory: /a, layout: '{site}/{source}', formats: csv, compression_level: 9,
          segment_bytes: 64KiB, min_free: 0}
  history: {backend: mariadb, host: h, database_name: '{site}_{database}', table_suffix: _old,
            schema_changes: stop, accept_non_durable: true}
archivers:
  z: {sources: nova, destinations: [history, files], enabled: false, max_runtime: 4h}
)");
  EXPECT_EQ(settings.site, "no");
  EXPECT_EQ(settings.log.file, "/var/log/o.log");
  const SourceSettings& source = settings.sources.at("nova");
  ServerSettings server;
  server.option_file = "/etc/nova.cnf";
  server.hosts = {"db1", "db2"};
  server.port = 3307;
  server.socket = "/run/s.sock";
  server.user = "0123";
  server.password = "asecret${b}";
  server.tls_ca = "/ca";
  server.tls_cert = "/cert";
  server.tls_key = "/key";
  server.tls_verify = false;
  server.session = {{"innodb_lock_wait_timeout", "5"}, {"sql_log_bin", "off"}};
  server.connect_timeout_s = 1;
  server.read_timeout_s = 120;
  server.write_timeout_s = 3;
  EXPECT_EQ(source.server, server);
  EXPECT_TRUE(source.databases.at(0).IsStar());
  EXPECT_TRUE(source.tables.at(0).Matches("instances"));
  EXPECT_EQ(source.exclude_databases.at(0).text(), "test");
  EXPECT_EQ(source.exclude_tables.at(0).text(), "shadow_*");
  EXPECT_EQ(source.table.retention.count, 90 * 86400);
  EXPECT_EQ(source.table.deleted_column, "gone_at");
  EXPECT_EQ(source.table.deleted_flag_column, "gone");
  EXPECT_EQ(source.table.where, "{deleted_column} < {now}");
  EXPECT_TRUE(source.table.delete_rows);
  EXPECT_EQ(source.table.dependents.rules.at(0).policy, DependentsPolicy::kArchive);
  EXPECT_EQ(source.table.dependents.rules.at(1).policy, DependentsPolicy::kBlock);
  EXPECT_EQ(source.table.batch_bytes, 1u << 20);
  ASSERT_EQ(source.overrides.size(), 3u);
  EXPECT_EQ(source.For("nova", "b").retention.count, 3600);
  EXPECT_FALSE(source.For("nova", "b").delete_rows);
  EXPECT_EQ(source.For("nova", "b").batch_rows, 10u);
  EXPECT_EQ(source.For("x", "c").dependents.other, DependentsPolicy::kArchive);
  EXPECT_TRUE(source.For("x", "c").dependents.rules.empty());
  const ThrottleSettings& throttle = source.throttle;
  EXPECT_EQ(throttle.max_rows_per_second, 100u);
  EXPECT_EQ(throttle.max_replica_lag_s, 60u);
  EXPECT_DOUBLE_EQ(throttle.max_flow_control, 0.025);
  EXPECT_EQ(throttle.max_threads_running, 50u);
  EXPECT_EQ(throttle.max_history_list_length, 1000000u);
  EXPECT_EQ(throttle.pause_file, "/run/pause");
  EXPECT_EQ(source.delete_connections, 2u);
  EXPECT_EQ(source.table_workers, 3u);
  EXPECT_EQ(source.delete_target_ms, 1000u);
  const FileDestinationSettings& files = settings.destinations.at("files").file;
  EXPECT_EQ(files.directory, "/a");
  EXPECT_EQ(files.layout, "{site}/{source}");
  EXPECT_EQ(files.formats, std::vector<std::string>{"csv"});
  EXPECT_EQ(files.compression_level, 9);
  EXPECT_EQ(files.segment_bytes, 65536u);
  EXPECT_EQ(files.min_free_bytes, 0u);
  const MariadbDestinationSettings& history = settings.destinations.at("history").mariadb;
  EXPECT_EQ(history.server.hosts, std::vector<std::string>{"h"});
  EXPECT_EQ(history.database_name, "{site}_{database}");
  EXPECT_EQ(history.database_suffix, "");
  EXPECT_EQ(history.table_suffix, "_old");
  EXPECT_EQ(history.schema_changes, SchemaChanges::kStop);
  EXPECT_TRUE(history.accept_non_durable);
  const ArchiverSettings& archiver = settings.archivers.at(0);
  EXPECT_EQ(archiver.name, "z");
  EXPECT_EQ(archiver.sources, std::vector<std::string>{"nova"});
  EXPECT_EQ(archiver.destinations, (std::vector<std::string>{"history", "files"}));
  EXPECT_FALSE(archiver.enabled);
  EXPECT_EQ(archiver.max_runtime_s, 14400);
  EXPECT_THAT(settings.effective_json, Not(HasSubstr("secret")));
}

TEST_F(LoadTest, ReplicasTakeCredentialsFromTheirSource) {
  const Settings settings = Load(
      WithSource("    databases: x\n    host: db1\n    port: 3307\n    user: u\n    password: p\n  "
                 "  ssl_ca: /ca\n"
                 "    throttle: {replicas: [db2, {host: db3, user: m}, {option_file: /r.cnf}]}"));
  const auto& replicas = settings.sources.at("nova").throttle.replicas;
  ASSERT_EQ(replicas.size(), 3u);
  EXPECT_EQ(replicas[0].hosts, std::vector<std::string>{"db2"});
  EXPECT_EQ(replicas[0].user, "u");
  EXPECT_EQ(replicas[0].password, "p");
  EXPECT_EQ(replicas[0].port, 3307);
  EXPECT_EQ(replicas[1].hosts, std::vector<std::string>{"db3"});
  EXPECT_EQ(replicas[1].user, "m");
  EXPECT_EQ(replicas[1].tls_ca, "/ca");
  // Fields win over an option file, so none may come along.
  ServerSettings own;
  own.option_file = "/r.cnf";
  EXPECT_EQ(replicas[2], own);
}

TEST_F(LoadTest, DefaultsReachSourcesAndDestinationsWhereTheyAreSettings) {
  const Settings settings = Load(R"(state: /s.db
defaults:
  retention: 6 months
  compression_level: 5
  database_suffix: _old
  user: all
  dependents: archive
  exclude_tables: [a]
  session: {x: 1, y: 1}
  throttle: {max_rows_per_second: 7, max_threads_running: 3}
sources:
  one: {databases: x, retention: 1 year, session: {y: 2}, throttle: {max_threads_running: 4}}
  two: {databases: x, host: other, exclude_tables: []}
destinations:
  files: {backend: file, directory: /a}
  history: {backend: mariadb, user: h}
  named: {backend: mariadb, database_name: '{database}_n'}
archivers:
  a: {sources: [one, two], destinations: [files, history, named]}
)");
  const SourceSettings& one = settings.sources.at("one");
  EXPECT_EQ(one.table.retention.count, 12);
  EXPECT_EQ(one.server.session, (std::map<std::string, std::string>{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(one.throttle.max_rows_per_second, 7u);
  EXPECT_EQ(one.throttle.max_threads_running, 4u);
  EXPECT_EQ(one.exclude_tables.size(), 1u);
  const SourceSettings& two = settings.sources.at("two");
  EXPECT_EQ(two.table.retention.count, 6);
  EXPECT_EQ(two.server.user, "all");
  EXPECT_EQ(two.table.dependents.other, DependentsPolicy::kArchive);
  EXPECT_TRUE(two.exclude_tables.empty());
  EXPECT_EQ(settings.destinations.at("files").file.compression_level, 5);
  const MariadbDestinationSettings& history = settings.destinations.at("history").mariadb;
  EXPECT_EQ(history.database_suffix, "_old");
  EXPECT_EQ(history.server.user, "h");
  EXPECT_EQ(history.server.session.at("x"), "1");
  const MariadbDestinationSettings& named = settings.destinations.at("named").mariadb;
  EXPECT_EQ(named.database_name, "{database}_n");
  EXPECT_EQ(named.database_suffix, "");
}

TEST_F(LoadTest, BackendInTheDefaultsIsForThoseThatHaveIt) {
  const std::string text = WithSource("    databases: x");
  EXPECT_EQ(ProblemsOf("defaults: {backend: file}\n" + text), "");
  EXPECT_EQ(ProblemsOf("defaults: {backend: mariadb}\n" + text), "");
}

TEST_F(LoadTest, RelativePathsStartWhereTheFileLies) {
  const Settings settings = Load(
      "state: state.db\nsources: {s: {databases: x, option_file: s.cnf}}\n"
      "destinations: {d: {backend: file, directory: archives}}\n"
      "archivers: {a: {sources: [s], destinations: [d]}}\n");
  EXPECT_EQ(settings.state, (directory_ / "state.db").string());
  EXPECT_EQ(settings.sources.at("s").server.option_file, (directory_ / "s.cnf").string());
  EXPECT_EQ(settings.destinations.at("d").file.directory, (directory_ / "archives").string());
}

TEST_F(LoadTest, JsonIsYaml) {
  const Settings settings = Load(
      R"({"state":"/s.db","sources":{"s":{"databases":["x"],"tables":["*"],"delete":true,"batch_rows":100,
          "retention":"12 months","password":"a\"b"}},"destinations":{"d":{"backend":"file","directory":"/a"}},
          "archivers":{"a":{"sources":["s"],"destinations":["d"]}}})");
  EXPECT_TRUE(settings.sources.at("s").table.delete_rows);
  EXPECT_EQ(settings.sources.at("s").server.password, "a\"b");
}

TEST_F(LoadTest, APasswordInAFileThatOthersCanReadIsRefused) {
  setenv("OSA_PASSWORD", "secret", 1);
  const std::string literal = WithSource("    databases: x\n    password: geheim");
  const std::string partly = WithSource("    databases: x\n    password: '${OSA_PASSWORD}x'");
  const std::string variable = WithSource("    databases: x\n    password: ${OSA_PASSWORD}");
  const std::string replica =
      WithSource("    databases: x\n    throttle: {replicas: [{host: a, password: geheim}]}");
  const std::string in_defaults = "defaults: {password: geheim}\n" + WithSource("    databases: x");
  for (unsigned mode : {0644u, 0640u, 0604u, 0620u, 0610u}) {
    EXPECT_THAT(ProblemsOf(literal, mode),
                HasSubstr("5:15: the file holds a password and others can read it (mode 0"));
    EXPECT_NE(ProblemsOf(partly, mode), "");
    EXPECT_NE(ProblemsOf(replica, mode), "");
    EXPECT_NE(ProblemsOf(in_defaults, mode), "");
    EXPECT_THAT(ProblemsOf(literal, mode), Not(HasSubstr("geheim")));
    EXPECT_EQ(ProblemsOf(variable, mode), "");
  }
  for (unsigned mode : {0600u, 0400u, 0700u}) EXPECT_EQ(ProblemsOf(literal, mode), "");
}

TEST_F(LoadTest, APasswordIsNeverInAMessage) {
  for (const char* value : {"[geheim]", "{geheim: 1}", "*geheim", "\"geheim${X\"",
                            "!geheim2 geheim", "'geheim${1a}'", "\"geheim\\0\""}) {
    const std::string problems =
        ProblemsOf(WithSource("    databases: x\n    password: " + std::string(value)));
    EXPECT_NE(problems, "") << value;
    if (std::string(value).find('!') == std::string::npos) {
      EXPECT_THAT(problems, Not(HasSubstr("geheim"))) << value;
    }
  }
}

TEST_F(LoadTest, AnOptionFileWithAPasswordThatOthersCanReadIsRefused) {
  const std::string text = WithSource("    databases: x\n    option_file: o.cnf");
  EXPECT_EQ(ProblemsOf(text), "");  // not there yet
  Write("o.cnf", "[client]\nuser=a\n", 0644);
  EXPECT_EQ(ProblemsOf(text), "");
  Write("o.cnf", "[client]\n# password = x\npassword=\n", 0644);
  EXPECT_EQ(ProblemsOf(text), "");
  for (const char* line : {"password=x", "  password = 'x'", "loose-password=x"}) {
    Write("o.cnf", std::string("[client]\n") + line + "\n", 0640);
    EXPECT_THAT(ProblemsOf(text), HasSubstr("holds a password and others can read it (mode 0640)"))
        << line;
    EXPECT_THAT(ProblemsOf(text), HasSubstr("5:18: option file "));
    Write("o.cnf", std::string("[client]\n") + line + "\n", 0600);
    EXPECT_EQ(ProblemsOf(text), "") << line;
  }
}

TEST_F(LoadTest, EffectiveJsonIsStableAndKeepsNoPassword) {
  setenv("OSA_PASSWORD", "secret", 1);
  const std::string one =
      "state: /s\nsources: {b: {databases: x, password: geheim}, a: {databases: x, user: u, "
      "password: "
      "'${OSA_PASSWORD}', throttle: {replicas: [r]}}}\n"
      "destinations: {d: {backend: mariadb, host: h, password: geheim}}\n"
      "archivers: {z: {sources: [b], destinations: [d]}, y: {sources: [a], destinations: [d]}}\n";
  const std::string other =
      "archivers: {z: {destinations: [d], sources: [b]}, y: {destinations: [d], sources: [a]}}\n"
      "destinations: {d: {host: h, backend: mariadb, password: other}}\n"
      "sources: {a: {user: u, databases: [x], password: other, throttle: {replicas: [{host: r}]}}, "
      "b: "
      "{databases: x}}\nstate: '/s'\n";
  const std::string json = Load(one).effective_json;
  EXPECT_EQ(json, Load(other).effective_json);
  for (const char* secret : {"secret", "geheim", "password"})
    EXPECT_THAT(json, Not(HasSubstr(secret)));
  const auto parsed = nlohmann::json::parse(json);
  EXPECT_EQ(parsed["sources"]["a"]["user"], "u");
  EXPECT_EQ(parsed["sources"]["b"]["retention"], "12 months");
}

TEST_F(LoadTest, ANameOfAnArchiveDatabaseIsFoundInWhatARunKept) {
  const std::string json =
      Load(
          "state: /s\nsources: {a: {databases: x}}\n"
          "destinations: {d: {backend: mariadb, host: h, database_suffix: _old},\n"
          "  e: {backend: mariadb, host: h, database_name: '{site}_{database}'},\n"
          "  f: {backend: file, directory: /f}}\n"
          "archivers: {z: {sources: [a], destinations: [d, e, f]}}\n")
          .effective_json;
  ASSERT_TRUE(NamesIn(json, "d"));
  EXPECT_EQ(NamesIn(json, "d")->database_suffix, "_old");
  EXPECT_EQ(NamesIn(json, "d")->database_name, "");
  EXPECT_EQ(NamesIn(json, "e")->database_name, "{site}_{database}");
  for (const char* text : {"", "{", "[]", "7", R"({"destinations":[]})",
                           R"({"destinations":{"d":{"backend":"mariadb"}}})",
                           R"({"destinations":{"d":{"backend":7,"database_suffix":""}}})"}) {
    EXPECT_FALSE(NamesIn(text, "d")) << text;
  }
  EXPECT_FALSE(NamesIn(json, "f"));
  EXPECT_FALSE(NamesIn(json, "other"));
}

TEST_F(LoadTest, WarnsOfWhatIsOddWithItsPlace) {
  const Settings settings = Load(WithSource(
      "    databases: x\n    where: \"{deleted_column} < '2020-01-01'\"\n  spare: {databases: y}"));
  const std::string file = (directory_ / "c.yaml").string();
  EXPECT_EQ(settings.warnings,
            (std::vector<std::string>{
                file + ":5:12: 'where' has no {cutoff}: the retention has no effect",
                file + ":6:3: source 'spare' is in no archiver"}));
}

}  // namespace
}  // namespace osarchiver

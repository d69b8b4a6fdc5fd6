// What is wrong with single settings, and where.
#include "config/problems.h"

#include <cstdlib>

#include "config_file.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::Not;
using ProblemsTest = ConfigFileTest;

struct Case {
  const char* settings;
  const char* problem;  // with its place; "" when all is well
};

TEST_F(ProblemsTest, EveryProblemOfASourceIsReportedWithItsPlace) {
  setenv("OSA_YES", "yes", 1);
  setenv("OSA_TEXT", "hidden-text", 1);
  unsetenv("OSA_UNSET");
  const Case kCases[] = {
      {"    databases: nova", ""},
      {"    databases: [nova]\n    retension: 1 year",
       "5:5: unknown key 'retension'; did you mean 'retention'?"},
      {"    databases: [nova]\n    zzzzzzzz: 1", "5:5: unknown key 'zzzzzzzz'"},
      {"    databases: [nova]\n    directory: /x", "5:5: unknown key 'directory'"},
      {"    tables: x", "3:3: 'databases' is missing: a list of databases or patterns"},
      {"    databases: []", "4:16: 'databases' cannot be an empty list"},
      {"    databases:", "4:5: 'databases' must be a list, not nothing"},
      {"    databases: {nova: 1}", "4:16: 'databases' must be a list, not a map"},
      {"    databases: [nova, [x]]", "4:23: an entry of 'databases' must be a word, not a list"},
      {"    databases: [null]",
       "4:17: an entry of 'databases' must be a word, not nothing (a name "
       "such as null goes in quotes)"},
      {"    databases: ['null', no, on, 007]", ""},
      {"    databases: ['']", "4:17: an entry of 'databases' must be a word, not ''"},
      {"    databases: x\n    tables: []", "5:13: 'tables' cannot be an empty list"},
      {"    databases: x\n    exclude_tables: []\n    exclude_databases: []", ""},
      {"    databases: x\n    exclude_tables:",
       "5:5: 'exclude_tables' must be a list (an empty one is []), not nothing"},
      {"    databases: '/(/'", "4:16: pattern '/(/'"},
      {"    databases: x\n    tables: [a, 'b[']",
       "5:17: pattern 'b[': '[' without ']'; a bracket itself is [[]"},
      // Durations, sizes, numbers, and the traps of YAML.
      {"    databases: x\n    retention: 12",
       "5:16: 'retention' must be a duration such as '12 months' or '90 days', not '12'"},
      {"    databases: x\n    retention: 06:00", "5:16: 'retention' must be a duration"},
      {"    databases: x\n    retention: 12m", "5:16: 'retention' must be a duration"},
      {"    databases: x\n    retention: [1 day]",
       "5:16: 'retention' must be a duration such as '12 months' or '90 days', not a list"},
      {"    databases: x\n    retention: 23h",
       "5:16: a retention of 23h is under one day; it needs allow_short_retention: true"},
      {"    databases: x\n    retention: 0 months",
       "5:16: a retention of 0 months is under one day"},
      {"    databases: x\n    retention: 23h\n    allow_short_retention: true", ""},
      {"    databases: x\n    retention: 1 day", ""},
      {"    databases: x\n    batch_rows: 010",
       "5:17: 'batch_rows' must be a whole number from 1 to 1000000, not '010'"},
      {"    databases: x\n    batch_rows: 0x10", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: 1_000", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: 5e3", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: 1.0", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: -1", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: 0", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: many", "5:17: 'batch_rows' must be a whole number"},
      {"    databases: x\n    batch_rows: 18446744073709551617", "5:17: 'batch_rows' must be"},
      {"    databases: x\n    batch_rows:",
       "5:5: 'batch_rows' has no value; it must be a whole number from 1 to 1000000"},
      {"    databases: x\n    batch_rows: ~", "5:5: 'batch_rows' has no value"},
      {"    databases: x\n    batch_bytes: 16 MoB",
       "5:18: 'batch_bytes' must be a size such as 16MiB, not '16 MoB'"},
      {"    databases: x\n    batch_bytes: 0", "5:18: 'batch_bytes' must be from 1 to 1073741824"},
      {"    databases: x\n    delete: 1", "5:13: 'delete' must be true or false, not '1'"},
      {"    databases: x\n    delete: 'yes'",
       "5:13: 'delete' must be true or false without quotes, not 'yes'"},
      {"    databases: x\n    delete: \"${OSA_YES}\"", ""},
      {"    databases: x\n    delete: ${OSA_UNSET}",
       "5:13: environment variable OSA_UNSET is not set"},
      {"    databases: x\n    delete_target: 250",
       "5:20: 'delete_target' must be a duration with its unit, such as 250ms, not '250'"},
      {"    databases: x\n    delete_target: 2h",
       "5:20: 'delete_target' must be from 1ms to 60000ms"},
      {"    databases: x\n    connect_timeout: 10",
       "5:22: 'connect_timeout' must be a duration with its unit, such as 10s or 4h, not '10'"},
      {"    databases: x\n    connect_timeout: 0s", "5:22: 'connect_timeout' must be from 1s to"},
      {"    databases: x\n    table_workers: 65",
       "5:20: 'table_workers' must be a whole number from 1 to 64, not '65'"},
      // A message shows what the file says, never what a variable holds.
      {"    databases: x\n    port: ${OSA_TEXT}", "not '${OSA_TEXT}'"},
      // Texts.
      {"    databases: x\n    deleted_column: ''", "5:21: 'deleted_column' cannot be empty"},
      {"    databases: x\n    deleted_flag_column: ''", ""},
      {"    databases: x\n    deleted_column: true",
       "5:21: 'deleted_column' must be a text (in quot"},
      {"    databases: x\n    deleted_column: \"a\\0b\"",
       "5:21: 'deleted_column' holds control characters"},
      {"    databases: x\n    where: '{cut_off} > 1'",
       "5:12: 'where': unknown placeholder {cut_off}; did you mean 'cutoff'?"},
      {"    databases: x\n    where: '{ cutoff } > 1'", "5:12: 'where': unknown placeholder { cut"},
      {"    databases: x\n    where: \"a = '{\\\"b\\\": 1}' AND {deleted_column} < {now}\"", ""},
      {"    databases: x\n    where: ''", "5:12: 'where' cannot be empty"},
      {"    databases: x\n    backend: mysql",
       "5:14: unknown backend 'mysql'; there is only 'mariadb'"},
      // Servers.
      {"    databases: x\n    host: [db1, db2]\n    port: 3307", ""},
      {"    databases: x\n    host: db1:3306",
       "5:11: 'db1:3306' is no host name; a port goes under 'port'"},
      {"    databases: x\n    host: '::1'", ""},
      {"    databases: x\n    host: 'db1,db2'",
       "5:11: 'db1,db2' is no host name; several hosts are a list"},
      {"    databases: x\n    host: /run/mysqld.sock", "a socket goes under 'socket'"},
      {"    databases: x\n    port: 70000", "5:11: 'port' must be a whole number from 1 to 65535"},
      {"    databases: x\n    option_file: ~/my.cnf",
       "5:18: 'option_file': '~' is not expanded; write the whole path"},
      {"    databases: x\n    session: [a]",
       "5:14: 'session' must be a map of settings, not a list"},
      {"    databases: x\n    session: {a: [1]}", "5:18: 'a' must be a single value, not a list"},
      {"    databases: x\n    session: {'a b': 1}", "5:15: 'a b' is no name of a session variable"},
      {"    databases: x\n    session:", ""},
      {"    databases: x\n    ssl_verify: maybe", "5:17: 'ssl_verify' must be true or false"},
      // Dependents, overrides, throttle.
      {"    databases: x\n    dependents: blok",
       "5:17: 'dependents' must be block or archive, not 'blok'; did you mean 'block'?"},
      {"    databases: x\n    dependents: {'a*': archive, '/(/': block}", "5:33: pattern '/(/'"},
      {"    databases: x\n    dependents: {a: true}", "5:21: 'a' must be block or archive, not 't"},
      {"    databases: x\n    overrides: {tables: x}",
       "5:16: 'overrides' must be a list of maps, each with '- ' in front, not a map"},
      {"    databases: x\n    overrides: [{retention: 1 year}]", "5:17: 'tables' is missing"},
      {"    databases: x\n    overrides: [{tables: x, databases: y}]",
       "5:29: unknown key 'databases'"},
      {"    databases: x\n    overrides: [{tables: []}]", "5:26: 'tables' cannot be an empty list"},
      {"    databases: x\n    overrides: [{tables: x, retention: 1h}]",
       "5:40: a retention of 1h is under one day"},
      {"    databases: x\n    overrides: [nova.x]", "5:17: an override must be a map of settings"},
      {"    databases: x\n    overrides: [~]", "an override must be a map with 'tables'"},
      {"    databases: x\n    throttle: {max_lag: 10s}", "5:16: unknown key 'max_lag'"},
      {"    databases: x\n    throttle: {max_replica_lag: 10}",
       "5:33: 'max_replica_lag' must be a duration with its unit"},
      {"    databases: x\n    throttle: {max_flow_control: 5}",
       "5:34: 'max_flow_control' must be a"},
      {"    databases: x\n    throttle: {replicas: [db2, {host: db3}, {socket: /s}]}", ""},
      {"    databases: x\n    throttle: {replicas: db2}",
       "5:26: 'replicas' must be a list of hosts"},
      {"    databases: x\n    throttle: {replicas: [{port: 1}]}",
       "5:27: a replica needs a 'host', a 'socket' or an 'option_file'"},
      {"    databases: x\n    throttle: {replicas: [{host: a, databases: b}]}",
       "5:37: unknown key 'databases'"},
      {"    databases: x\n    throttle: {replicas: [~]}", "a replica needs"},
      // Never deletes unarchived because of two settings far from each other.
      {"    databases: x\n    delete: true\n    overrides: [{tables: y, archive: false}]",
       "6:38: rows would be deleted without being archived, for 'delete: true' comes from "
       "elsewhere"},
      {"    databases: x\n    delete: true\n    overrides: [{tables: y, archive: false, delete: "
       "false}]",
       ""},
      {"    databases: x\n    delete: true\n    overrides: [{tables: y, archive: false, delete: "
       "true}]",
       ""},
      // YAML itself.
      {"    databases: x\n    databases: y",
       "5:5: duplicate key 'databases'; it stands in line 4 already"},
      {"    databases: x\n    'databases': y", "5:5: duplicate key 'databases'"},
      {"    databases: x\n    ? [a]\n    : b", "a key cannot be a list or a map"},
      {"    databases: !glob x", "a value cannot have the tag '!glob'"},
      {"    databases: &x [*x]", "too deeply nested, or an alias of what it is in"},
      {"    databases: *nothing", "4:16: an alias of an anchor that is not there"},
      {"    databases: &d [nova]\n    exclude_databases: *d", ""},
      {"    databases: [nova\n    tables: x", ": "},
  };
  for (const Case& c : kCases) {
    const std::string problems = ProblemsOf(WithSource(c.settings));
    if (c.problem[0] == '\0') {
      EXPECT_EQ(problems, "") << c.settings;
    } else {
      EXPECT_THAT(problems, HasSubstr(c.problem)) << c.settings;
      EXPECT_THAT(problems, Not(HasSubstr("\n"))) << c.settings << "\n" << problems;
    }
    EXPECT_THAT(problems, Not(HasSubstr("hidden-text")));
  }
}

TEST_F(ProblemsTest, EveryProblemOfADestinationIsReportedWithItsPlace) {
  const Case kCases[] = {
      {"    backend: file\n    directory: /x", ""},
      {"    directory: /x", "5:3: 'backend' is missing: file or mariadb"},
      {"    backend: file", "5:3: 'directory' is missing"},
      {"    backend: fil\n    directory: /x", "6:14: unknown backend 'fil'; did you mean 'file'?"},
      {"    backend: s3\n    directory: /x",
       "6:14: unknown backend 's3'; there are 'file' and 'mariadb'"},
      {"    backend: file\n    directory: /x\n    option_file: /y",
       "8:5: 'option_file' is no setting of backend file"},
      {"    backend: mariadb\n    layout: x", "7:5: 'layout' is no setting of backend mariadb"},
      {"    backend: mariadb\n    min_fre: x", "7:5: unknown key 'min_fre'"},
      {"    backend: file\n    directory: /x\n    min_fre: x",
       "8:5: unknown key 'min_fre'; did you mean 'min_free'?"},
      {"    backend: file\n    directory: /x\n    formats: [sql, cvs]",
       "8:20: unknown format 'cvs'; did you mean 'csv'?"},
      {"    backend: file\n    directory: /x\n    formats: [sql, sql]",
       "8:20: format 'sql' is named twice"},
      {"    backend: file\n    directory: /x\n    formats: []",
       "'formats' cannot be an empty list"},
      {"    backend: file\n    directory: /x\n    layout: '{archiver}/{dat}'",
       "8:13: 'layout': unknown placeholder {dat}; did you mean 'date'?"},
      {"    backend: file\n    directory: /x\n    layout: '{date'", "'layout': '{' without '}'"},
      {"    backend: file\n    directory: /x\n    layout: 'date}'", "'layout': '}' without '{'"},
      {"    backend: file\n    directory: /x\n    layout: '{{date}}'", "'layout': '{' without '}'"},
      {"    backend: file\n    directory: /x\n    layout: /abs",
       "it must be relative to 'directory'"},
      {"    backend: file\n    directory: /x\n    layout: 'a/../../b'",
       "'..' cannot be a part of it"},
      {"    backend: file\n    directory: /x\n    layout: '.osarchiver'", "cannot be a part of it"},
      {"    backend: file\n    directory: /x\n    layout: ''", ""},
      {"    backend: file\n    directory: /x\n    layout: '{site}/{source}/'", ""},
      {"    backend: file\n    directory: /x\n    compression_level: 22",
       "8:24: 'compression_level' must be a whole number from 1 to 19, not '22'"},
      {"    backend: file\n    directory: /x\n    segment_bytes: 0",
       "'segment_bytes' must be from 1"},
      {"    backend: mariadb\n    database_name: '{site}_{db}'",
       "7:20: 'database_name': unknown placeholder {db}"},
      {"    backend: mariadb\n    database_name: '{database}_a'\n    database_suffix: _a",
       "7:20: 'database_name' and 'database_suffix' cannot both be set"},
      {"    backend: mariadb\n    schema_changes: evolv",
       "7:21: unknown schema_changes 'evolv'; did you mean 'evolve'?"},
      {"    backend: mariadb\n    accept_non_durable: 1",
       "7:25: 'accept_non_durable' must be true or false, not '1'"},
  };
  for (const Case& c : kCases) {
    const std::string problems = ProblemsOf(WithDestination(c.settings));
    if (c.problem[0] == '\0') {
      EXPECT_EQ(problems, "") << c.settings;
    } else {
      EXPECT_THAT(problems, HasSubstr(c.problem)) << c.settings;
      EXPECT_THAT(problems, Not(HasSubstr("\n"))) << c.settings << "\n" << problems;
    }
  }
}

TEST_F(ProblemsTest, AllOfThemAreReportedInTheOrderOfTheFile) {
  EXPECT_EQ(ProblemsOf("archivers:\n"
                       "  nova: {sources: [nov], enabld: true}\n"
                       "log: {level: loud}\n"
                       "sources:\n"
                       "  nova:\n"
                       "    batch_rows: x\n"
                       "    databases: [nova]\n"
                       "    delet: true\n"),
            "1:1: 'state' is missing: the path of the journal\n"
            "2:20: there is no source 'nov'; did you mean 'nova'?\n"
            "2:26: unknown key 'enabld'; did you mean 'enabled'?\n"
            "3:14: unknown level 'loud'; there are 'debug', 'info', 'warning', 'error' and 'warn'\n"
            "6:17: 'batch_rows' must be a whole number from 1 to 1000000, not 'x'\n"
            "8:5: unknown key 'delet'; did you mean 'delete'?");
}

TEST_F(ProblemsTest, EachLineNamesTheFile) {
  const std::string path = Write("x.yaml", "");
  try {
    (void)LoadSettings(path);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              path + ":1:1: 'state' is missing: the path of the journal\n" + path +
                  ":1:1: 'sources' is missing\n" + path + ":1:1: 'archivers' is missing");
  }
}

TEST_F(ProblemsTest, DefaultsAreCheckedOnceWhetherUsedOrNot) {
  EXPECT_EQ(ProblemsOf("defaults:\n"
                       "  retension: 1 year\n"
                       "  batch_rows: many\n"
                       "  schema_changes: no\n"
                       "  throttle: {max_lag: 1}\n" +
                       WithSource("    databases: [nova]")),
            "2:3: unknown key 'retension'; did you mean 'retention'?\n"
            "3:15: 'batch_rows' must be a whole number from 1 to 1000000, not 'many'\n"
            "4:19: unknown schema_changes 'no'; there are 'stop' and 'evolve'\n"
            "5:14: unknown key 'max_lag'");
  EXPECT_EQ(ProblemsOf("defaults: [a]\n" + WithSource("    databases: [nova]")),
            "1:11: 'defaults' must be a map of settings, not a list");
}

TEST_F(ProblemsTest, WhatIsNoConfigurationIsSaidInOneLine) {
  EXPECT_EQ(ProblemsOf("- a\n"), "1:1: the configuration must be a map of settings, not a list");
  EXPECT_EQ(ProblemsOf("hello"), "1:1: the configuration must be a map of settings, not 'hello'");
  EXPECT_EQ(ProblemsOf("a: b: c\n"), "1:5: illegal map value");
  EXPECT_EQ(ProblemsOf(std::string("a: \0b", 5)),
            "1:1: the file holds NUL bytes; it is expected in UTF-8");
  EXPECT_THAT(ProblemsOf(WithSource("    databases: x") + "---\na: b\n"),
              HasSubstr("a second document; only one is read"));
  EXPECT_THROW(LoadSettings("/does/not/exist"), ConfigError);
  EXPECT_THROW(LoadSettings(directory_.string()), ConfigError);
}

TEST_F(ProblemsTest, NamesAreRefusedThatCannotBePartsOfFileNames) {
  for (const char* name :
       {"'a/b'", "'..'", "'.a'", "'-a'", "'a b'", "''", "\"a\\0b\"", "'n\xc3\xb6va'"}) {
    const std::string text =
        std::string("state: /s\nsite: ") + name + "\nsources: {s: {databases: x}, " + name +
        ": {databases: y}}\ndestinations: {d: {backend: file, directory: /d}, " + name +
        ": {backend: file, directory: /e}}\narchivers: {x: {sources: [s], "
        "destinations: [d]}, " +
        name + ": {sources: [s], destinations: [d]}}\n";
    const std::string problems = ProblemsOf(text);
    for (const char* place : {"2:7: ", "3:30: ", "4:51: ", "5:51: "}) {
      EXPECT_THAT(problems, HasSubstr(place)) << name;
    }
  }
  EXPECT_EQ(ProblemsOf("site: Region-1.example_org\n" + WithSource("    databases: x")), "");
}

TEST(SuggestionTest, ListsTheWordsWhenTheyAreFewAndNoneIsNear) {
  EXPECT_EQ(Suggestion("vona", {"nova"}), "; did you mean 'nova'?");
  EXPECT_EQ(Suggestion("x", {"nova"}), "; there is only 'nova'");
  EXPECT_EQ(Suggestion("x", {"aa", "bb", "cc"}), "; there are 'aa', 'bb' and 'cc'");
  EXPECT_EQ(Suggestion("x", {}), "");
  EXPECT_EQ(Suggestion("x", std::vector<std::string>(9, "long")), "");
}

}  // namespace
}  // namespace osarchiver

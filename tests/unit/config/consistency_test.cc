// Whether sources, destinations and archivers fit together.
#include <filesystem>

#include "config_file.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using ConsistencyTest = ConfigFileTest;

// Sources, destinations and archivers as flow maps, in the lines 2, 3 and 4.
std::string File(const std::string& sources, const std::string& destinations,
                 const std::string& archivers) {
  return "state: /s\nsources: {" + sources + "}\ndestinations: {" + destinations +
         "}\narchivers: {" + archivers + "}\n";
}

constexpr const char* kFile = "d: {backend: file, directory: /d}";

TEST_F(ConsistencyTest, AnArchiverThatArchivesNeedsADestination) {
  EXPECT_EQ(ProblemsOf(File("s: {databases: x}", "", "a: {sources: [s]}")),
            "4:13: archiver 'a' archives and has no destinations; to delete without archiving, its "
            "sources need archive: false and delete: true");
  EXPECT_THAT(ProblemsOf(File("s: {databases: x}", "", "a: {sources: [s], destinations: []}")),
              HasSubstr("4:45: archiver 'a' archives and has no destinations"));
  // One table is enough.
  EXPECT_THAT(
      ProblemsOf(File("s: {databases: x, archive: false, delete: true, overrides: [{tables: y, "
                      "archive: true}]}",
                      "", "a: {sources: [s]}")),
      HasSubstr("archives and has no destinations"));
}

TEST_F(ConsistencyTest, ADeleteOnlyArchiverHasNoDestinations) {
  const std::string source = "s: {databases: x, archive: false, delete: true}";
  EXPECT_EQ(ProblemsOf(File(source, "", "a: {sources: [s]}")), "");
  EXPECT_EQ(ProblemsOf(File(source, "", "a: {sources: [s], destinations: []}")), "");
  EXPECT_EQ(
      ProblemsOf(File(source, kFile, "a: {sources: [s], destinations: [d]}")),
      "4:45: archiver 'a' only deletes (archive: false) and has destinations; nothing would ever "
      "be written there");
}

TEST_F(ConsistencyTest, ASourceArchivesOrDeletes) {
  EXPECT_EQ(ProblemsOf(File("s: {databases: x, archive: false}", kFile, "a: {sources: [s]}")),
            "2:11: source 's' neither archives nor deletes");
}

TEST_F(ConsistencyTest, DeletingWithoutArchivingIsAskedForInOnePlace) {
  const std::string archivers = "a: {sources: [s]}";
  EXPECT_THAT(ProblemsOf("defaults: {delete: true}\n" +
                         File("s: {databases: x, archive: false}", "", archivers)),
              HasSubstr("3:38: rows would be deleted without being archived, for 'delete: true'"));
  EXPECT_THAT(
      ProblemsOf("defaults: {archive: false}\n" +
                 File("s: {databases: x, delete: true}", "", archivers)),
      HasSubstr("3:37: rows would be deleted without being archived, for 'archive: false'"));
  EXPECT_EQ(ProblemsOf("defaults: {archive: false, delete: true}\n" +
                       File("s: {databases: x}", "", archivers)),
            "");
}

TEST_F(ConsistencyTest, ReferencesExistAndStandOnce) {
  EXPECT_EQ(ProblemsOf(File("nova: {databases: x}", "files: {backend: file, directory: /d}",
                            "a: {sources: [nvoa], destinations: [filse]}")),
            "4:27: there is no source 'nvoa'; did you mean 'nova'?\n"
            "4:49: there is no destination 'filse'; did you mean 'files'?");
  EXPECT_EQ(
      ProblemsOf(File("s: {databases: x}", kFile, "a: {sources: [s, s], destinations: [d, d]}")),
      "4:30: source 's' is named twice\n4:52: destination 'd' is named twice");
  EXPECT_EQ(ProblemsOf(File("s: {databases: x}", kFile, "a: {destinations: [d]}")),
            "4:13: 'sources' is missing");
  EXPECT_EQ(ProblemsOf(File("s: {databases: x}", kFile, "")), "4:12: there is no archiver");
  EXPECT_THAT(ProblemsOf(File("", kFile, "a: {sources: [s]}")),
              HasSubstr("2:10: there is no source"));
}

TEST_F(ConsistencyTest, TwoDestinationsNeverShareAPlace) {
  const std::string root = directory_.string();
  std::filesystem::create_directories(directory_ / "real");
  std::filesystem::create_directory_symlink(directory_ / "real", directory_ / "link");
  const struct {
    std::string d, e;
    bool shared;
  } kCases[] = {
      {"backend: file, directory: /x", "backend: file, directory: /y", false},
      {"backend: file, directory: /x", "backend: file, directory: /xy", false},
      {"backend: file, directory: /x", "backend: file, directory: /x", true},
      {"backend: file, directory: /x", "backend: file, directory: /x//./y/../", true},
      // The marker in the directory names one destination, whatever the layouts.
      {"backend: file, directory: /x", "backend: file, directory: /x, layout: other", true},
      {"backend: file, directory: /x", "backend: file, directory: /x/y", true},
      {"backend: file, directory: /x/y", "backend: file, directory: /x", true},
      {"backend: file, directory: '" + root + "/real/a'",
       "backend: file, directory: '" + root + "/link/a'", true},
      {"backend: file, directory: '" + root + "/real'", "backend: file, directory: link", true},
      {"backend: file, directory: /x", "backend: mariadb, host: x", false},
      {"backend: mariadb, host: a", "backend: mariadb, host: b", false},
      {"backend: mariadb, host: a", "backend: mariadb, host: a", true},
      {"backend: mariadb, host: a", "backend: mariadb, host: a, port: 3306, user: x", true},
      {"backend: mariadb, host: a", "backend: mariadb, host: a, port: 3307", false},
      {"backend: mariadb, host: [a, b]", "backend: mariadb, host: [b, a]", true},
      {"backend: mariadb, host: localhost", "backend: mariadb, host: 127.0.0.1", true},
      {"backend: mariadb, option_file: /o", "backend: mariadb, option_file: /o", true},
      {"backend: mariadb, option_file: /o", "backend: mariadb, option_file: /p", false},
      {"backend: mariadb, host: a", "backend: mariadb, host: a, database_suffix: _x", false},
      {"backend: mariadb, host: a", "backend: mariadb, host: a, table_suffix: _x", false},
      {"backend: mariadb, host: a, database_suffix: _x",
       "backend: mariadb, host: a, database_name: '{database}_x'", true},
  };
  for (const auto& c : kCases) {
    const std::string problems =
        ProblemsOf(File("s: {databases: x}", "d: {" + c.d + "}, e: {" + c.e + "}",
                        "a: {sources: [s], destinations: [d, e]}"));
    if (c.shared) {
      EXPECT_THAT(problems, HasSubstr("destination 'e' would write where 'd' writes: "))
          << c.d << c.e;
    } else {
      EXPECT_EQ(problems, "") << c.d << c.e;
    }
  }
  EXPECT_EQ(ProblemsOf("state: /s\nsources: {s: {databases: x}}\ndestinations:\n"
                       "  z: {backend: file, directory: /x}\n  b: {backend: file, directory: /x}\n"
                       "archivers: {a: {sources: [s], destinations: [b, z]}}\n"),
            "5:3: destination 'b' would write where 'z' writes: directory /x");
}

TEST_F(ConsistencyTest, WhatNobodyRunsIsNotHeldAgainstTheOthers) {
  const std::string destinations =
      "d: {backend: file, directory: /x}, e: {backend: file, directory: /x}";
  const std::string source = "s: {databases: x, delete: true}";
  const std::string a = "a: {sources: [s], destinations: [d]}";
  EXPECT_EQ(ProblemsOf(File(source, destinations, a)), "");
  EXPECT_EQ(ProblemsOf(File(source, destinations,
                            a + ", b: {sources: [s], destinations: [e], enabled: false}")),
            "");
  EXPECT_EQ(ProblemsOf(File(source, destinations,
                            "b: {sources: [s], destinations: [e], enabled: false}, " + a)),
            "");
}

TEST_F(ConsistencyTest, OneArchiveDatabaseIsNotForSeveralDatabases) {
  const std::string destination = "d: {backend: mariadb, database_name: '{site}_archive'}";
  const std::string archivers = "a: {sources: [s], destinations: [d]}";
  EXPECT_EQ(ProblemsOf(File("s: {databases: x}", destination, archivers)), "");
  for (const char* databases : {"[x, y]", "'x*'"}) {
    EXPECT_THAT(
        ProblemsOf(File(std::string("s: {databases: ") + databases + "}", destination, archivers)),
        HasSubstr("3:53: 'database_name' needs {database}, for source 's' can have several"));
  }
}

TEST_F(ConsistencyTest, TwoArchiversNeverDeleteFromTheSameTables) {
  const std::string one =
      "a: {sources: [s], destinations: [d]}, b: {sources: [s], destinations: [d]}";
  const std::string two =
      "a: {sources: [s], destinations: [d]}, b: {sources: [t], destinations: [d]}";
  EXPECT_EQ(ProblemsOf(File("s: {databases: x, delete: true}", kFile, one)),
            "4:64: archivers 'a' and 'b' both delete from source 's'");
  EXPECT_EQ(ProblemsOf(File("s: {databases: x}", kFile, one)), "");
  const struct {
    const char *s, *t;
    bool same;
  } kCases[] = {
      {"databases: x, delete: true", "databases: x, delete: true", true},
      {"databases: x, delete: true", "databases: x", false},
      {"databases: x, delete: true", "databases: y, delete: true", false},
      {"databases: x, delete: true", "databases: 'x*', delete: true", true},
      {"databases: x, delete: true", "databases: '*', exclude_databases: x, delete: true", false},
      {"databases: x, host: a, delete: true", "databases: x, host: b, delete: true", false},
      {"databases: x, tables: [p, q], delete: true", "databases: x, tables: [r, q], delete: true",
       true},
      {"databases: x, tables: [p, q], delete: true", "databases: x, tables: [r, s], delete: true",
       false},
      {"databases: x, exclude_tables: ['i_*'], delete: true",
       "databases: x, tables: ['i_*'], delete: true", false},
      {"databases: x, delete: true", "databases: x, tables: ['i_*'], delete: true", true},
      {"databases: x, delete: true", "databases: x, overrides: [{tables: p, delete: true}]", true},
  };
  for (const auto& c : kCases) {
    const std::string problems =
        ProblemsOf(File(std::string("s: {") + c.s + "}, t: {" + c.t + "}", kFile, two));
    if (c.same) {
      EXPECT_THAT(problems,
                  HasSubstr("4:64: archivers 'a' and 'b' both delete from the same tables"))
          << c.s << " | " << c.t;
    } else {
      EXPECT_EQ(problems, "") << c.s << " | " << c.t;
    }
  }
}

}  // namespace
}  // namespace osarchiver

#include <gtest/gtest.h>

#include "destination/database_names.h"
#include "destination/layout.h"
#include "destination/registry.h"
#include "destination/sample.h"
#include "util/error.h"

namespace osarchiver {
namespace {

const LayoutNames kNames{"nova", "Region/One", "../main", "2026-11-23"};

TEST(LayoutTest, PlaceholdersAreReplacedAndEncoded) {
  EXPECT_EQ(ResolveLayout("{archiver}/{date}", kNames), "nova/2026-11-23");
  EXPECT_EQ(ResolveLayout("{site}-x/{source}/", kNames), "Region%2FOne-x/%2E%2E%2Fmain");
  EXPECT_EQ(ResolveLayout("", kNames), "");
}

TEST(LayoutTest, NothingLeavesTheRootOrHides) {
  for (const char* layout : {"/var/{archiver}", "../{archiver}", "a/../../b", ".osarchiver/{date}",
                             "{nobody}", "{archiver", "./x"}) {
    EXPECT_THROW((void)ResolveLayout(layout, kNames), ConfigError) << layout;
  }
}

TEST(DatabaseNamesTest, SuffixTemplateOrDefault) {
  MariadbDestinationSettings settings;
  EXPECT_EQ(ArchiveDatabaseName(settings, "s", "main", "nova", true), "nova_archive");
  EXPECT_EQ(ArchiveDatabaseName(settings, "s", "main", "nova", false), "nova");
  settings.database_suffix = "_old";
  EXPECT_EQ(ArchiveDatabaseName(settings, "s", "main", "nova", false), "nova_old");
  settings.database_name = "{site}_{database}_{source}";
  EXPECT_EQ(ArchiveDatabaseName(settings, "s", "main", "nova", true), "s_nova_main");
  settings.database_name = "{table}";
  EXPECT_THROW((void)ArchiveDatabaseName(settings, "s", "main", "nova", true), ConfigError);
}

TEST(DatabaseNamesTest, LengthIsCountedInCharacters) {
  MariadbDestinationSettings settings;
  settings.table_suffix = "_é";
  std::string name;
  for (int i = 0; i < 62; ++i) name += "é";
  EXPECT_NO_THROW((void)ArchiveTableName(settings, name));
  EXPECT_THROW((void)ArchiveTableName(settings, name + "x"), ConfigError);
  settings.database_suffix = "_archive";
  EXPECT_THROW((void)ArchiveDatabaseName(settings, "s", "m", std::string(60, 'a'), true),
               ConfigError);
}

TEST(DatabaseNamesTest, ControlTableIsNobodysArchive) {
  EXPECT_THROW((void)ArchiveTableName({}, "osarchiver_batches"), ConfigError);
  EXPECT_THROW((void)ArchiveTableName({}, "OSArchiver_Batches"), ConfigError);
  MariadbDestinationSettings settings;
  settings.table_suffix = "_old";
  EXPECT_EQ(ArchiveTableName(settings, "osarchiver_batches"), "osarchiver_batches_old");
}

TEST(DatabaseNamesTest, SourceTableIsNeverItsOwnArchive) {
  EXPECT_THROW(RefuseOwnTable({"nova", "t"}, {"nova", "t"}, 0, "are one server"), ConfigError);
  EXPECT_THROW(RefuseOwnTable({"nova", "t"}, {"Nova", "T"}, 1, "are one server"), ConfigError);
  EXPECT_NO_THROW(RefuseOwnTable({"nova", "t"}, {"Nova", "T"}, 0, "are one server"));
  EXPECT_NO_THROW(RefuseOwnTable({"nova", "t"}, {"nova", "t_old"}, 1, "are one server"));
}

TEST(SampleTest, ShareIsAboutWhatWasAskedForAndRepeats) {
  int chosen = 0;
  for (std::uint64_t number = 1; number <= 10000; ++number) {
    const bool in = InSample(0.05, 7, 3, number);
    chosen += in ? 1 : 0;
    EXPECT_EQ(in, InSample(0.05, 7, 3, number));
    EXPECT_TRUE(InSample(1, 7, 3, number));
    EXPECT_FALSE(InSample(0, 7, 3, number));
  }
  EXPECT_NEAR(chosen, 500, 120);
}

}  // namespace
}  // namespace osarchiver

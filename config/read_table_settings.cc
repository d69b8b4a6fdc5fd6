#include "config/read_table_settings.h"

#include <utility>

#include "config/placeholders.h"

namespace osarchiver {
namespace {

constexpr std::int64_t kLeastRetention = 86400;
constexpr std::size_t kIdentifierMax = 64 * 4;  // 64 characters of up to four bytes
constexpr std::uint64_t kBatchRowsMax = 1000000;
constexpr std::uint64_t kBatchBytesMax = 1u << 30;

std::optional<DependentsPolicy> ReadPolicy(const std::string& key, const ConfigNode& node,
                                           Problems* problems) {
  if (node.kind == ConfigNode::Kind::kBroken) return {};
  if (node.kind == ConfigNode::Kind::kScalar && node.text == "block") {
    return DependentsPolicy::kBlock;
  }
  if (node.kind == ConfigNode::Kind::kScalar && node.text == "archive") {
    return DependentsPolicy::kArchive;
  }
  problems->Add(node.place, "'" + key + "' must be block or archive, not " + Describe(node) +
                                (node.kind == ConfigNode::Kind::kScalar
                                     ? Suggestion(node.text, {"block", "archive"})
                                     : ""));
  return {};
}

void ReadDependents(Section& section, Dependents* dependents) {
  const ConfigNode* node = section.Find("dependents");
  if (node == nullptr) return;
  Problems& problems = section.problems();
  Dependents result;
  if (node->kind != ConfigNode::Kind::kMap) {
    const auto policy = ReadPolicy("dependents", *node, &problems);
    if (policy) result.other = *policy;
  } else {
    for (const ConfigEntry& entry : node->entries) {
      auto pattern = MakePattern(entry.key, entry.place, &problems);
      const auto policy = ReadPolicy(entry.key, entry.value, &problems);
      if (pattern && policy) result.rules.push_back({std::move(*pattern), *policy});
    }
  }
  *dependents = std::move(result);
}

void ReadColumn(Section& section, std::string_view key, Section::Empty empty, std::string* column) {
  section.Text(key, column, empty);
  if (column->size() > kIdentifierMax || column->find('\n') != std::string::npos) {
    section.problems().Add(section.PlaceOfKey(key),
                           "'" + std::string(key) + "' is no name of a column");
  }
}

void ReadWhere(Section& section, std::string* where) {
  std::string text;
  section.Text("where", &text);
  if (text.empty()) return;
  const std::string problem =
      PlaceholderProblem(text, {"deleted_column", "cutoff", "now"}, Braces::kMayBeText);
  if (!problem.empty()) {
    section.problems().Add(section.PlaceOfKey("where"), "'where': " + problem);
  } else if (!HasPlaceholder(text, "cutoff") && !HasPlaceholder(text, "now")) {
    section.problems().Warn(section.PlaceOfKey("where"),
                            "'where' has no {cutoff}: the retention has no effect");
  }
  *where = std::move(text);
}

bool IsShort(const Retention& retention) {
  return retention.unit == Retention::Unit::kMonths ? retention.count < 1
                                                    : retention.count < kLeastRetention;
}

}  // namespace

void ReadTableSettings(Section& section, TableSettings* settings) {
  section.RetentionOf("retention", &settings->retention);
  section.Flag("allow_short_retention", &settings->allow_short_retention);
  ReadColumn(section, "deleted_column", Section::Empty::kRefused, &settings->deleted_column);
  // Empty: no such column is looked at.
  ReadColumn(section, "deleted_flag_column", Section::Empty::kAllowed,
             &settings->deleted_flag_column);
  ReadWhere(section, &settings->where);
  section.Flag("archive", &settings->archive);
  section.Flag("delete", &settings->delete_rows);
  section.Flag("allow_delete_triggers", &settings->allow_delete_triggers);
  ReadDependents(section, &settings->dependents);
  section.Count("batch_rows", 1, kBatchRowsMax, &settings->batch_rows);
  section.Bytes("batch_bytes", 1, kBatchBytesMax, &settings->batch_bytes);
}

void CheckTableSettings(Section& section, const TableSettings& settings) {
  if (IsShort(settings.retention) && !settings.allow_short_retention) {
    section.problems().Add(section.PlaceOfKey("retention"),
                           "a retention of " + settings.retention.text +
                               " is under one day; it needs allow_short_retention: true");
  }
  // `archive: false` beside an inherited `delete: true` reads like "leave these alone" and would
  // destroy them.
  if (!settings.archive && settings.delete_rows &&
      section.OriginOf("archive") != section.OriginOf("delete")) {
    const bool archive_here = section.OriginOf("archive") == Section::Origin::kHere;
    section.problems().Add(
        section.PlaceOfKey(archive_here ? "archive" : "delete"),
        std::string("rows would be deleted without being archived, for ") +
            (archive_here ? "'delete: true'" : "'archive: false'") +
            " comes from elsewhere; if that is meant, say both here, and to leave tables alone "
            "name them in exclude_tables");
  }
}

}  // namespace osarchiver

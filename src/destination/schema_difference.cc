#include "destination/schema_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>

namespace osarchiver {
namespace {

constexpr auto kIntegers =
    std::to_array<std::string_view>({"tinyint", "smallint", "mediumint", "int", "bigint"});
constexpr auto kTexts =
    std::to_array<std::string_view>({"tinytext", "text", "mediumtext", "longtext"});
constexpr auto kBlobs =
    std::to_array<std::string_view>({"tinyblob", "blob", "mediumblob", "longblob"});

// How the archive's type holds the values of the source's type.
enum class Fit {
  kSame,       // as it is
  kHolds,      // has more room than needed
  kTooNarrow,  // the same kind of type with less room
  kOther,
};

template <typename List>
std::optional<std::size_t> RankIn(const List& list, std::string_view type) {
  const auto found = std::find(list.begin(), list.end(), type);
  if (found == list.end()) return std::nullopt;
  return static_cast<std::size_t>(found - list.begin());
}

template <typename List>
std::optional<Fit> FitByRank(const List& list, const Column& source, const Column& archive) {
  const auto needed = RankIn(list, source.data_type);
  const auto there = RankIn(list, archive.data_type);
  if (!needed || !there) return std::nullopt;
  if (*needed == *there) return Fit::kSame;
  return *needed < *there ? Fit::kHolds : Fit::kTooNarrow;
}

// COLUMN_TYPE without the mark of a compressed column, which is about storage only.
std::string PlainType(const Column& column) {
  return column.type.substr(0, column.type.find(" /*M!"));
}

bool Has(const Column& column, std::string_view word) {
  return column.type.find(word) != std::string::npos;
}

std::uint64_t LengthOf(const Column& column) {
  std::uint64_t length = 0;
  const std::size_t open = column.type.find('(');
  if (open == std::string::npos) return 0;
  std::from_chars(column.type.data() + open + 1, column.type.data() + column.type.size(), length);
  return length;
}

// "('a','b'" of "enum('a','b')": what a longer list of members begins with.
std::string MemberList(const Column& column) {
  const std::string type = PlainType(column);
  const std::size_t open = type.find('('), close = type.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return type;
  return type.substr(open, close - open);
}

Fit FitOfMembers(const Column& source, const Column& archive) {
  const std::string needed = MemberList(source), there = MemberList(archive);
  if (needed == there) return Fit::kSame;
  // A member ends with a quote, so a comma must follow where a list goes on.
  if (there.starts_with(needed + ",")) return Fit::kHolds;
  if (needed.starts_with(there + ",")) return Fit::kTooNarrow;
  return Fit::kOther;
}

Fit FitOf(const Column& source, const Column& archive) {
  if (source.charset != archive.charset) return Fit::kOther;
  if (PlainType(source) == PlainType(archive)) return Fit::kSame;
  // Zeros in front are part of the text that is read; the display width decides how many.
  if (Has(source, "zerofill") || Has(archive, "zerofill")) return Fit::kOther;
  if (RankIn(kIntegers, source.data_type) && Has(source, "unsigned") != Has(archive, "unsigned")) {
    return Fit::kOther;
  }
  if (auto fit = FitByRank(kIntegers, source, archive)) return *fit;
  if (auto fit = FitByRank(kTexts, source, archive)) return *fit;
  if (auto fit = FitByRank(kBlobs, source, archive)) return *fit;
  if (source.data_type != archive.data_type) return Fit::kOther;
  if (source.data_type == "varchar" || source.data_type == "varbinary") {
    return LengthOf(source) < LengthOf(archive) ? Fit::kHolds : Fit::kTooNarrow;
  }
  if (source.data_type == "enum" || source.data_type == "set") return FitOfMembers(source, archive);
  return Fit::kOther;
}

std::string Describe(const Column& column) {
  std::string text = column.type;
  if (!column.collation.empty()) text += " " + column.collation;
  return text + (column.nullable ? " NULL" : " NOT NULL");
}

class Comparison {
 public:
  Comparison(const TableDefinition& source, const TableDefinition& archive)
      : source_(source), archive_(archive) {}

  std::vector<SchemaDifference> Compare() {
    for (std::size_t i = 0; i < source_.columns.size(); ++i) CompareColumn(i);
    for (const Column& column : archive_.columns) CompareExtra(column);
    for (const GeneratedColumn& column : source_.generated) CompareGenerated(column);
    CompareKeys();
    return std::move(differences_);
  }

 private:
  void Add(DifferenceKind kind, std::string text, std::string alter = {}) {
    differences_.push_back({kind, std::move(text), std::move(alter)});
  }

  static const Column* Find(const TableDefinition& table, const std::string& name) {
    for (const Column& column : table.columns) {
      if (SameName(column.name, name)) return &column;
    }
    return nullptr;
  }

  bool IsKeyColumn(std::size_t index) const {
    return std::find(source_.key.begin(), source_.key.end(), index) != source_.key.end();
  }

  void CompareColumn(std::size_t index) {
    const Column& column = source_.columns[index];
    const Column* there = Find(archive_, column.name);
    const std::string name = "column " + QuoteIdentifier(column.name);
    if (there == nullptr) {
      for (const GeneratedColumn& generated : archive_.generated) {
        if (!SameName(generated.name, column.name)) continue;
        Add(DifferenceKind::kBlocking, name + " is a generated column in the archive");
        return;
      }
      // Rows that are archived already have no value for it, so it is nullable there in any case.
      Add(column.nullable ? DifferenceKind::kAdditive : DifferenceKind::kBlocking,
          name + " is not in the archive", "ADD COLUMN " + ColumnSql(column, true));
      return;
    }
    CompareTypes(index, column, *there, name);
  }

  void CompareTypes(std::size_t index, const Column& column, const Column& there,
                    const std::string& name) {
    const std::string text =
        fmt::format("{}: {} here, {} in the archive", name, Describe(column), Describe(there));
    const std::string alter =
        "MODIFY COLUMN " + ColumnSql(column, column.nullable || there.nullable);
    const Fit fit = FitOf(column, there);
    if (fit == Fit::kOther || (column.nullable && !there.nullable) ||
        (IsKeyColumn(index) && column.collation != there.collation)) {
      Add(DifferenceKind::kBlocking, text, alter);
    } else if (fit == Fit::kTooNarrow) {
      Add(DifferenceKind::kAdditive, text, alter);
    } else if (fit == Fit::kHolds || column.collation != there.collation ||
               column.nullable != there.nullable) {
      Add(DifferenceKind::kHarmless, text);
    }
  }

  // Dropped from the source since, or added to the archive by its owner.
  void CompareExtra(const Column& column) {
    if (Find(source_, column.name) != nullptr) return;
    const std::string text = "column " + QuoteIdentifier(column.name) + " is only in the archive";
    if (column.nullable || !column.default_sql.empty()) {
      Add(DifferenceKind::kHarmless, text);
    } else {
      Add(DifferenceKind::kBlocking, text + " and has no default",
          "MODIFY COLUMN " + ColumnSql(column, true));
    }
  }

  void CompareGenerated(const GeneratedColumn& column) {
    for (const GeneratedColumn& there : archive_.generated) {
      if (SameName(there.name, column.name)) return;
    }
    Add(DifferenceKind::kHarmless,
        "generated column " + QuoteIdentifier(column.name) + " is not in the archive");
  }

  // As the server compares them (SameName).
  using Names = std::set<std::string>;
  static std::string Folded(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
  }

  Names KeyNames() const {
    Names names;
    for (const std::size_t index : source_.key) names.insert(Folded(source_.columns[index].name));
    return names;
  }

  // A row is known by its key, so the archive must have it, and nothing else may be unique: two
  // rows that were unique at different times may both be archived.
  void CompareKeys() {
    const Names key = KeyNames();
    bool has_key = false;
    for (const Index& index : archive_.indexes) {
      if (!index.unique) continue;
      Names names;
      bool whole = true;
      for (const IndexPart& part : index.parts) {
        names.insert(Folded(part.column));
        whole = whole && part.prefix_length == 0;
      }
      if (whole && names == key) {
        has_key = true;
      } else if (!whole || !std::includes(names.begin(), names.end(), key.begin(), key.end())) {
        Add(DifferenceKind::kBlocking,
            fmt::format("index {} of the archive is unique", QuoteIdentifier(index.name)),
            index.name == "PRIMARY" ? "DROP PRIMARY KEY"
                                    : "DROP INDEX " + QuoteIdentifier(index.name));
      }
    }
    if (has_key) return;
    std::string columns;
    for (const std::size_t index : source_.key) {
      if (!columns.empty()) columns += ", ";
      columns += QuoteIdentifier(source_.columns[index].name);
    }
    Add(DifferenceKind::kBlocking, "the archive has no unique key on (" + columns + ")",
        "ADD UNIQUE KEY (" + columns + ")");
  }

  const TableDefinition& source_;
  const TableDefinition& archive_;
  std::vector<SchemaDifference> differences_;
};

}  // namespace

std::string ColumnSql(const Column& column, bool nullable) {
  std::string sql = QuoteIdentifier(column.name) + " " + column.type;
  if (!column.charset.empty()) {
    sql += " CHARACTER SET " + column.charset;
    if (!column.collation.empty()) sql += " COLLATE " + column.collation;
  }
  return sql + (nullable ? " NULL" : " NOT NULL");
}

bool HoldsEveryValue(const Column& archived, const Column& table) {
  const Fit fit = FitOf(archived, table);
  return (fit == Fit::kSame || fit == Fit::kHolds) && archived.value_class == table.value_class &&
         (table.nullable || !archived.nullable);
}

std::vector<SchemaDifference> CompareSchemas(const TableDefinition& source,
                                             const TableDefinition& archive) {
  return Comparison(source, archive).Compare();
}

}  // namespace osarchiver

// TableDefinition as JSON and back.
#include <array>
#include <limits>
#include <utility>

#include "formats/definition_json.h"
#include "util/error.h"

namespace osarchiver {
namespace {

template <typename Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Words<ValueClass, 3> kValueClasses = {
    {{ValueClass::kNumber, "number"}, {ValueClass::kText, "text"}, {ValueClass::kBytes, "bytes"}}};
constexpr Words<DeleteRule, 3> kDeleteRules = {{{DeleteRule::kRestrict, "restrict"},
                                                {DeleteRule::kCascade, "cascade"},
                                                {DeleteRule::kSetNull, "set null"}}};

template <typename Enum, std::size_t N>
std::string WordOf(const Words<Enum, N>& words, Enum value) {
  for (const auto& [known, word] : words) {
    if (known == value) return std::string(word);
  }
  throw Error("table definition: an enumeration holds no known value");
}

template <typename Enum, std::size_t N>
Enum FromWord(const Words<Enum, N>& words, std::string_view text, std::string_view what) {
  for (const auto& [value, word] : words) {
    if (word == text) return value;
  }
  throw IntegrityError(std::string(what) + " is not one of the known words");
}

template <typename Item, typename Convert>
Json ListToJson(const std::vector<Item>& items, Convert convert) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(convert(item));
  return list;
}

template <typename Item, typename Convert>
std::vector<Item> ListFromJson(const Json& json, std::string_view what, Convert convert) {
  std::vector<Item> items;
  for (const Json& item : RequireArray(json, what)) items.push_back(convert(item));
  return items;
}

Json NamesToJson(const std::vector<std::string>& names) { return ListToJson(names, TextToJson); }

std::vector<std::string> NamesFromJson(const Json& json, std::string_view what) {
  return ListFromJson<std::string>(json, what,
                                   [what](const Json& name) { return TextFromJson(name, what); });
}

Json ColumnToJson(const Column& column) {
  return Json{{"name", TextToJson(column.name)},
              {"type", TextToJson(column.type)},
              {"data_type", TextToJson(column.data_type)},
              {"charset", TextToJson(column.charset)},
              {"collation", TextToJson(column.collation)},
              {"class", WordOf(kValueClasses, column.value_class)},
              {"nullable", column.nullable},
              {"invisible", column.invisible},
              {"auto_increment", column.auto_increment},
              {"has_empty_member", column.has_empty_member},
              {"default", TextToJson(column.default_sql)}};
}

Column ColumnFromJson(const Json& json) {
  JsonObject object(json, "column");
  Column column;
  column.name = object.Text("name");
  column.type = object.Text("type");
  column.data_type = object.Text("data_type");
  column.charset = object.Text("charset");
  column.collation = object.Text("collation");
  column.value_class = FromWord(kValueClasses, object.Text("class"), "column: field class");
  column.nullable = object.Flag("nullable");
  column.invisible = object.Flag("invisible");
  column.auto_increment = object.Flag("auto_increment");
  column.has_empty_member = object.Flag("has_empty_member");
  column.default_sql = object.Text("default");
  object.End();
  return column;
}

Json GeneratedToJson(const GeneratedColumn& column) {
  return Json{{"name", TextToJson(column.name)},
              {"type", TextToJson(column.type)},
              {"charset", TextToJson(column.charset)},
              {"collation", TextToJson(column.collation)},
              {"expression", TextToJson(column.expression)},
              {"stored", column.stored},
              {"before_column", column.before_column}};
}

GeneratedColumn GeneratedFromJson(const Json& json) {
  JsonObject object(json, "generated column");
  GeneratedColumn column;
  column.name = object.Text("name");
  column.type = object.Text("type");
  column.charset = object.Text("charset");
  column.collation = object.Text("collation");
  column.expression = object.Text("expression");
  column.stored = object.Flag("stored");
  column.before_column = object.Number("before_column");
  object.End();
  return column;
}

Json IndexToJson(const Index& index) {
  return Json{{"name", TextToJson(index.name)},
              {"unique", index.unique},
              {"type", TextToJson(index.type)},
              {"parts", ListToJson(index.parts, [](const IndexPart& part) {
                 return Json{{"column", TextToJson(part.column)},
                             {"prefix_length", part.prefix_length},
                             {"descending", part.descending}};
               })}};
}

IndexPart IndexPartFromJson(const Json& json) {
  JsonObject object(json, "index part");
  IndexPart part;
  part.column = object.Text("column");
  const std::uint64_t prefix_length = object.Number("prefix_length");
  if (prefix_length > std::numeric_limits<std::uint32_t>::max()) {
    throw IntegrityError("index part: field prefix_length is too large");
  }
  part.prefix_length = static_cast<std::uint32_t>(prefix_length);
  part.descending = object.Flag("descending");
  object.End();
  return part;
}

Index IndexFromJson(const Json& json) {
  JsonObject object(json, "index");
  Index index;
  index.name = object.Text("name");
  index.unique = object.Flag("unique");
  index.type = object.Text("type");
  index.parts =
      ListFromJson<IndexPart>(object.Take("parts"), "index: field parts", IndexPartFromJson);
  object.End();
  return index;
}

Json ForeignKeyToJson(const ForeignKey& key) {
  return Json{{"name", TextToJson(key.name)},
              {"database", TextToJson(key.database)},
              {"table", TextToJson(key.table)},
              {"columns", NamesToJson(key.columns)},
              {"referenced_database", TextToJson(key.referenced_database)},
              {"referenced_table", TextToJson(key.referenced_table)},
              {"referenced_columns", NamesToJson(key.referenced_columns)},
              {"on_delete", WordOf(kDeleteRules, key.on_delete)}};
}

ForeignKey ForeignKeyFromJson(const Json& json) {
  JsonObject object(json, "foreign key");
  ForeignKey key;
  key.name = object.Text("name");
  key.database = object.Text("database");
  key.table = object.Text("table");
  key.columns = NamesFromJson(object.Take("columns"), "foreign key: field columns");
  key.referenced_database = object.Text("referenced_database");
  key.referenced_table = object.Text("referenced_table");
  key.referenced_columns =
      NamesFromJson(object.Take("referenced_columns"), "foreign key: field referenced_columns");
  key.on_delete = FromWord(kDeleteRules, object.Text("on_delete"), "foreign key: field on_delete");
  object.End();
  return key;
}

// Readers index columns by these numbers.
void RequirePositions(const TableDefinition& definition) {
  for (const std::size_t position : definition.key) {
    if (position >= definition.columns.size()) {
      throw IntegrityError("table definition: the key names a column that is not there");
    }
  }
  for (const GeneratedColumn& generated : definition.generated) {
    if (generated.before_column > definition.columns.size()) {
      throw IntegrityError("table definition: a generated column stands nowhere");
    }
  }
}

}  // namespace

std::string DefinitionToJson(const TableDefinition& definition) {
  return DefinitionToJsonValue(definition).dump();
}

TableDefinition DefinitionFromJson(std::string_view json) {
  return DefinitionFromJsonValue(ParseJson(json, "table definition"));
}

Json DefinitionToJsonValue(const TableDefinition& definition) {
  return Json{{"database", TextToJson(definition.database)},
              {"table", TextToJson(definition.table)},
              {"columns", ListToJson(definition.columns, ColumnToJson)},
              {"generated", ListToJson(definition.generated, GeneratedToJson)},
              {"indexes", ListToJson(definition.indexes, IndexToJson)},
              {"key", Json(definition.key)},
              {"key_name", TextToJson(definition.key_name)},
              {"charset", TextToJson(definition.charset)},
              {"collation", TextToJson(definition.collation)},
              {"row_format", TextToJson(definition.row_format)},
              {"create_sql", TextToJson(definition.create_sql)},
              {"foreign_keys", ListToJson(definition.foreign_keys, ForeignKeyToJson)}};
}

TableDefinition DefinitionFromJsonValue(const Json& json) {
  JsonObject object(json, "table definition");
  TableDefinition definition;
  definition.database = object.Text("database");
  definition.table = object.Text("table");
  definition.columns =
      ListFromJson<Column>(object.Take("columns"), "table definition: columns", ColumnFromJson);
  definition.generated = ListFromJson<GeneratedColumn>(
      object.Take("generated"), "table definition: generated", GeneratedFromJson);
  definition.indexes =
      ListFromJson<Index>(object.Take("indexes"), "table definition: indexes", IndexFromJson);
  definition.key = ListFromJson<std::size_t>(
      object.Take("key"), "table definition: key",
      [](const Json& position) { return NumberFromJson(position, "table definition: key"); });
  definition.key_name = object.Text("key_name");
  definition.charset = object.Text("charset");
  definition.collation = object.Text("collation");
  definition.row_format = object.Text("row_format");
  definition.create_sql = object.Text("create_sql");
  definition.foreign_keys = ListFromJson<ForeignKey>(
      object.Take("foreign_keys"), "table definition: foreign_keys", ForeignKeyFromJson);
  object.End();
  RequirePositions(definition);
  return definition;
}

}  // namespace osarchiver

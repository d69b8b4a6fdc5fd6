#include "source/column_types.h"

#include <algorithm>
#include <cctype>

namespace osarchiver {
namespace {

bool OneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

std::string DataTypeOf(const TableDefinition& definition, std::string_view column) {
  for (const Column& stored : definition.columns) {
    if (SameName(stored.name, column)) return stored.data_type;
  }
  for (const GeneratedColumn& generated : definition.generated) {
    if (!SameName(generated.name, column)) continue;
    std::string word = generated.type.substr(0, generated.type.find_first_of("( "));
    std::transform(word.begin(), word.end(), word.begin(), Lower);
    return word;
  }
  return {};
}

bool IsDateType(std::string_view data_type) {
  return OneOf(data_type, {"date", "datetime", "timestamp"});
}

bool IsIntegerType(std::string_view data_type) {
  return OneOf(data_type, {"tinyint", "smallint", "mediumint", "int", "bigint"});
}

FlagKind FlagKindOf(std::string_view data_type) {
  if (IsIntegerType(data_type) || OneOf(data_type, {"decimal", "float", "double", "bit", "year"})) {
    return FlagKind::kNumber;
  }
  if (IsDateType(data_type)) return FlagKind::kDate;
  if (OneOf(data_type,
            {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set",
             "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "uuid"})) {
    return FlagKind::kText;
  }
  return FlagKind::kNone;
}

}  // namespace osarchiver

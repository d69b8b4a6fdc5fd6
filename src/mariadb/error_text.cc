#include "mariadb/error_text.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace osarchiver {
namespace {

constexpr std::size_t kStatementTextMax = 200;
// A statement of many megabytes begins with more literals than fit; what comes later is not shown
// anyway.
constexpr std::size_t kScanMax = 8192;

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '@';
}

// The position behind the quoted part that begins at `start`. Quotes are doubled or, in literals,
// escaped.
std::size_t EndOfQuoted(std::string_view sql, std::size_t start) {
  const char quote = sql[start];
  for (std::size_t i = start + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\' && quote != '`') {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 < sql.size() && sql[i + 1] == quote) {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return sql.size();
}

// Appends '?' for a literal; a list of literals stays one '?'. An introducer (_latin1 x'..') is
// part of its literal.
void AppendLiteral(std::string* text) {
  std::size_t end = text->find_last_not_of(' ');
  if (end != std::string::npos) {
    std::size_t word = end + 1;
    while (word > 0 && IsWordCharacter((*text)[word - 1])) --word;
    const std::string_view last(text->data() + word, end + 1 - word);
    if (last == "x" || last == "X" || last == "b" || last == "B" || last.starts_with('_')) {
      text->resize(word);
      AppendLiteral(text);
      return;
    }
  }
  std::string_view before = *text;
  while (!before.empty() && (before.back() == ' ' || before.back() == ',')) {
    before.remove_suffix(1);
  }
  if (before.size() < text->size() && before.ends_with('?')) {
    text->resize(before.size());
  } else {
    *text += '?';
  }
}

// Codes whose quoted parts are names of the schema, of accounts or of options.
bool QuotesNamesOnly(unsigned code) {
  constexpr unsigned kCodes[] = {
      1005, 1007, 1008, 1025, 1040, 1044, 1045, 1046, 1047, 1048, 1049, 1050, 1051, 1052, 1054,
      1060, 1061, 1072, 1091, 1103, 1109, 1112, 1114, 1130, 1141, 1142, 1143, 1146, 1153, 1166,
      1176, 1180, 1193, 1203, 1205, 1206, 1213, 1226, 1227, 1231, 1235, 1238, 1264, 1265, 1269,
      1270, 1286, 1290, 1305, 1317, 1347, 1364, 1370, 1406, 1412, 1449, 1451, 1471, 1698, 1785,
      1805, 1836, 1927, 1969, 4166, 2002, 2003, 2005, 2006, 2013, 2026};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

}  // namespace

std::string StatementText(std::string_view sql) {
  sql = sql.substr(0, kScanMax);
  std::string text;
  std::size_t i = 0;
  while (i < sql.size() && text.size() < kStatementTextMax + 8) {
    const char c = sql[i];
    if (c == '\'' || c == '"') {
      i = EndOfQuoted(sql, i);
      AppendLiteral(&text);
    } else if (c == '`') {
      const std::size_t end = EndOfQuoted(sql, i);
      text.append(sql.substr(i, end - i));
      i = end;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      while (i < sql.size() && (IsWordCharacter(sql[i]) || sql[i] == '.')) ++i;
      AppendLiteral(&text);
    } else if (IsWordCharacter(c)) {
      while (i < sql.size() && IsWordCharacter(sql[i])) text += sql[i++];
    } else {
      const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
      if (!space || (!text.empty() && text.back() != ' ')) {
        text += space ? ' ' : std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '.';
      }
      // "(?),(?)" says no more than "(?)".
      if (text.ends_with("(?),(?)")) text.resize(text.size() - 4);
      if (text.ends_with("(?), (?)")) text.resize(text.size() - 5);
      ++i;
    }
  }
  if (text.size() > kStatementTextMax) {
    std::size_t cut = kStatementTextMax;
    // Not inside a character of a name.
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text.resize(cut);
    text += "...";
  }
  return text;
}

std::string MaskServerMessage(unsigned code, std::string_view message) {
  if (QuotesNamesOnly(code)) return std::string(message);
  // Values may hold quotes themselves, so everything between the first and the last quote goes, but
  // for a part that is known to follow the value.
  std::string_view tail;
  for (std::string_view mark : {" for key ", " for column "}) {
    const std::size_t at = message.rfind(mark);
    if (at != std::string_view::npos) {
      tail = message.substr(at);
      message = message.substr(0, at);
      break;
    }
  }
  std::string text(message);
  const std::size_t first = message.find_first_of("'\"");
  const std::size_t last = message.find_last_of("'\"");
  if (first != std::string_view::npos && last > first) {
    text = std::string(message.substr(0, first)) + "'...'" + std::string(message.substr(last + 1));
  }
  return text + std::string(tail);
}

std::string HintForError(unsigned code) {
  switch (code) {
    case 1044:
    case 1142:
    case 1143:
      return "GRANT the account the privilege that the message names; README lists what it needs";
    case 1227:
      return "the account lacks a global privilege that the message names";
    case 1049:
    case 1146:
      return "the object was dropped or renamed, or the account may not see it";
    case 1205:
      return "another transaction holds the rows or the table for long; look at SHOW PROCESSLIST";
    case 1290:
    case 1836:
      return "the server is read-only; name the writable node";
    case 1047:
      return "the Galera node is not part of a primary component";
    case 1153:
    case 2020:
      return "raise max_allowed_packet on the server, or lower batch_bytes";
    default:
      return {};
  }
}

}  // namespace osarchiver

// What error messages may show of statements and of the server's answers: names and shapes, never
// values. Rows hold user data and secrets, and logs are read by more people than databases.
#pragma once

#include <string>
#include <string_view>

namespace osarchiver {

// The beginning of a statement, at most 200 characters, every literal replaced by '?' and lists of
// them by one: "INSERT INTO `nova`.`t` (`a`, `b`) VALUES (?)". Bytes that are not printable ASCII
// outside of names become '.'.
std::string StatementText(std::string_view sql);

// A server's message without the values that it quotes: "Duplicate entry '...' for key 'PRIMARY'".
// Messages whose quoted parts are names (unknown table, access denied ...) are left as they are; an
// unknown number is masked.
std::string MaskServerMessage(unsigned code, std::string_view message);

// What the operator can do about an error of a statement; "" when there is nothing better than the
// message.
std::string HintForError(unsigned code);

}  // namespace osarchiver

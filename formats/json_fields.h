// Strict JSON for records and definitions: every field that is expected is there with its type, and
// no other. Internal to formats/, for .cc files only.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "util/hash.h"

namespace osarchiver {

// Keeps the fields in the order of writing, for people.
using Json = nlohmann::ordered_json;

// Text as a JSON string; bytes that are no UTF-8, which JSON cannot say, as {"hex": "..."}.
Json TextToJson(std::string_view text);

// Parses a whole JSON text. Throws IntegrityError naming `what`.
Json ParseJson(std::string_view text, std::string_view what);

// The elements of a JSON array. Throws IntegrityError when it is none.
const Json& RequireArray(const Json& json, std::string_view what);
std::string TextFromJson(const Json& json, std::string_view what);
std::uint64_t NumberFromJson(const Json& json, std::string_view what);
std::string BytesFromJson(const Json& json, std::string_view what);  // written as hex digits

// Reads the fields of one object; every call throws IntegrityError naming the object and the field.
class JsonObject {
 public:
  // `json` must outlive this object.
  JsonObject(const Json& json, std::string_view what);
  const Json& Take(const char* field);
  std::string Text(const char* field);
  std::uint64_t Number(const char* field);
  bool Flag(const char* field);
  std::string Bytes(const char* field);
  Hash HashOf(const char* field);
  // After the last field: nothing else may be there.
  void End() const;

 private:
  std::string Name(const char* field) const;

  const Json& json_;
  std::string what_;
  std::size_t taken_ = 0;
};

}  // namespace osarchiver

#include "formats/json_fields.h"

#include "formats/utf8.h"
#include "util/error.h"

namespace osarchiver {
namespace {

[[noreturn]] void Fail(std::string_view what, std::string_view problem) {
  throw IntegrityError(std::string(what) + " " + std::string(problem));
}

}  // namespace

Json TextToJson(std::string_view text) {
  if (IsUtf8(text)) return Json(std::string(text));
  return Json{{"hex", Hex(text)}};
}

Json ParseJson(std::string_view text, std::string_view what) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) Fail(what, "is no JSON");
  return json;
}

const Json& RequireArray(const Json& json, std::string_view what) {
  if (!json.is_array()) Fail(what, "is no list");
  return json;
}

std::string TextFromJson(const Json& json, std::string_view what) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object() && json.size() == 1 && json.contains("hex")) {
    std::string text = BytesFromJson(json.at("hex"), what);
    if (!IsUtf8(text)) return text;
  }
  Fail(what, "is no text");
}

std::uint64_t NumberFromJson(const Json& json, std::string_view what) {
  if (!json.is_number_unsigned()) Fail(what, "is no number");
  return json.get<std::uint64_t>();
}

std::string BytesFromJson(const Json& json, std::string_view what) {
  if (json.is_string()) {
    if (auto bytes = BytesFromHex(json.get_ref<const std::string&>())) return *std::move(bytes);
  }
  Fail(what, "is not hexadecimal");
}

JsonObject::JsonObject(const Json& json, std::string_view what) : json_(json), what_(what) {
  if (!json.is_object()) Fail(what, "is no object");
}

std::string JsonObject::Name(const char* field) const { return what_ + ": field " + field; }

const Json& JsonObject::Take(const char* field) {
  const auto found = json_.find(field);
  if (found == json_.end()) Fail(Name(field), "is missing");
  ++taken_;
  return *found;
}

std::string JsonObject::Text(const char* field) { return TextFromJson(Take(field), Name(field)); }

std::uint64_t JsonObject::Number(const char* field) {
  return NumberFromJson(Take(field), Name(field));
}

bool JsonObject::Flag(const char* field) {
  const Json& value = Take(field);
  if (!value.is_boolean()) Fail(Name(field), "is neither true nor false");
  return value.get<bool>();
}

std::string JsonObject::Bytes(const char* field) { return BytesFromJson(Take(field), Name(field)); }

Hash JsonObject::HashOf(const char* field) {
  const Json& value = Take(field);
  if (value.is_string()) {
    if (const auto hash = HashFromHex(value.get_ref<const std::string&>())) return *hash;
  }
  Fail(Name(field), "is no SHA-256");
}

void JsonObject::End() const {
  if (json_.size() != taken_) Fail(what_, "has fields that this version does not know");
}

}  // namespace osarchiver

// The content of a segment's records as JSON and back.
#include <cstring>
#include <limits>

#include "formats/definition_json.h"
#include "formats/json_fields.h"
#include "formats/row_batch.h"
#include "formats/segment_record.h"
#include "util/error.h"

namespace osarchiver {
namespace {

// The chain: "" or a SHA-256.
std::string HashText(JsonObject* object, const char* field) {
  std::string text = object->Text(field);
  if (!text.empty() && !HashFromHex(text)) {
    throw IntegrityError(std::string("segment record: field ") + field + " is no SHA-256");
  }
  return text;
}

std::string ShortHashText(const Json& json) {
  std::string text = TextFromJson(json, "superseded row");
  if (text.size() != 16 || !BytesFromHex(text)) {
    throw IntegrityError("superseded row: the hash is not 16 hexadecimal digits");
  }
  return text;
}

// Whoever reads keys walks them value by value and believes their lengths, so those are looked at
// here.
std::string KeyOf(std::string bytes, const char* what) {
  std::string_view rest(bytes);
  while (!rest.empty()) {
    const auto kind = static_cast<ValueKind>(rest.front());
    rest.remove_prefix(1);
    if (kind == ValueKind::kNull || kind == ValueKind::kEnumError) continue;
    std::uint64_t size = UINT64_MAX;
    if (kind == ValueKind::kBytes && rest.size() >= sizeof size) {
      std::memcpy(&size, rest.data(), sizeof size);
      rest.remove_prefix(sizeof size);
    }
    if (size > rest.size()) {
      throw IntegrityError(std::string(what) + ": a key is not in canonical bytes");
    }
    rest.remove_prefix(size);
  }
  return bytes;
}

SupersededRow SupersededFromJson(const Json& json) {
  if (RequireArray(json, "superseded row").size() != 2) {
    throw IntegrityError("superseded row: not a pair");
  }
  return {KeyOf(BytesFromJson(json[0], "superseded row"), "superseded row"),
          ShortHashText(json[1])};
}

SegmentFooter::Entry EntryFromJson(const Json& json) {
  if (RequireArray(json, "segment index entry").size() != 5) {
    throw IntegrityError("segment index entry: not five fields");
  }
  return {NumberFromJson(json[0], "segment index entry"),
          NumberFromJson(json[1], "segment index entry"),
          NumberFromJson(json[2], "segment index entry"),
          KeyOf(BytesFromJson(json[3], "segment index entry"), "segment index entry"),
          KeyOf(BytesFromJson(json[4], "segment index entry"), "segment index entry")};
}

}  // namespace

std::string HeaderToJson(const SegmentHeader& header) {
  const Json json{{"format_version", kSegmentFormatVersion},
                  {"osarchiver_version", TextToJson(header.osarchiver_version)},
                  {"created_at", TextToJson(header.created_at)},
                  {"site", TextToJson(header.site)},
                  {"journal", TextToJson(header.journal_id)},
                  {"archiver", TextToJson(header.archiver)},
                  {"source", TextToJson(header.source)},
                  {"server", TextToJson(header.server)},
                  {"run", TextToJson(header.run_name)},
                  {"now", TextToJson(header.now)},
                  {"cutoff", TextToJson(header.cutoff)},
                  {"where", TextToJson(header.where)},
                  {"format", TextToJson(header.format)},
                  {"part", header.part},
                  {"previous_footer", TextToJson(header.previous_footer)},
                  {"table", DefinitionToJsonValue(header.definition)}};
  return json.dump();
}

SegmentHeader HeaderFromJson(std::string_view text) {
  const Json json = ParseJson(text, "segment header");
  JsonObject object(json, "segment header");
  // First, for a newer version has other fields.
  const std::uint64_t version = object.Number("format_version");
  if (version != kSegmentFormatVersion) {
    throw IntegrityError(
        "segment header: format version " + std::to_string(version) + " is not known",
        "use the osarchiver version that wrote the file, or a newer one");
  }
  SegmentHeader header;
  header.osarchiver_version = object.Text("osarchiver_version");
  header.created_at = object.Text("created_at");
  header.site = object.Text("site");
  header.journal_id = object.Text("journal");
  header.archiver = object.Text("archiver");
  header.source = object.Text("source");
  header.server = object.Text("server");
  header.run_name = object.Text("run");
  header.now = object.Text("now");
  header.cutoff = object.Text("cutoff");
  header.where = object.Text("where");
  header.format = object.Text("format");
  const std::uint64_t part = object.Number("part");
  if (part == 0 || part > std::numeric_limits<std::uint32_t>::max()) {
    throw IntegrityError("segment header: there is no part " + std::to_string(part));
  }
  header.part = static_cast<std::uint32_t>(part);
  header.previous_footer = HashText(&object, "previous_footer");
  header.definition = DefinitionFromJsonValue(object.Take("table"));
  object.End();
  return header;
}

std::string BatchToJson(const BatchRecord& batch) {
  Json supersedes = Json::array();
  for (const SupersededRow& row : batch.supersedes) {
    supersedes.push_back(Json::array({Hex(row.key), row.old_row_hash}));
  }
  const Json json{{"batch", batch.number},
                  {"rows", batch.rows},
                  {"first_key", Hex(batch.first_key)},
                  {"last_key", Hex(batch.last_key)},
                  {"text_bytes", batch.text_bytes},
                  {"frame_offset", batch.frame_offset},
                  {"frame_bytes", batch.frame_bytes},
                  {"frame_sha256", Hex(batch.frame_hash)},
                  {"digest", Hex(batch.digest)},
                  {"supersedes", supersedes},
                  {"previous_record", batch.previous_record}};
  return json.dump();
}

BatchRecord BatchFromJson(std::string_view text) {
  const Json json = ParseJson(text, "batch record");
  JsonObject object(json, "batch record");
  BatchRecord batch;
  batch.number = object.Number("batch");
  batch.rows = object.Number("rows");
  batch.first_key = KeyOf(object.Bytes("first_key"), "batch record");
  batch.last_key = KeyOf(object.Bytes("last_key"), "batch record");
  batch.text_bytes = object.Number("text_bytes");
  batch.frame_offset = object.Number("frame_offset");
  batch.frame_bytes = object.Number("frame_bytes");
  batch.frame_hash = object.HashOf("frame_sha256");
  batch.digest = object.HashOf("digest");
  for (const Json& row : RequireArray(object.Take("supersedes"), "batch record: supersedes")) {
    batch.supersedes.push_back(SupersededFromJson(row));
  }
  batch.previous_record = Hex(object.HashOf("previous_record"));
  object.End();
  return batch;
}

std::string FooterToJson(const SegmentFooter& footer) {
  Json index = Json::array();
  for (const SegmentFooter::Entry& entry : footer.index) {
    index.push_back(Json::array({entry.number, entry.frame_offset, entry.frame_bytes,
                                 Hex(entry.first_key), Hex(entry.last_key)}));
  }
  const Json json{{"batches", footer.batches},
                  {"rows", footer.rows},
                  {"last_part", footer.last_part},
                  {"sealed_at", TextToJson(footer.sealed_at)},
                  {"index", std::move(index)},
                  {"header", TextToJson(footer.header_json)},
                  {"previous_record", footer.previous_record}};
  return json.dump();
}

SegmentFooter FooterFromJson(std::string_view text) {
  const Json json = ParseJson(text, "segment footer");
  JsonObject object(json, "segment footer");
  SegmentFooter footer;
  footer.batches = object.Number("batches");
  footer.rows = object.Number("rows");
  footer.last_part = object.Flag("last_part");
  footer.sealed_at = object.Text("sealed_at");
  for (const Json& entry : RequireArray(object.Take("index"), "segment footer: index")) {
    footer.index.push_back(EntryFromJson(entry));
  }
  footer.header_json = object.Text("header");
  footer.previous_record = Hex(object.HashOf("previous_record"));
  object.End();
  return footer;
}

}  // namespace osarchiver

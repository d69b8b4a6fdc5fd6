#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "config/environment.h"

namespace osarchiver {
namespace {

// Aliases may point to what holds them, or double a tree at every level.
constexpr int kDepthMax = 32;
constexpr int kNodesMax = 100000;

Place PlaceAt(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

class Converter {
 public:
  explicit Converter(Problems* problems) : problems_(problems) {}
  ConfigNode Convert(const YAML::Node& node, int depth);
  // What was converted is of no use.
  bool endless() const { return endless_; }

 private:
  void ConvertScalar(const YAML::Node& node, ConfigNode* result);
  void ConvertMap(const YAML::Node& node, int depth, ConfigNode* result);

  Problems* problems_;
  int node_count_ = 0;
  bool endless_ = false;
};

ConfigNode Converter::Convert(const YAML::Node& node, int depth) {
  ConfigNode result;
  result.place = PlaceAt(node.Mark());
  if (endless_ || depth > kDepthMax || ++node_count_ > kNodesMax) {
    if (!endless_) {
      problems_->Add(result.place, "too deeply nested, or an alias of what it is in");
    }
    endless_ = true;
    result.kind = ConfigNode::Kind::kBroken;
    return result;
  }
  const std::string& tag = node.Tag();
  if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with("tag:yaml.org,2002:")) {
    problems_->Add(result.place, "a value cannot have the tag '" + tag + "'");
  }
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      result.kind = ConfigNode::Kind::kNull;
      break;
    case YAML::NodeType::Scalar:
      ConvertScalar(node, &result);
      break;
    case YAML::NodeType::Sequence:
      result.kind = ConfigNode::Kind::kList;
      for (const YAML::Node& item : node) result.items.push_back(Convert(item, depth + 1));
      break;
    case YAML::NodeType::Map:
      ConvertMap(node, depth, &result);
      break;
  }
  return result;
}

void Converter::ConvertScalar(const YAML::Node& node, ConfigNode* result) {
  Substituted substituted = SubstituteEnvironment(node.Scalar());
  result->written = node.Scalar();
  result->quoted = node.Tag() == "!";
  result->from_environment = substituted.from_environment;
  result->has_literal = substituted.has_literal;
  result->text = std::move(substituted.text);
  result->kind = ConfigNode::Kind::kScalar;
  if (substituted.problem.empty()) return;
  result->kind = ConfigNode::Kind::kBroken;
  problems_->Add(result->place, substituted.problem);
}

void Converter::ConvertMap(const YAML::Node& node, int depth, ConfigNode* result) {
  result->kind = ConfigNode::Kind::kMap;
  for (const auto& pair : node) {
    const Place place = PlaceAt(pair.first.Mark());
    if (!pair.first.IsScalar()) {
      problems_->Add(place, pair.first.IsNull() ? "a key cannot be null; put it in quotes"
                                                : "a key cannot be a list or a map");
      continue;
    }
    const std::string& key = pair.first.Scalar();
    if (const ConfigEntry* first = result->Find(key)) {
      problems_->Add(place, "duplicate key '" + key + "'; it stands in line " +
                                std::to_string(first->place.line) + " already");
      continue;
    }
    ConfigEntry entry{key, place, Convert(pair.second, depth + 1)};
    // The parser notices that nothing is there when it has read on, and says a later place.
    if (entry.value.kind == ConfigNode::Kind::kNull) entry.value.place = place;
    result->entries.push_back(std::move(entry));
  }
}

std::string MessageOf(const YAML::Exception& error) {
  // Newer libraries name the anchor, which is the value of somebody who forgot the quotes: perhaps
  // a password.
  if (error.msg.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) {
    return "an alias of an anchor that is not there; a value that starts with '*' goes in quotes";
  }
  return error.msg;
}

// Notes where the first node of a document stands.
class DocumentStart : public YAML::EventHandler {
 public:
  std::optional<YAML::Mark> mark;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& at, YAML::anchor_t) override { Note(at); }
  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override { Note(at); }
  void OnScalar(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                const std::string&) override {
    Note(at);
  }
  void OnSequenceStart(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Note(at);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Note(at);
  }
  void OnMapEnd() override {}

 private:
  void Note(const YAML::Mark& at) {
    if (!mark) mark = at;
  }
};

// Where a second document begins. Not YAML::LoadAll: for some texts that are no YAML the library's
// parser finds one more empty document at the same place for ever, and memory with it.
std::optional<YAML::Mark> FindSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart first, second;
  if (!parser.HandleNextDocument(first) || !parser.HandleNextDocument(second)) return std::nullopt;
  return second.mark.value_or(YAML::Mark::null_mark());
}

}  // namespace

ConfigNode ParseYaml(const std::string& text, Problems* problems) {
  ConfigNode broken;
  broken.kind = ConfigNode::Kind::kBroken;
  if (text.find('\0') != std::string::npos) {
    problems->Add({}, "the file holds NUL bytes; it is expected in UTF-8");
    return broken;
  }
  try {
    const std::optional<YAML::Mark> second = FindSecondDocument(text);
    if (second) problems->Add(PlaceAt(*second), "a second document; only one is read");
    Converter converter(problems);
    ConfigNode tree = converter.Convert(YAML::Load(text), 0);
    return converter.endless() ? broken : tree;
  } catch (const YAML::Exception& error) {
    problems->Add(PlaceAt(error.mark), MessageOf(error));
    return broken;
  }
}

}  // namespace osarchiver

#include "config/read_server.h"

#include <algorithm>
#include <utility>

namespace osarchiver {
namespace {

constexpr std::int64_t kLongestTimeout = 86400;

// Empty when it is a host name or an address.
std::string HostProblem(const std::string& host) {
  if (host.find_first_of(" \t\n/@,") != std::string::npos) {
    return "'" + host + "' is no host name" +
           (host.find('/') != std::string::npos ? "; a socket goes under 'socket'" : "") +
           (host.find(',') != std::string::npos ? "; several hosts are a list" : "");
  }
  const bool one_colon = std::count(host.begin(), host.end(), ':') == 1;
  if (one_colon) return "'" + host + "' is no host name; a port goes under 'port'";
  return {};
}

void ReadHosts(Section& section, std::vector<std::string>* hosts) {
  const auto words = section.Words("host");
  if (!words) return;
  hosts->clear();
  for (const PlacedWord& word : *words) {
    const std::string problem = HostProblem(word.word);
    if (!problem.empty()) section.problems().Add(word.place, problem);
    hosts->push_back(word.word);
  }
}

bool IsVariableName(std::string_view name) {
  return !name.empty() && name.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") ==
                              std::string_view::npos;
}

void ReadVariables(const ConfigNode* map, Section& section,
                   std::map<std::string, std::string>* session) {
  if (map == nullptr || map->kind != ConfigNode::Kind::kMap) return;
  for (const ConfigEntry& entry : map->entries) {
    if (!IsVariableName(entry.key)) {
      section.problems().Add(entry.place, "'" + entry.key + "' is no name of a session variable");
      continue;
    }
    if (entry.value.kind == ConfigNode::Kind::kBroken) continue;
    if (entry.value.kind != ConfigNode::Kind::kScalar) {
      section.problems().Add(entry.value.place, "'" + entry.key + "' must be a single value, not " +
                                                    Describe(entry.value));
      continue;
    }
    (*session)[entry.key] = entry.value.text;
  }
}

}  // namespace

void ReadServer(Section& section, ServerSettings* server) {
  section.Path("option_file", &server->option_file);
  ReadHosts(section, &server->hosts);
  section.Count("port", 1, 65535, &server->port);
  section.Path("socket", &server->socket);
  section.Text("user", &server->user);
  section.Text("password", &server->password, Section::Empty::kAllowed);
  section.Path("ssl_ca", &server->tls_ca);
  section.Path("ssl_cert", &server->tls_cert);
  section.Path("ssl_key", &server->tls_key);
  bool verify = true;
  section.Flag("ssl_verify", &verify);
  if (section.OriginOf("ssl_verify") != Section::Origin::kNowhere) server->tls_verify = verify;
  section.Seconds("connect_timeout", 1, kLongestTimeout, &server->connect_timeout_s);
  section.Seconds("read_timeout", 1, kLongestTimeout, &server->read_timeout_s);
  section.Seconds("write_timeout", 1, kLongestTimeout, &server->write_timeout_s);
  // Names are the server's; both maps count, the nearer one wins.
  const Section session = section.Child("session");
  ReadVariables(session.behind(), section, &server->session);
  ReadVariables(session.own(), section, &server->session);
}

void ReadReplica(const ConfigNode& node, const ServerSettings& source, Problems* problems,
                 std::vector<ServerSettings>* replicas) {
  if (node.kind == ConfigNode::Kind::kBroken) return;
  ServerSettings replica = source;
  replica.hosts.clear();
  replica.socket.clear();
  if (node.kind == ConfigNode::Kind::kScalar) {
    const std::string problem = HostProblem(node.text);
    if (node.text.empty() || !problem.empty()) {
      problems->Add(node.place, problem.empty() ? "a replica needs a name" : problem);
      return;
    }
    replica.hosts.push_back(node.text);
    replicas->push_back(std::move(replica));
    return;
  }
  Section section("a replica", node, node.place, nullptr, problems);
  // Fields win over an option file, so those of the source would win over this replica's own.
  if (section.Find("option_file") != nullptr) replica = ServerSettings{};
  ReadServer(section, &replica);
  section.RefuseUnknownKeys();
  if (section.Find("host") == nullptr && section.Find("socket") == nullptr &&
      section.Find("option_file") == nullptr) {
    problems->Add(node.place, "a replica needs a 'host', a 'socket' or an 'option_file'");
  }
  replicas->push_back(std::move(replica));
}

}  // namespace osarchiver

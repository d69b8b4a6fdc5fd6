#include "mariadb/endpoint.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "mariadb/option_file.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::uint16_t kDefaultPort = 3306;

std::string Get(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? std::string() : found->second.value_or("");
}

// An option that is named without value is on.
std::optional<bool> GetFlag(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  if (found == options.end()) return std::nullopt;
  const std::string value = found->second.value_or("1");
  if (value == "1" || value == "on" || value == "ON" || value == "true" || value == "TRUE")
    return true;
  if (value == "0" || value == "off" || value == "OFF" || value == "false" || value == "FALSE") {
    return false;
  }
  throw ConfigError("option " + name + ": '" + value + "' is neither on nor off");
}

template <typename Number>
Number ParseNumber(const std::string& text, const std::string& what) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw ConfigError(what + ": '" + text + "' is not a number in range");
  }
  return number;
}

// "db1", "db1:3307", "[::1]:3307", "::1".
void SplitHostAndPort(const std::string& text, Endpoint* endpoint) {
  endpoint->host = text;
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string::npos) throw ConfigError("host '" + text + "' has no ']'");
    endpoint->host = text.substr(1, close - 1);
    colon = close + 1 < text.size() ? close + 1 : std::string::npos;
    if (colon != std::string::npos && text[colon] != ':') throw ConfigError("host '" + text + "'");
  } else if (colon == std::string::npos || text.find(':') != colon) {
    return;
  }
  if (colon == std::string::npos) return;
  endpoint->host = endpoint->host.substr(0, text.starts_with('[') ? std::string::npos : colon);
  endpoint->port =
      ParseNumber<std::uint16_t>(text.substr(colon + 1), "port of host " + endpoint->host);
}

std::vector<std::string> SplitHosts(const std::string& text) {
  std::vector<std::string> hosts;
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = text.find(',', start);
    if (end == std::string::npos) end = text.size();
    if (end > start) hosts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return hosts;
}

struct TlsWish {
  std::optional<bool> verify;  // said by the configuration or the file
  std::optional<bool> use;     // ssl, skip-ssl
  bool material = false;       // a CA, a certificate or a key is given
};

Endpoint::Tls DecideTls(const Endpoint& endpoint, const TlsWish& wish) {
  using Tls = Endpoint::Tls;
  if (wish.verify == true) return Tls::kVerified;
  if (wish.use == false) return Tls::kNone;
  if (!endpoint.tcp) return wish.use == true || wish.material ? Tls::kRequired : Tls::kNone;
  const bool local = IsLoopback(endpoint.host);
  if (wish.verify == false) {
    if (wish.use == true || wish.material) return Tls::kRequired;
    return local ? Tls::kNone : Tls::kIfThere;
  }
  if (!local || wish.material) return Tls::kVerified;
  return wish.use == true ? Tls::kRequired : Tls::kNone;
}

void AddEndpoints(const ServerAddress& address, const Options& options, const TlsWish& wish,
                  ConnectPlan* plan) {
  std::string protocol = Get(options, "protocol");
  for (char& c : protocol) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool own_place = !address.hosts.empty() || !address.socket.empty();
  std::vector<std::string> hosts = address.hosts;
  std::string socket = address.socket;
  if (own_place) {
    // The file's host, socket and protocol belong together; half of them would mean another server.
    protocol.clear();
  } else {
    hosts = SplitHosts(Get(options, "host"));
    socket = Get(options, "socket");
  }
  std::uint16_t port = address.port;
  if (port == 0 && options.contains("port"))
    port = ParseNumber<std::uint16_t>(Get(options, "port"), "port");
  if (hosts.empty()) hosts = {"localhost"};
  for (const std::string& host : hosts) {
    Endpoint endpoint;
    SplitHostAndPort(host, &endpoint);
    const bool explicit_port = endpoint.port != 0 || port != 0;
    // As the client programs have it: localhost is the socket, unless a port says that TCP is
    // meant.
    endpoint.tcp =
        protocol == "tcp" || (protocol != "socket" &&
                              (endpoint.host != "localhost" || (socket.empty() && explicit_port)));
    if (endpoint.tcp) {
      if (endpoint.port == 0) endpoint.port = port != 0 ? port : kDefaultPort;
      const bool v6 = endpoint.host.find(':') != std::string::npos;
      endpoint.text =
          (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
    } else {
      endpoint.host.clear();
      endpoint.port = 0;
      endpoint.socket = socket;
      endpoint.text = socket.empty() ? "the default socket" : socket;
    }
    endpoint.tls = DecideTls(endpoint, wish);
    plan->endpoints.push_back(std::move(endpoint));
  }
}

}  // namespace

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

ConnectPlan ResolveAddress(const ServerAddress& address) {
  const Options options =
      address.option_file.empty() ? Options() : LoadOptionFile(address.option_file);
  const auto pick = [&options](const std::string& own, const std::string& name) {
    return own.empty() ? Get(options, name) : own;
  };
  ConnectPlan plan;
  plan.user = pick(address.user, "user");
  plan.password = pick(address.password, "password");
  plan.database = pick(address.database, "database");
  plan.tls_ca = pick(address.tls_ca, "ssl-ca");
  plan.tls_cert = pick(address.tls_cert, "ssl-cert");
  plan.tls_key = pick(address.tls_key, "ssl-key");
  plan.tls_capath = Get(options, "ssl-capath");
  plan.tls_cipher = Get(options, "ssl-cipher");
  plan.tls_version = Get(options, "tls-version");
  plan.tls_crl = Get(options, "ssl-crl");
  plan.tls_crlpath = Get(options, "ssl-crlpath");
  plan.connect_timeout_s = address.connect_timeout_s;
  plan.read_timeout_s = address.read_timeout_s;
  plan.write_timeout_s = address.write_timeout_s;
  TlsWish wish;
  wish.verify = address.tls_verify;
  if (!wish.verify) wish.verify = GetFlag(options, "ssl-verify-server-cert");
  wish.use = GetFlag(options, "ssl");
  wish.material = !plan.tls_ca.empty() || !plan.tls_capath.empty() || !plan.tls_cert.empty() ||
                  !plan.tls_key.empty();
  AddEndpoints(address, options, wish, &plan);
  return plan;
}

}  // namespace osarchiver

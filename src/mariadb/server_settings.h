// How to reach a server, resolved from configuration by the caller: this layer does not know the
// configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace osarchiver {

struct ServerAddress {
  std::string option_file;  // read by Connector/C itself ([client], [client-mariadb],
                            // [osarchiver]); fields below win
  std::vector<std::string> hosts;
  std::uint16_t port = 0;
  std::string socket;
  std::string user;
  std::string password;
  std::string database;  // "": none
  std::string tls_ca, tls_cert, tls_key;
  std::optional<bool> tls_verify;  // unset: verified when TCP leaves this machine
  std::uint32_t connect_timeout_s = 10;
  std::uint32_t read_timeout_s = 600;
  std::uint32_t write_timeout_s = 600;
  // SET SESSION name = value, after our own; values are SQL literals or bare words.
  std::vector<std::pair<std::string, std::string>> session;
  // wsrep_sync_wait=1, and a node that is not Synced or is read_only is refused.
  bool must_be_writable = false;
};

}  // namespace osarchiver

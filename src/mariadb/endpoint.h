// From a ServerAddress to what the client library is told: option file and fields merged, one entry
// per host, TLS decided.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mariadb/server_settings.h"

namespace osarchiver {

struct Endpoint {
  std::string host;        // "" for a socket
  std::uint16_t port = 0;  // 0 for a socket
  std::string socket;      // "" for the client library's default
  bool tcp = false;
  // What of TLS holds for this endpoint.
  enum class Tls {
    kNone,      // not used: this machine, and nothing about TLS is configured
    kIfThere,   // used when the server has it, its certificate not verified: tls_verify is false
    kRequired,  // a connection without it is refused; its certificate is not verified
    kVerified,  // a connection without it, or with a certificate that does not prove the host's
                // name, is refused
  };
  Tls tls = Tls::kNone;
  // "db1:3306", "/run/mysqld/mysqld.sock".
  std::string text;
};

struct ConnectPlan {
  std::vector<Endpoint> endpoints;  // at least one, in the order to try
  std::string user, password, database;
  std::string tls_ca, tls_capath, tls_cert, tls_key, tls_cipher, tls_version, tls_crl, tls_crlpath;
  std::uint32_t connect_timeout_s = 10;
  std::uint32_t read_timeout_s = 600;
  std::uint32_t write_timeout_s = 600;
};

// Reads the option file, if any. Throws ConfigError.
ConnectPlan ResolveAddress(const ServerAddress& address);

// True for names and addresses that mean this machine whatever the resolver says.
bool IsLoopback(const std::string& host);

}  // namespace osarchiver

// A relay on 127.0.0.1 between a client and a MariaDB server that loses what a network can lose.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace osarchiver {

class TcpRelay {
 public:
  explicit TcpRelay(std::uint16_t server_port);
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  std::uint16_t port() const { return port_; }

  enum class Loss {
    kRequest,  // the request never reaches the server
    kAnswer,   // the server gets the request and answers; the answer is lost
  };
  // Breaks the connection that next sends `text`, once.
  void BreakAt(const std::string& text, Loss loss);
  // How many connections were broken.
  int broken() const { return broken_; }

 private:
  void Accept();
  void Serve(int client);
  // Copies what came from the client; false when the connection is over.
  bool FromClient(int client, int server, bool* lose_answer);

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> ending_{false};
  std::atomic<int> broken_{0};
  std::mutex mutex_;  // guards text_, loss_ and workers_
  std::string text_;  // "": break nothing
  Loss loss_ = Loss::kAnswer;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

}  // namespace osarchiver

#include "tcp_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace osarchiver {
namespace {

constexpr int kPollMs = 50;

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

const sockaddr* AsSocketAddress(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void NoDelay(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool WriteAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool Readable(int socket) {
  pollfd poll_fd{socket, POLLIN, 0};
  return ::poll(&poll_fd, 1, kPollMs) > 0;
}

}  // namespace

TcpRelay::TcpRelay(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, AsSocketAddress(address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("the relay cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TcpRelay::~TcpRelay() {
  ending_ = true;
  acceptor_.join();
  for (std::thread& worker : workers_) worker.join();
  ::close(listener_);
}

void TcpRelay::BreakAt(const std::string& text, Loss loss) {
  const std::lock_guard lock(mutex_);
  text_ = text;
  loss_ = loss;
}

void TcpRelay::Accept() {
  while (!ending_) {
    if (!Readable(listener_)) continue;
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) continue;
    const std::lock_guard lock(mutex_);
    workers_.emplace_back([this, client] { Serve(client); });
  }
}

void TcpRelay::Serve(int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(server_port_);
  bool open = ::connect(server, AsSocketAddress(address), sizeof address) == 0;
  NoDelay(client);
  NoDelay(server);
  bool lose_answer = false;
  std::array<char, 65536> buffer;
  while (open && !ending_) {
    std::array<pollfd, 2> both{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (::poll(both.data(), both.size(), kPollMs) <= 0) continue;
    if (both[0].revents != 0) open = FromClient(client, server, &lose_answer);
    if (open && both[1].revents != 0) {
      const ssize_t size = ::recv(server, buffer.data(), buffer.size(), 0);
      open = size > 0 && !lose_answer &&
             WriteAll(client, {buffer.data(), static_cast<std::size_t>(size)});
    }
  }
  ::close(client);
  ::close(server);
}

bool TcpRelay::FromClient(int client, int server, bool* lose_answer) {
  std::array<char, 65536> buffer;
  const ssize_t size = ::recv(client, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
  {
    const std::lock_guard lock(mutex_);
    if (!text_.empty() && bytes.find(text_) != std::string_view::npos) {
      text_.clear();
      ++broken_;
      if (loss_ == Loss::kRequest) return false;
      *lose_answer = true;
    }
  }
  return WriteAll(server, bytes);
}

}  // namespace osarchiver

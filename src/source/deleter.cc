#include "source/deleter.h"

#include <utility>

#include "source/delete_session.h"
#include "source/unit_delete.h"
#include "util/error.h"
#include "util/log.h"

namespace osarchiver {

struct Deleter::State {
  DeleteSession session;
  Clock& clock;
  StopControl& stop;
};

Deleter::Deleter(std::function<std::unique_ptr<Connection>()> connect, Clock& clock,
                 StopControl& stop)
    : state_(new State{DeleteSession(std::move(connect)), clock, stop}) {}

Deleter::~Deleter() = default;

void Deleter::Connect() {
  try {
    state_->session.EnsureConnected();
  } catch (const Error& error) {
    LogDebug(std::string("connecting to delete: ") + error.what());
  }
}

DeleteOutcome Deleter::Delete(const std::vector<DeletableRows>& parts,
                              const DeleteOptions& options) {
  if (parts.empty()) return {};
  DeleteOutcome outcome =
      UnitDelete(state_->session, state_->clock, state_->stop, parts, options).Run();
  state_->session.ShedMemory();
  return outcome;
}

}  // namespace osarchiver

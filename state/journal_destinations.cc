// What the journal knows about a destination as a whole.
#include "state/journal_state.h"

namespace osarchiver {

bool Journal::KnowsDestination(std::string_view destination) const {
  const State::Call call(*state_);
  return state_->db->QueryInt(
             "SELECT EXISTS (SELECT 1 FROM segments s JOIN targets t ON t.id = s.target_id WHERE "
             "t.destination = ?) OR EXISTS (SELECT 1 FROM copies c JOIN targets t ON t.id = "
             "c.target_id "
             "WHERE t.destination = ?)",
             destination, destination) != 0;
}

}  // namespace osarchiver

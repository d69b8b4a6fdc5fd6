#include "engine/wait_notice.h"

#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::chrono::seconds kLogAgain{60};
constexpr std::chrono::seconds kRecordAgain{5};
constexpr std::chrono::seconds kOver{2};

}  // namespace

void WaitNotice::Waiting(const WaitReason& reason) {
  const SteadyTime now = clock_.Now();
  if (kind_.empty()) began_ = now;
  const bool other_kind = kind_ != reason.kind;
  kind_ = reason.kind;
  last_waited_ = now;
  if (shown_ != reason.text) {
    shown_ = reason.text;
    show_(shown_);
  }
  if (other_kind || now - logged_ >= kLogAgain) {
    logged_ = now;
    LogInfo("waiting: " + reason.text);
  }
  if (other_kind || (recorded_ != reason.text && now - recorded_at_ >= kRecordAgain)) {
    recorded_ = reason.text;
    recorded_at_ = now;
    record_(recorded_);
  }
}

void WaitNotice::GoingOn() {
  if (!kind_.empty() && clock_.Now() - last_waited_ >= kOver) End();
}

void WaitNotice::End() {
  if (kind_.empty()) return;
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(last_waited_ - began_);
  kind_.clear();
  shown_.clear();
  recorded_.clear();
  show_("");
  record_("");
  LogInfo("going on after " + HumanDuration(waited.count()));
}

}  // namespace osarchiver

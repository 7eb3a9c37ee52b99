#include "runtime/warnings.h"

#include <utility>

namespace rnn::runtime {
namespace {

// Bounds the queue, since the same warning may be repeated at each of many operations.
constexpr size_t kMostWaiting = 100;

}  // namespace

void Warnings::process(const c10::Warning& warning) {
  if (std::this_thread::get_id() == owner_) {
    listener_ ? listener_(warning.msg()) : c10::WarningHandler::process(warning);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) return;
  if (waiting_.empty() || waiting_.back() != warning.msg()) waiting_.push_back(warning.msg());
}

void Warnings::flush() {
  std::vector<std::string> messages;
  {
    const std::lock_guard lock(mutex_);
    messages.swap(waiting_);
  }
  for (const std::string& message : messages) {
    process(c10::Warning(c10::UserWarning(), {__func__, __FILE__, __LINE__}, message, false));
  }
}

}  // namespace rnn::runtime

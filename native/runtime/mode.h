#pragma once
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <optional>

namespace rnn {

// What LibTorch keeps per thread and a call must take along to the thread that runs it.
struct Mode {
  bool grad = true;
  bool inference = false;
};

class ModeGuard {
 public:
  explicit ModeGuard(Mode mode) : grad_(mode.grad) {
    if (mode.inference) inference_.emplace(true);
  }

 private:
  c10::AutoGradMode grad_;
  std::optional<c10::InferenceMode> inference_;
};

}  // namespace rnn

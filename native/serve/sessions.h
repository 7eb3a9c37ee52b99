#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "recurrent/thread_pool.h"
#include "serve/model.h"
#include "serve/scratch.h"

namespace rnn::serve {

// The layout of a session's state: h (layers, hidden), then the LSTM's c (layers, units); with pooling, then the mean
// or maximum of the network's outputs (width) and the number of steps (1).
struct StateLayout {
  int64_t c;
  int64_t pooled;
  int64_t size;

  explicit StateLayout(const Model& model);
};

// The states of sessions in memory that never moves, so that a thread can step some while others are opened. Used by
// the JavaScript thread.
class Slots {
 public:
  explicit Slots(const Model& model);

  // A slot with a state of zeros.
  int32_t open();
  void close(int32_t slot);
  bool is_open(int32_t slot) const;
  // While it is stepped, a slot is busy.
  bool is_busy(int32_t slot) const { return marks_[static_cast<size_t>(slot)] == Mark::kBusy; }
  void set_busy(int32_t slot, bool busy) { marks_[static_cast<size_t>(slot)] = busy ? Mark::kBusy : Mark::kOpen; }
  // (size)
  float* state(int32_t slot) const;
  int64_t state_size() const { return size_; }

 private:
  enum class Mark : uint8_t { kFree, kOpen, kBusy };
  static constexpr int64_t kSlotsOfPage = 512;

  const int64_t size_, stride_;
  std::vector<Floats> pages_;
  std::vector<Mark> marks_;
  std::vector<int32_t> free_;
};

// One step of several sessions.
struct Step {
  // Their states, and their inputs (sessions, inputs) or tokens (sessions).
  std::vector<float*> states;
  const float* values = nullptr;
  const int32_t* tokens = nullptr;
  // (sessions, outputs)
  float* outputs = nullptr;
};

// Computes steps. Used by one thread at a time, which keeps its memory from one step to the next.
class Stepper {
 public:
  Stepper(const Model& model, ThreadPool& pool, int64_t threads);

  // `reject`: whether a state that would not be finite is left as it was. Returns which ones were, in any order.
  std::vector<int32_t> run(const Step& step, bool reject);

 private:
  class Block;

  const Model& model_;
  ThreadPool& pool_;
  const int64_t threads_;
  const StateLayout layout_;
  // Of each thread.
  std::vector<Scratch> scratch_;
};

}  // namespace rnn::serve

#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/zeros.h"

namespace rnn::runtime {

class Forecast;

// A tensor that JavaScript holds: computed, or promised by a job that waits in a lane. It never is of zeros without
// memory.
class TensorPromise {
 public:
  // Where a promised tensor comes from. For the JavaScript thread only.
  struct Origin {
    // The number of its batch.
    uint64_t batch = 0;
    // What it may share its memory with. Its job owns them until it has run.
    std::vector<std::weak_ptr<TensorPromise>> roots = {};
    // What is known of it before the job has run, which owns that, too.
    std::weak_ptr<Forecast> forecast = {};
    size_t result = 0;
    // Whether autocast has a say of its dtype.
    bool casts = false;
  };

  explicit TensorPromise(at::Tensor tensor) : tensor_(with_memory(std::move(tensor))), state_(State::kReady) {}
  explicit TensorPromise(Origin origin) : origin_(std::move(origin)), state_(State::kPending) {}

  bool pending() const { return state_.load(std::memory_order_acquire) == State::kPending; }

  // The tensor when it has been computed, else null: never blocks, never throws.
  const at::Tensor* peek() const { return pending() || error_ ? nullptr : &tensor_; }

  // Blocks while the tensor is pending; throws what its job threw.
  const at::Tensor& get() const {
    state_.wait(State::kPending, std::memory_order_acquire);
    if (error_) std::rethrow_exception(error_);
    return tensor_;
  }

  // Null where it never was promised.
  const Origin* origin() const { return origin_ ? &*origin_ : nullptr; }

  void fulfil(at::Tensor tensor) {
    tensor_ = with_memory(std::move(tensor));
    settle();
  }

  void fail(std::exception_ptr error) {
    error_ = std::move(error);
    settle();
  }

 private:
  enum class State : int { kPending, kReady };

  void settle() {
    state_.store(State::kReady, std::memory_order_release);
    state_.notify_all();
  }

  at::Tensor tensor_;
  std::exception_ptr error_;
  const std::optional<Origin> origin_;
  std::atomic<State> state_;
};

using TensorPromisePtr = std::shared_ptr<TensorPromise>;

}  // namespace rnn::runtime

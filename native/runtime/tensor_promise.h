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

// A tensor held by JavaScript: computed, or promised by a job queued in a lane. It is never a zero tensor without
// memory.
class TensorPromise {
 public:
  // The origin of a promised tensor. For the JavaScript thread only.
  struct Origin {
    // The number of its batch.
    uint64_t batch = 0;
    // The tensors whose memory it may share. Its job owns them until it has run.
    std::vector<std::weak_ptr<TensorPromise>> roots = {};
    // What is known about it before the job, which also owns the forecast, has run.
    std::weak_ptr<Forecast> forecast = {};
    size_t result = 0;
    // Whether autocast may change its dtype.
    bool casts = false;
  };

  explicit TensorPromise(at::Tensor tensor) : tensor_(with_memory(std::move(tensor))), state_(State::kReady) {}
  explicit TensorPromise(Origin origin) : origin_(std::move(origin)), state_(State::kPending) {}

  bool pending() const { return state_.load(std::memory_order_acquire) == State::kPending; }

  // The tensor if it has been computed, else null. Never blocks or throws.
  const at::Tensor* peek() const { return pending() || error_ ? nullptr : &tensor_; }

  // Blocks while the tensor is pending. Rethrows the exception of its job.
  const at::Tensor& get() const {
    state_.wait(State::kPending, std::memory_order_acquire);
    if (error_) std::rethrow_exception(error_);
    return tensor_;
  }

  // Null if it was never promised.
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

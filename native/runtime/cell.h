#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "runtime/zeros.h"

namespace rnn::runtime {

// A tensor that JavaScript holds: computed, or promised by a job that waits in a lane. It never is of zeros without
// memory.
class Cell {
 public:
  explicit Cell(at::Tensor tensor) : tensor_(with_memory(std::move(tensor))), state_(State::kReady) {}
  Cell() : state_(State::kPending) {}

  bool pending() const { return state_.load(std::memory_order_acquire) == State::kPending; }

  // The tensor when it has been computed, else null: never blocks, never throws.
  const at::Tensor* peek() const { return pending() || error_ ? nullptr : &tensor_; }

  // Blocks while the tensor is pending; throws what its job threw.
  const at::Tensor& get() {
    state_.wait(State::kPending, std::memory_order_acquire);
    if (error_) std::rethrow_exception(error_);
    return tensor_;
  }

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
  std::atomic<State> state_;
};

using CellPtr = std::shared_ptr<Cell>;

}  // namespace rnn::runtime

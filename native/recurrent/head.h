#pragma once
#include <cstdint>

#include "recurrent/kernels.h"
#include "recurrent/thread_pool.h"

namespace rnn::recurrent {

// A linear layer y = x Wᵀ + b on all rows, and its gradients.
struct Head {
  const Kernels& kernels;
  ThreadPool& pool;
  int64_t threads;

  int64_t rows;
  int64_t inputs;
  int64_t outputs;
  // (rows, inputs), dense
  const float* x;
  // (outputs, inputs), and (outputs) or null
  const float* weight;
  const float* bias;

  // Gradients, or null if not needed.
  struct Gradients {
    float* x;
    float* weight;
    float* bias;
  };

  // Writes y (rows, outputs).
  void forward(float* y) const;
  // `dy` (rows, outputs), dense
  void backward(const float* dy, const Gradients& gradients) const;

 private:
  // Calls `work` with ranges of the rows.
  template <typename Work>
  void split(const Work& work) const;
};

}  // namespace rnn::recurrent

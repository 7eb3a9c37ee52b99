#pragma once
#include <cstdint>

#include "recurrent/kernels.h"
#include "recurrent/thread_pool.h"

namespace rnn::recurrent {

// A linear layer y = x Wᵀ + b on all rows, and the mean squared error of y against a target, with gradients.
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
  // (rows, outputs), dense
  const float* target;

  // Gradients, or null if not needed.
  float* dx;
  float* dweight;
  float* dbias;

  // The mean over all elements.
  double mean_squared_error() const;

 private:
  double error_of(const float* packed, float* dy, int64_t first, int64_t last) const;
};

}  // namespace rnn::recurrent

#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::optim {

enum class Algorithm : uint8_t { kSgd, kAdam, kAdamW };

// The settings of one parameter group; each algorithm reads the ones it uses.
struct Hyper {
  double lr = 0, weight_decay = 0, momentum = 0, dampening = 0, beta1 = 0, beta2 = 0, eps = 0;
  bool nesterov = false, maximize = false, amsgrad = false;
};

// Numbers that a step can take as tensors, so that nothing waits for their values. Each is undefined or has one
// element.
struct Scalars {
  // Replaces `Hyper::lr`. On CUDA, the kernel reads it, also when a captured graph is replayed.
  at::Tensor lr;
  // Gradients are divided by `grad_scale`. If `found_inf` is 1, the step is skipped.
  at::Tensor grad_scale, found_inf;
};

// Parameters that one call can update together: with the same device and dtype, and for momentum the same age.
struct Bucket {
  Tensors params, gradients, steps;
  // Momentum buffers; or running averages of gradients and of their squares, and the maximum of the latter.
  std::vector<Tensors> states;
  // The first step with momentum, which then equals the gradient, without dampening.
  bool first = false;
};

// Updates the parameters with their gradients; those without one are skipped. `steps` and each list in `states` have
// the length of `params`, or are empty.
void step(Algorithm algorithm, const Tensors& params, const std::vector<Tensors>& states, const Tensors& steps,
          const Hyper& hyper, const Scalars& scalars);

// Uses LibTorch's fused kernels, which ignore strides: parameters, gradients and states have to be dense, with the same
// layout.
void step_fused(Algorithm algorithm, const Bucket& bucket, const Hyper& hyper, const Scalars& scalars);

// Uses separate operations, for any tensors: the formulas of torch/optim/sgd.py and torch/optim/adam.py. Waits for the
// values of `scalars`.
void step_unfused(Algorithm algorithm, const Bucket& bucket, Hyper hyper, const Scalars& scalars);

}  // namespace rnn::optim

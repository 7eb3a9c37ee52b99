#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::optim {

enum class Algorithm : uint8_t { kSgd, kAdam, kAdamW };

// The settings of one group; an algorithm reads those that it has.
struct Hyper {
  double lr = 0, weight_decay = 0, momentum = 0, dampening = 0, beta1 = 0, beta2 = 0, eps = 0;
  bool nesterov = false, maximize = false, amsgrad = false;
};

// Numbers that a step may take as tensors, so that nothing waits for them: all undefined, or of one element.
struct Scalars {
  // Instead of `Hyper::lr`. On CUDA it is read by the kernel, also when a graph with it is replayed.
  at::Tensor lr;
  // Gradients are divided by `grad_scale`; where `found_inf` is 1, nothing changes.
  at::Tensor grad_scale, found_inf;
};

// The parameters that one call can take together: of one device and dtype, and for momentum of one age.
struct Bucket {
  Tensors params, gradients, steps;
  // Momentum buffers; or averages of gradients, of their squares, and the greatest of those.
  std::vector<Tensors> states;
  // The first step with a momentum, which is then the gradient itself, without dampening.
  bool first = false;
};

// Changes the parameters by their gradients; those without one are left alone. Each list in `states` and `steps` is as
// long as `params`, or empty.
void step(Algorithm algorithm, const Tensors& params, const std::vector<Tensors>& states, const Tensors& steps,
          const Hyper& hyper, const Scalars& scalars);

// By LibTorch's fused kernels, which take memory as it lies: parameters, gradients and states have to be dense and
// alike.
void step_fused(Algorithm algorithm, const Bucket& bucket, const Hyper& hyper, const Scalars& scalars);

// By operations, whatever the tensors are: the formulas of torch/optim/sgd.py and torch/optim/adam.py. It waits for the
// values of `scalars`.
void step_unfused(Algorithm algorithm, const Bucket& bucket, Hyper hyper, const Scalars& scalars);

}  // namespace rnn::optim

#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "recurrent/plan.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {

// One call of a recurrent network. Sizes and types have been checked.
struct NetworkCall {
  Network network;
  bool batch_first = false;
  // (L, N, I) or (N, L, I), or with batch sizes (rows of all steps, I). Any strides.
  at::Tensor input;
  // h or h and c, (layers directions, N, outputs or units).
  Tensors state;
  Tensors weights;
  // For a packed sequence: int64 on the CPU; otherwise undefined.
  at::Tensor batch_sizes;
};

// Returns output and final states, computed by LibTorch's implementation.
Tensors run_libtorch(const NetworkCall& call);

// Why the kernels of this folder cannot use a network's parameters; empty if they can.
std::string why_not_packed(at::TensorList weights);

// Why they cannot run a call; empty if they can.
std::string why_not_fused(const NetworkCall& call);

// The same, computed by those kernels; differentiable any number of times.
Tensors run_fused(const NetworkCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                  const std::shared_ptr<ThreadPool>& pool);

}  // namespace rnn::recurrent

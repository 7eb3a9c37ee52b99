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
  // Of a packed sequence: int64 on the CPU, or undefined.
  at::Tensor batch_sizes;
};

// Output and final states, through LibTorch's own implementation.
Tensors run_libtorch(const NetworkCall& call);

// Why the kernels of this folder cannot use the parameters of a network, or nothing where they can.
std::string why_not_packed(at::TensorList weights);

// Why they cannot make a call, or nothing where they can.
std::string why_not_fused(const NetworkCall& call);

// The same through those kernels, and differentiable as often as one likes.
Tensors run_fused(const NetworkCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                  const std::shared_ptr<ThreadPool>& pool);

}  // namespace rnn::recurrent

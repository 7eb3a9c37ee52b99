#pragma once
#include <memory>

#include "recurrent/network.h"

namespace rnn::recurrent {

// A recurrent network whose output at each step goes through a linear layer and is to be near a target.
struct TrainingCall {
  NetworkCall network;
  // (O, H) and (O) or undefined.
  at::Tensor weight;
  at::Tensor bias;
  // (L, N, O) or (N, L, O), as the input.
  at::Tensor target;
};

// Why `mse_gradients` cannot make the call, or nothing where it can.
std::string why_not_direct(const TrainingCall& call);

// The mean squared error, without a graph. Its gradients are added to those of the parameters, as backward() does: in
// small networks the graph, its nodes and what they keep take longer than the arithmetic.
at::Tensor mse_gradients(const TrainingCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                         const std::shared_ptr<ThreadPool>& pool);

}  // namespace rnn::recurrent

#pragma once
#include <memory>

#include "recurrent/network.h"

namespace rnn::recurrent {

// A recurrent network with a linear head, trained by mean squared error at each step.
struct TrainingCall {
  NetworkCall network;
  // (O, H) and (O) or undefined.
  at::Tensor weight;
  at::Tensor bias;
  // (L, N, O) or (N, L, O), like the input.
  at::Tensor target;
};

// Why `mse_gradients` cannot run the call; empty if it can.
std::string why_not_direct(const TrainingCall& call);

// Computes the mean squared error without a graph, and adds its gradients to those of the parameters, like backward().
// In small networks, the graph, its nodes and saved tensors take longer than the arithmetic.
at::Tensor mse_gradients(const TrainingCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                         const std::shared_ptr<ThreadPool>& pool);

}  // namespace rnn::recurrent

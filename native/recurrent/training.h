#pragma once
#include <memory>

#include "recurrent/network.h"

namespace rnn::recurrent {

// A recurrent network with a linear head.
struct ModelCall {
  NetworkCall network;
  // (O, W) and (O) or undefined.
  at::Tensor weight;
  at::Tensor bias;
  // Whether the head reads the last state of the top layer, (N, W), instead of the output of each step.
  bool last = false;
  // With `last`: the sequence that each row of the output belongs to, (N), or undefined: as they are in the network.
  at::Tensor order;
  // The probability of dropout before the head.
  double dropout = 0;
};

// Why the functions below cannot run the call; empty if they can.
std::string why_not_direct(const ModelCall& call);

// The same for `mse_gradients`, and a target of the output's shape.
std::string why_not_direct(const ModelCall& call, const at::Tensor& target);

// Returns the output: (N, O), or for each step (L, N, O) or (N, L, O), or (rows, O) with batch sizes. Its graph has a
// single node, which adds the gradients of the parameters to those that they have, like backward(). In small networks,
// the graph, its nodes and saved tensors take longer than the arithmetic.
at::Tensor run_model(const ModelCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                     const std::shared_ptr<ThreadPool>& pool);

// The same with LibTorch's operations, for any tensors.
at::Tensor run_model_by_graph(const ModelCall& call, const Tensors& results);

// Computes the mean squared error without any graph, and adds its gradients to those of the parameters.
at::Tensor mse_gradients(const ModelCall& call, const at::Tensor& target, const std::shared_ptr<Plan>& plan,
                         const Kernels& kernels, const std::shared_ptr<ThreadPool>& pool);

}  // namespace rnn::recurrent

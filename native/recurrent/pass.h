#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "recurrent/network.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {

// The state shared by all layers of a call.
struct Pass {
  Network network;
  Schedule schedule;
  // The batch sizes that the schedule was made from, or undefined.
  at::Tensor batch_sizes;
  std::shared_ptr<Plan> plan;
  std::shared_ptr<ThreadPool> pool;
  const Kernels& kernels;
  WeightType type;

  Pass(const NetworkCall& call, std::shared_ptr<Plan> plan, const Kernels& kernels, std::shared_ptr<ThreadPool> pool);
  Layer layer(int64_t index, const at::Tensor& x) const;
  at::ArrayRef<at::Tensor> parameters(at::ArrayRef<at::Tensor> of_layer, int64_t direction) const {
    const size_t count = network.parameters();
    return of_layer.slice(static_cast<size_t>(direction) * count, count);
  }
  size_t place(int64_t layer, int64_t direction) const {
    return static_cast<size_t>(layer * network.directions() + direction);
  }
};

// The data that the forward pass of a direction saves for backward; undefined if the cell needs none. They are tensors,
// since autograd frees saved tensors after the backward pass, rather than with the graph, which may live much longer.
struct SavedTensors {
  static constexpr size_t kCount = 3;
  at::Tensor gates, cell_states, unprojected;
};

// Converts (N, L, I) to (L, N, I), or back, if the call has the batch first.
at::Tensor sequence_first(const NetworkCall& call, const at::Tensor& x);

// Converts a gradient to the form that the kernels read: gradients can also be sparse, views with a sign, or zeros
// without memory.
at::Tensor plain(const at::Tensor& gradient);

// Null for an undefined tensor.
float* data_of(const at::Tensor& tensor);

at::Tensor with_dense_rows(const at::Tensor& x);

// Computes the output and last states of one layer in all its directions. `state` is that of the layer, contiguous.
// Unless `saved` is null, one entry per direction is added to it.
Tensors forward_layer(const Pass& pass, int64_t index, const at::Tensor& x, const Tensors& state,
                      at::TensorList weights, std::vector<SavedTensors>* saved);

// Computes the `needed` gradients of the arguments (x, the states, the parameters of all directions) from those of the
// output `y` and the last states, which may be undefined.
Tensors backward_layer(const Pass& pass, int64_t index, const Tensors& arguments, const at::Tensor& y,
                       const std::vector<SavedTensors>& saved, const Tensors& gradients,
                       const std::vector<bool>& needed);

}  // namespace rnn::recurrent

#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "recurrent/network.h"

namespace rnn::recurrent {

// What all layers of a call share.
struct Pass {
  Network network;
  Schedule schedule;
  // The batch sizes that the schedule came from, or undefined.
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

// What the forward pass of a direction leaves for its backward pass; undefined where a cell has none. As tensors, since
// autograd frees those that it saved with the backward pass, and not with the graph, which may live much longer.
struct SavedTensors {
  static constexpr size_t kCount = 3;
  at::Tensor gates, cell_states, unprojected;
};

// From (N, L, I) to (L, N, I), or back, where the call has the batch first.
at::Tensor sequence_first(const NetworkCall& call, const at::Tensor& x);

// Null of an undefined tensor.
float* data_of(const at::Tensor& tensor);

at::Tensor with_dense_rows(const at::Tensor& x);

// The output and last states of one layer in all its directions. `state` is that of the layer, contiguous. `saved`
// gets one for each direction unless it is null.
std::vector<at::Tensor> forward_layer(const Pass& pass, int64_t index, const at::Tensor& x,
                                      const std::vector<at::Tensor>& state, at::TensorList weights,
                                      std::vector<SavedTensors>* saved);

// The gradients of the arguments (x, the states, the parameters of all directions) that are `needed`, from those of the
// output `y` and the last states, which may be undefined.
std::vector<at::Tensor> backward_layer(const Pass& pass, int64_t index, const std::vector<at::Tensor>& arguments,
                                       const at::Tensor& y, const std::vector<SavedTensors>& saved,
                                       const std::vector<at::Tensor>& gradients, const std::vector<bool>& needed);

}  // namespace rnn::recurrent

#include "recurrent/pass.h"
#include "runtime/tensors.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

namespace rnn::recurrent {
namespace {

// Memory from the workspace, returned to it when the tensor is destroyed.
at::Tensor borrow(Workspace& workspace, int64_t size) {
  const Workspace::Lease lease = workspace.lease(size);
  return at::from_blob(lease->data(), {size}, [lease](void*) {}, at::kFloat);
}

Schedule schedule_of(const NetworkCall& call) {
  if (!call.batch_sizes.defined()) {
    const int64_t batch = call.input.size(call.batch_first ? 0 : 1);
    return {batch, std::vector<int64_t>(static_cast<size_t>(call.input.size(call.batch_first ? 1 : 0)), batch)};
  }
  const auto* sizes = call.batch_sizes.const_data_ptr<int64_t>();
  return {sizes[0], std::vector<int64_t>(sizes, sizes + call.batch_sizes.numel())};
}

}  // namespace

Pass::Pass(const NetworkCall& call, std::shared_ptr<Plan> plan, const Kernels& kernels,
           std::shared_ptr<ThreadPool> pool)
    : network(call.network),
      schedule(schedule_of(call)),
      batch_sizes(call.batch_sizes),
      plan(std::move(plan)),
      pool(std::move(pool)),
      kernels(kernels),
      // Only the weights are bfloat16: sums, states and the values passed between layers are float32.
      type(call.input.scalar_type() == at::kBFloat16 ? WeightType::kBfloat16 : WeightType::kFloat32) {}

Layer Pass::layer(int64_t index, const at::Tensor& x) const {
  return {.kernels = kernels,
          .shape = network.layer(index),
          .schedule = schedule,
          .x = {.data = x.const_data_ptr<float>(),
                .row_stride = x.stride(-2),
                .step_stride = batch_sizes.defined() ? -1 : x.stride(0)},
          .pool = *pool,
          .threads = at::get_num_threads()};
}

at::Tensor sequence_first(const NetworkCall& call, const at::Tensor& x) {
  return call.batch_first && !call.batch_sizes.defined() ? x.transpose(0, 1) : x;
}

at::Tensor plain(const at::Tensor& gradient) {
  if (gradient._is_zerotensor()) return at::zeros(gradient.sizes(), gradient.options());
  return (gradient.layout() == at::kStrided ? gradient : gradient.to_dense()).resolve_neg();
}

float* data_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

at::Tensor with_dense_rows(const at::Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }

Tensors forward_layer(const Pass& pass, int64_t index, const at::Tensor& x, const Tensors& state,
                      at::TensorList weights, std::vector<SavedTensors>* saved) {
  const Layer layer = pass.layer(index, x);
  const LayerShape& shape = layer.shape;
  const int64_t directions = pass.network.directions(), width = directions * shape.outputs();
  const int64_t total = pass.schedule.total, batch = pass.schedule.batch;
  std::vector<int64_t> size(x.sizes().begin(), x.sizes().end());
  size.back() = width;
  const at::Tensor y = at::empty(size, x.options());
  Tensors results{y};
  for (const at::Tensor& first : state) results.push_back(at::empty_like(first));

  std::vector<std::shared_ptr<const ForwardWeights>> packed;
  std::vector<DirectionForward> runs;
  for (int64_t d = 0; d < directions; d++) {
    packed.push_back(
        pass.plan->forward_weights(pass.kernels, shape, pass.place(index, d), pass.parameters(weights, d), pass.type));
    SavedTensors own;
    if (saved != nullptr) {
      Workspace& workspace = pass.plan->workspace();
      if (shape.saved() > 0) own.gates = borrow(workspace, total * shape.saved());
      if (pass.network.states() > 1) own.cell_states = borrow(workspace, total * shape.units);
      if (shape.projection > 0) own.unprojected = borrow(workspace, total * shape.units);
      saved->push_back(own);
    }
    const auto of_state = [&](const Tensors& tensors, size_t i, int64_t units) {
      return tensors.size() <= i ? nullptr : tensors[i].mutable_data_ptr<float>() + d * batch * units;
    };
    runs.push_back({
        .reverse = d == 1,
        .weights = packed.back().get(),
        .h_first = of_state(state, 0, shape.outputs()),
        .c_first = of_state(state, 1, shape.units),
        .h_last = of_state(results, 1, shape.outputs()),
        .c_last = of_state(results, 2, shape.units),
        .y = {y.mutable_data_ptr<float>() + d * shape.outputs(), width},
        .gates = data_of(own.gates),
        .cell_states = data_of(own.cell_states),
        .unprojected = data_of(own.unprojected),
    });
  }
  layer.forward(runs);
  return results;
}

Tensors backward_layer(const Pass& pass, int64_t index, const Tensors& arguments, const at::Tensor& y,
                       const std::vector<SavedTensors>& saved, const Tensors& gradients,
                       const std::vector<bool>& needed) {
  const Network& net = pass.network;
  const at::Tensor x = with_dense_rows(arguments[0]);
  const Layer layer = pass.layer(index, x);
  const LayerShape& shape = layer.shape;
  const int64_t batch = pass.schedule.batch, total = pass.schedule.total;
  const int64_t width = net.directions() * shape.outputs();
  const size_t states = net.states(), first_weight = 1 + states;
  const auto of_layer = at::TensorList(arguments).slice(first_weight);
  const at::Tensor dy = gradients[0].defined() ? plain(gradients[0]).contiguous() : at::Tensor();

  Tensors results(arguments.size());
  if (needed[0]) results[0] = at::empty(x.sizes(), x.options());
  // The gradients of the last states are replaced by those of the first ones in place.
  for (size_t i = 0; i < states; i++) {
    const at::Tensor& last = gradients[1 + i];
    results[1 + i] = at::empty(arguments[1 + i].sizes(), x.options());
    if (last.defined()) {
      results[1 + i].copy_(plain(last));
    } else {
      std::fill_n(data_of(results[1 + i]), results[1 + i].numel(), 0.0F);
    }
  }
  for (size_t i = first_weight; i < arguments.size(); i++) {
    if (needed[i]) results[i] = at::empty(arguments[i].sizes(), x.options());
  }

  std::vector<std::shared_ptr<const BackwardWeights>> packed;
  std::vector<Workspace::Lease> memory;
  const auto lease = [&](int64_t size) {
    memory.push_back(pass.plan->workspace().lease(size));
    return memory.back()->data();
  };
  std::vector<DirectionBackward> runs;
  for (int64_t d = 0; d < net.directions(); d++) {
    packed.push_back(
        pass.plan->backward_weights(pass.kernels, shape, pass.place(index, d), pass.parameters(of_layer, d)));
    const auto of_state = [&](const Tensors& tensors, size_t i, int64_t units) {
      return i < states ? tensors[1 + i].mutable_data_ptr<float>() + d * batch * units : nullptr;
    };
    const size_t parameter = first_weight + static_cast<size_t>(d) * net.parameters();
    const auto of_parameter = [&](size_t i) { return data_of(results[parameter + i]); };
    const SavedTensors& own = saved[static_cast<size_t>(d)];
    runs.push_back({
        .reverse = d == 1,
        .weights = packed.back().get(),
        .h_first = of_state(arguments, 0, shape.outputs()),
        .c_first = of_state(arguments, 1, shape.units),
        .y = {y.const_data_ptr<float>() + d * shape.outputs(), width},
        .gates = data_of(own.gates),
        .cell_states = data_of(own.cell_states),
        .unprojected = data_of(own.unprojected),
        .dy = {dy.defined() ? dy.const_data_ptr<float>() + d * shape.outputs() : nullptr, width},
        .dh = of_state(results, 0, shape.outputs()),
        .dc = of_state(results, 1, shape.units),
        .dsums = lease(total * shape.sums_stride()),
        .dprojected = shape.projection > 0 ? lease(total * shape.outputs()) : nullptr,
        .dweight_x = of_parameter(0),
        .dweight_h = of_parameter(1),
        .dbias_x = net.bias ? of_parameter(2) : nullptr,
        .dbias_h = net.bias ? of_parameter(3) : nullptr,
        .dweight_projection = shape.projection > 0 ? of_parameter(net.parameters() - 1) : nullptr,
    });
  }
  layer.backward(runs, data_of(results[0]));
  for (size_t i = 0; i < states; i++) {
    if (!needed[1 + i]) results[1 + i].reset();
  }
  // After a single step, the projection does not affect the cell state: it then has no gradient, as in LibTorch, rather
  // than zeros.
  const bool unused = !dy.defined() && !gradients[1].defined() && pass.schedule.steps() == 1;
  for (int64_t d = 0; unused && shape.projection > 0 && d < net.directions(); d++) {
    results[first_weight + static_cast<size_t>(d + 1) * net.parameters() - 1].reset();
  }
  return results;
}

}  // namespace rnn::recurrent

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "recurrent/network.h"

namespace rnn {
namespace {

using Tensors = std::vector<at::Tensor>;
using torch::autograd::AutogradContext;

// What all layers of a call share.
struct Setting {
  Network network;
  Schedule schedule;
  // The batch sizes that the schedule came from, or undefined.
  at::Tensor batch_sizes;
  std::shared_ptr<Plan> plan;
  std::shared_ptr<ThreadPool> pool;
  const Kernels& kernels;
  WeightType type;

  Layer layer(int64_t index, const at::Tensor& x) const {
    return {.kernels = kernels,
            .shape = network.layer(index),
            .schedule = schedule,
            .x = {.data = x.const_data_ptr<float>(),
                  .row_stride = x.stride(-2),
                  .step_stride = batch_sizes.defined() ? -1 : x.stride(0)},
            .pool = *pool,
            .threads = at::get_num_threads()};
  }
  at::ArrayRef<at::Tensor> parameters(at::ArrayRef<at::Tensor> of_layer, int64_t direction) const {
    const size_t count = network.parameters();
    return of_layer.slice(static_cast<size_t>(direction) * count, count);
  }
  size_t place(int64_t layer, int64_t direction) const {
    return static_cast<size_t>(layer * network.directions() + direction);
  }
};

// Which layer of which call a node of the graph belongs to.
struct Origin : torch::CustomClassHolder {
  std::shared_ptr<const Setting> setting;
  int64_t layer;

  Origin(std::shared_ptr<const Setting> setting, int64_t layer) : setting(std::move(setting)), layer(layer) {}
};

// What the forward pass of a direction leaves for its backward pass; undefined where a cell has none. As tensors, since
// autograd frees those that it saved with the backward pass, and not with the graph, which may live much longer.
struct Trace {
  static constexpr size_t kTensors = 3;
  at::Tensor gates, cells, unprojected;
};

// Memory of the workspace, which goes back to it with the tensor.
at::Tensor borrow(Workspace& workspace, int64_t size) {
  const Workspace::Lease lease = workspace.lease(size);
  return at::from_blob(lease->data(), {size}, [lease](void*) {}, at::kFloat);
}

float* data_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr; }

// As the kernels read it: gradients also come sparse, as views with a sign, and as zeros without memory.
at::Tensor plain(const at::Tensor& gradient) {
  if (gradient._is_zerotensor()) return at::zeros(gradient.sizes(), gradient.options());
  return (gradient.layout() == at::kStrided ? gradient : gradient.to_dense()).resolve_neg();
}

at::Tensor with_dense_rows(const at::Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }

// The output and last states of one layer in all its directions. `state` is that of the layer, contiguous. `traces`
// gets one for each direction unless it is null.
Tensors forward_layer(const Setting& setting, int64_t index, const at::Tensor& x, const Tensors& state,
                      at::ArrayRef<at::Tensor> weights, std::vector<Trace>* traces) {
  const Layer layer = setting.layer(index, x);
  const LayerShape& shape = layer.shape;
  const int64_t directions = setting.network.directions(), width = directions * shape.outputs();
  const int64_t total = setting.schedule.total, batch = setting.schedule.batch;
  std::vector<int64_t> size(x.sizes().begin(), x.sizes().end());
  size.back() = width;
  const at::Tensor y = at::empty(size, x.options());
  Tensors results{y};
  for (const at::Tensor& first : state) results.push_back(at::empty_like(first));

  std::vector<std::shared_ptr<const ForwardWeights>> packed;
  std::vector<DirectionForward> runs;
  for (int64_t d = 0; d < directions; d++) {
    packed.push_back(setting.plan->forward_weights(setting.kernels, shape, setting.place(index, d),
                                                   setting.parameters(weights, d), setting.type));
    Trace trace;
    if (traces != nullptr) {
      Workspace& workspace = setting.plan->workspace();
      if (shape.saved() > 0) trace.gates = borrow(workspace, total * shape.saved());
      if (setting.network.lstm()) trace.cells = borrow(workspace, total * shape.units);
      if (shape.projection > 0) trace.unprojected = borrow(workspace, total * shape.units);
      traces->push_back(trace);
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
        .gates = data_of(trace.gates),
        .cells = data_of(trace.cells),
        .unprojected = data_of(trace.unprojected),
    });
  }
  layer.forward(runs);
  return results;
}

// The node of the graph prints as RecurrentLayerBackward.
class RecurrentLayer : public torch::autograd::Function<RecurrentLayer> {
 public:
  // The arguments: x, the states, the parameters of all directions.
  static Tensors forward(AutogradContext* context, at::TensorList arguments,
                         const std::shared_ptr<const Setting>& setting, int64_t index) {
    const size_t states = setting->network.lstm() ? 2 : 1;
    const at::Tensor x = with_dense_rows(arguments[0]);
    const Tensors state(arguments.begin() + 1, arguments.begin() + 1 + static_cast<int64_t>(states));
    std::vector<Trace> traces;
    Tensors results = forward_layer(*setting, index, x, state, arguments.slice(1 + states), &traces);
    Tensors saved = arguments.vec();
    saved.push_back(results[0]);
    for (const Trace& trace : traces) saved.insert(saved.end(), {trace.gates, trace.cells, trace.unprojected});
    context->save_for_backward(std::move(saved));
    context->saved_data["origin"] = c10::IValue::make_capsule(c10::make_intrusive<Origin>(setting, index));
    context->set_materialize_grads(false);
    return results;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto origin = c10::static_intrusive_pointer_cast<Origin>(context->saved_data["origin"].toCapsule());
    const Tensors saved = context->get_saved_variables();
    const auto directions = static_cast<size_t>(origin->setting->network.directions());
    const size_t count = saved.size() - 1 - directions * Trace::kTensors;
    const Tensors arguments(saved.begin(), saved.begin() + static_cast<int64_t>(count));
    std::vector<Trace> traces;
    for (size_t i = count + 1; i < saved.size(); i += Trace::kTensors) {
      traces.push_back({.gates = saved[i], .cells = saved[i + 1], .unprojected = saved[i + 2]});
    }
    Tensors results(count);
    if (std::any_of(gradients.begin(), gradients.end(), [](const at::Tensor& g) { return g.defined(); })) {
      std::vector<bool> needed;
      for (size_t i = 0; i < count; i++) needed.push_back(context->needs_input_grad(i));
      results = at::GradMode::is_enabled() ? differentiably(*origin, arguments, gradients, needed)
                                           : differentiate(*origin, arguments, saved[count], traces, gradients, needed);
    }
    // Setting and index.
    results.resize(count + 2);
    return results;
  }

 private:
  // For derivatives of derivatives: LibTorch's own operations, which have them.
  static Tensors differentiably(const Origin& origin, const Tensors& arguments, const Tensors& gradients,
                                const std::vector<bool>& needed) {
    const Setting& setting = *origin.setting;
    const size_t states = setting.network.lstm() ? 2 : 1;
    // A tied parameter is an argument more than once: each has a gradient of its own.
    Tensors aliases;
    for (size_t i = 0; i < arguments.size(); i++) aliases.push_back(needed[i] ? arguments[i].alias() : arguments[i]);
    NetworkCall call{.network = setting.network,
                     .input = aliases[0],
                     .state = {aliases.begin() + 1, aliases.begin() + 1 + static_cast<int64_t>(states)},
                     .weights = {aliases.begin() + 1 + static_cast<int64_t>(states), aliases.end()},
                     .batch_sizes = setting.batch_sizes};
    call.network.layers = 1;
    call.network.dropout = 0;
    const Tensors results = run_libtorch(call);
    Tensors outputs, seeds, inputs, found(arguments.size());
    for (size_t i = 0; i < results.size(); i++) {
      if (!gradients[i].defined()) continue;
      outputs.push_back(results[i]);
      seeds.push_back(gradients[i]);
    }
    for (size_t i = 0; i < arguments.size(); i++) {
      if (needed[i]) inputs.push_back(aliases[i]);
    }
    const Tensors of_inputs = torch::autograd::grad(outputs, inputs, seeds, true, true, true);
    for (size_t i = 0, next = 0; i < arguments.size(); i++) {
      if (needed[i]) found[i] = of_inputs[next++];
    }
    return found;
  }

  static Tensors differentiate(const Origin& origin, const Tensors& arguments, const at::Tensor& y,
                               const std::vector<Trace>& traces, const Tensors& gradients,
                               const std::vector<bool>& needed) {
    const Setting& setting = *origin.setting;
    const Network& net = setting.network;
    const at::Tensor x = with_dense_rows(arguments[0]);
    const Layer layer = setting.layer(origin.layer, x);
    const LayerShape& shape = layer.shape;
    const int64_t batch = setting.schedule.batch, total = setting.schedule.total;
    const int64_t width = net.directions() * shape.outputs();
    const size_t states = net.lstm() ? 2 : 1, first_weight = 1 + states;
    const auto of_layer = at::TensorList(arguments).slice(first_weight);
    const at::Tensor dy = gradients[0].defined() ? plain(gradients[0]).contiguous() : at::Tensor();

    Tensors results(arguments.size());
    if (needed[0]) results[0] = at::empty(x.sizes(), x.options());
    // The gradients of the last states become those of the first ones in place.
    for (size_t i = 0; i < states; i++) {
      const at::Tensor& last = gradients[1 + i];
      results[1 + i] = at::empty(arguments[1 + i].sizes(), x.options());
      last.defined() ? results[1 + i].copy_(plain(last)) : results[1 + i].zero_();
    }
    for (size_t i = first_weight; i < arguments.size(); i++) {
      if (needed[i]) results[i] = at::empty(arguments[i].sizes(), x.options());
    }

    std::vector<std::shared_ptr<const BackwardWeights>> packed;
    std::vector<Workspace::Lease> memory;
    const auto lease = [&](int64_t size) {
      memory.push_back(setting.plan->workspace().lease(size));
      return memory.back()->data();
    };
    std::vector<DirectionBackward> runs;
    for (int64_t d = 0; d < net.directions(); d++) {
      packed.push_back(setting.plan->backward_weights(setting.kernels, shape, setting.place(origin.layer, d),
                                                      setting.parameters(of_layer, d)));
      const auto of_state = [&](const Tensors& tensors, size_t i, int64_t units) {
        return i < states ? tensors[1 + i].mutable_data_ptr<float>() + d * batch * units : nullptr;
      };
      const size_t parameter = first_weight + static_cast<size_t>(d) * net.parameters();
      const auto of_parameter = [&](size_t i) { return data_of(results[parameter + i]); };
      const Trace& trace = traces[static_cast<size_t>(d)];
      runs.push_back({
          .reverse = d == 1,
          .weights = packed.back().get(),
          .h_first = of_state(arguments, 0, shape.outputs()),
          .c_first = of_state(arguments, 1, shape.units),
          .y = {y.const_data_ptr<float>() + d * shape.outputs(), width},
          .gates = data_of(trace.gates),
          .cells = data_of(trace.cells),
          .unprojected = data_of(trace.unprojected),
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
    return results;
  }
};

// From (N, L, I) to (L, N, I), or back, where the call has the batch first.
at::Tensor sequence_first(const NetworkCall& call, const at::Tensor& x) {
  return call.batch_first && !call.batch_sizes.defined() ? x.transpose(0, 1) : x;
}

Schedule schedule_of(const NetworkCall& call) {
  if (!call.batch_sizes.defined()) {
    const int64_t batch = call.input.size(call.batch_first ? 0 : 1);
    return {batch, std::vector<int64_t>(static_cast<size_t>(call.input.size(call.batch_first ? 1 : 0)), batch)};
  }
  const auto* sizes = call.batch_sizes.const_data_ptr<int64_t>();
  return {sizes[0], std::vector<int64_t>(sizes, sizes + call.batch_sizes.numel())};
}

// Whether values can be read from the tensor's memory as they are.
bool is_plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && !tensor.is_conj() && !tensor.is_neg() && !tensor._is_zerotensor();
}

}  // namespace

std::string why_not_packed(const Network& net, at::TensorList weights) {
  const size_t count = net.parameters();
  if (static_cast<int64_t>(weights.size()) != net.layers * net.directions() * static_cast<int64_t>(count)) {
    return "there are not as many parameters as the module's sizes ask for";
  }
  for (size_t i = 0; i < weights.size(); i++) {
    const at::Tensor& weight = weights[i];
    if (!weight.device().is_cpu()) return "a parameter is not on the CPU";
    if (!is_plain(weight)) return "the memory of a parameter cannot be read as it is";
    if (!at::isFloatingType(weight.scalar_type())) return "a parameter is not of a floating dtype";
    const LayerShape shape = net.layer(static_cast<int64_t>(i / count) / net.directions());
    const size_t kind = i % count;
    const bool is_projection = net.projection > 0 && kind == count - 1;
    const std::vector<int64_t> size = is_projection ? std::vector{net.projection, net.units}
                                      : kind == 0   ? std::vector{shape.gates(), shape.inputs}
                                      : kind == 1   ? std::vector{shape.gates(), shape.outputs()}
                                                    : std::vector{shape.gates()};
    if (weight.sizes() != at::IntArrayRef(size)) return "a parameter has another shape than the module's sizes";
  }
  return {};
}

std::string why_not_fused(const NetworkCall& call) {
  Tensors all = call.state;
  all.push_back(call.input);
  all.insert(all.end(), call.weights.begin(), call.weights.end());
  const at::ScalarType type = call.input.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16) return "the tensors are neither float32 nor bfloat16";
  for (const at::Tensor& tensor : all) {
    if (!tensor.device().is_cpu()) return "a tensor is not on the CPU";
    if (!is_plain(tensor)) return "the memory of a tensor cannot be read as it is";
    if (tensor.scalar_type() != type) return "the tensors are of several dtypes";
  }
  if (type == at::kBFloat16 && at::GradMode::is_enabled() &&
      std::any_of(all.begin(), all.end(), [](const at::Tensor& tensor) { return tensor.requires_grad(); })) {
    return "gradients are computed in float32 only";
  }
  if (call.input.numel() == 0) return "the input is empty";
  return why_not_packed(call.network, call.weights);
}

std::vector<at::Tensor> run_fused(const NetworkCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                                  const std::shared_ptr<ThreadPool>& pool) {
  const Network& net = call.network;
  // Only the weights are in bfloat16 throughout: sums, states and what a layer passes to the next are float32.
  const bool bfloat16 = call.input.scalar_type() == at::kBFloat16;
  const auto setting =
      std::make_shared<const Setting>(Setting{.network = net,
                                              .schedule = schedule_of(call),
                                              .batch_sizes = call.batch_sizes,
                                              .plan = plan,
                                              .pool = pool,
                                              .kernels = kernels,
                                              .type = bfloat16 ? WeightType::kBfloat16 : WeightType::kFloat32});
  const size_t per_layer = net.parameters() * static_cast<size_t>(net.directions());
  at::Tensor x = sequence_first(call, call.input).to(at::kFloat);
  std::vector<Tensors> last(call.state.size());
  for (int64_t index = 0; index < net.layers; index++) {
    Tensors state;
    for (const at::Tensor& of_all : call.state) {
      state.push_back(of_all.narrow(0, index * net.directions(), net.directions()).to(at::kFloat).contiguous());
    }
    const auto weights = at::TensorList(call.weights).slice(static_cast<size_t>(index) * per_layer, per_layer);
    const auto differs = [](const at::Tensor& tensor) { return tensor.requires_grad(); };
    Tensors results;
    if (at::GradMode::is_enabled() && (differs(x) || std::any_of(state.begin(), state.end(), differs) ||
                                       std::any_of(weights.begin(), weights.end(), differs))) {
      Tensors arguments{x};
      arguments.insert(arguments.end(), state.begin(), state.end());
      arguments.insert(arguments.end(), weights.begin(), weights.end());
      results = RecurrentLayer::apply(at::TensorList(arguments), setting, index);
    } else {
      results = forward_layer(*setting, index, with_dense_rows(x), state, weights, nullptr);
    }
    x = std::move(results[0]);
    if (index + 1 < net.layers && net.dropout != 0 && net.train) x = at::dropout(x, net.dropout, true);
    for (size_t i = 0; i < last.size(); i++) last[i].push_back(std::move(results[1 + i]));
  }
  Tensors results{sequence_first(call, x)};
  for (const Tensors& of_layers : last) {
    results.push_back(net.layers == 1 ? of_layers[0] : at::cat(of_layers));
  }
  if (bfloat16) {
    for (at::Tensor& result : results) result = result.to(at::kBFloat16);
  }
  return results;
}

}  // namespace rnn

#include "recurrent/plan.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {
namespace {

LayerParameters pointers(const LayerShape& shape, at::ArrayRef<at::Tensor> parameters) {
  const auto data = [&](size_t i) { return parameters[i].const_data_ptr<float>(); };
  const bool projects = shape.projection > 0, bias = parameters.size() >= 4;
  return {
      .weight_x = data(0),
      .weight_h = data(1),
      .bias_x = bias ? data(2) : nullptr,
      .bias_h = bias ? data(3) : nullptr,
      .weight_projection = projects ? data(parameters.size() - 1) : nullptr,
  };
}

}  // namespace

LayerShape Network::layer(int64_t index) const {
  LayerShape shape{.cell = recurrence->kernel.value(), .inputs = inputs, .units = units, .projection = projection};
  if (index > 0) shape.inputs = shape.outputs() * directions();
  return shape;
}

ForwardWeights packed_layer(const Kernels& kernels, const LayerShape& shape, at::ArrayRef<at::Tensor> parameters,
                            WeightType type) {
  Tensors floats;
  for (const at::Tensor& parameter : parameters) floats.push_back(readable(parameter));
  return {kernels, shape, pointers(shape, floats), type};
}

template <typename Weights, typename... Arguments>
std::shared_ptr<const Weights> Plan::find(std::vector<Entry<Weights>>& entries, const Kernels& kernels,
                                          const LayerShape& shape, size_t index, Parameters parameters,
                                          Arguments... arguments) {
  const std::lock_guard lock(mutex_);
  if (entries.size() <= index) entries.resize(index + 1);
  Entry<Weights>& entry = entries[index];
  bool fits = entry.kernels == &kernels && entry.stamps.size() == parameters.size();
  for (size_t i = 0; fits && i < parameters.size(); i++) fits = entry.stamps[i].fits(kernels, parameters[i]);
  if (fits) return entry.weights;

  // Taken before the weights are read, so that changes that JavaScript makes in the meantime are detected at the next
  // call.
  entry.stamps.clear();
  for (const at::Tensor& parameter : parameters) entry.stamps.emplace_back(kernels, parameter);
  Tensors floats;
  for (const at::Tensor& parameter : parameters) floats.push_back(readable(parameter));
  entry.weights = std::make_shared<const Weights>(kernels, shape, pointers(shape, floats), arguments...);
  entry.kernels = &kernels;
  return entry.weights;
}

std::shared_ptr<const ForwardWeights> Plan::forward_weights(const Kernels& kernels, const LayerShape& shape,
                                                            size_t index, Parameters parameters, WeightType type) {
  return find(type == WeightType::kFloat32 ? forward_ : forward_bfloat16_, kernels, shape, index, parameters, type);
}

std::shared_ptr<const BackwardWeights> Plan::backward_weights(const Kernels& kernels, const LayerShape& shape,
                                                              size_t index, Parameters parameters) {
  return find(backward_, kernels, shape, index, parameters);
}

}  // namespace rnn::recurrent

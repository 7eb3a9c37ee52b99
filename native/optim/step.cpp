#include "optim/step.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_sub.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "runtime/version.h"

namespace rnn::optim {
namespace {

// Whether the memory is dense and holds the values as they are.
bool is_plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && tensor.is_non_overlapping_and_dense() && !tensor.is_neg() &&
         !tensor.is_conj() && !tensor._is_zerotensor() && !tensor.is_complex();
}

// Strides of dimensions of size 1 are ignored: autograd leaves them arbitrary, and they do not affect where elements
// are.
bool lies_alike(const at::Tensor& tensor, const at::Tensor& param) {
  if (tensor.sizes() != param.sizes()) return false;
  for (int64_t i = 0; i < param.dim(); i++) {
    if (param.size(i) != 1 && tensor.stride(i) != param.stride(i)) return false;
  }
  return true;
}

bool is_alike(const at::Tensor& tensor, const at::Tensor& param) {
  return is_plain(tensor) && lies_alike(tensor, param) && tensor.scalar_type() == param.scalar_type() &&
         tensor.device() == param.device();
}

// A step counter that the fused kernels increment themselves must be on the device of the parameter.
bool is_counter(const at::Tensor& step, const at::Tensor& param, Algorithm algorithm) {
  return is_plain(step) && step.numel() == 1 && step.scalar_type() == at::kFloat &&
         (algorithm == Algorithm::kSgd || step.device() == param.device());
}

// LibTorch's fused SGD on the CPU skips whole vectors in half precision
// (https://github.com/pytorch/pytorch/issues/191763).
bool has_kernel(Algorithm algorithm, const at::Tensor& param) {
  if (!param.is_cpu() && !param.is_cuda()) return false;
  return algorithm != Algorithm::kSgd || !param.is_cpu() || !c10::isReducedFloatingType(param.scalar_type());
}

using Key = std::tuple<c10::Device, c10::ScalarType, bool, bool>;
struct Before {
  bool operator()(const Key& a, const Key& b) const {
    const auto rank = [](const Key& key) {
      const auto& [device, dtype, fused, first] = key;
      return std::tuple(static_cast<int>(device.type()), device.index(), static_cast<int>(dtype), fused, first);
    };
    return rank(a) < rank(b);
  }
};

std::map<Key, Bucket, Before> buckets_of(Algorithm algorithm, const Tensors& params, const std::vector<Tensors>& states,
                                         const Tensors& steps, bool by_age) {
  std::map<Key, Bucket, Before> buckets;
  for (size_t i = 0; i < params.size(); i++) {
    const at::Tensor& param = params[i];
    const at::Tensor& gradient = param.grad();
    if (!gradient.defined()) continue;
    at::assert_no_internal_overlap(param);
    const bool first = by_age && steps.at(i).item<double>() == 0;
    const bool fused =
        has_kernel(algorithm, param) && is_plain(param) && is_alike(gradient, param) &&
        std::ranges::all_of(states,
                            [&](const Tensors& state) { return state.empty() || is_alike(state.at(i), param); }) &&
        (steps.empty() || is_counter(steps.at(i), param, algorithm));
    Bucket& bucket = buckets[{param.device(), param.scalar_type(), fused, first}];
    bucket.first = first;
    bucket.params.push_back(param);
    bucket.gradients.push_back(gradient);
    if (!steps.empty()) bucket.steps.push_back(steps[i]);
    bucket.states.resize(states.size());
    for (size_t s = 0; s < states.size(); s++) {
      if (!states[s].empty()) bucket.states[s].push_back(states[s].at(i));
    }
  }
  return buckets;
}

Scalars on(const Scalars& scalars, c10::Device device) {
  const auto move = [device](const at::Tensor& tensor) {
    if (!tensor.defined() || tensor.device() == device) return tensor;
    // The form that the kernels read; on the CPU, they accept a learning rate of any dtype.
    return tensor.to(device, at::kFloat, /*non_blocking=*/true);
  };
  return {.lr = move(scalars.lr), .grad_scale = move(scalars.grad_scale), .found_inf = move(scalars.found_inf)};
}

// On the CPU, increments counters directly: for a few of them, an operator takes longer than Adam for a small layer.
void count_up(const Tensors& steps) {
  const bool plain = std::ranges::all_of(steps, [](const at::Tensor& step) {
    return step.is_cpu() && is_plain(step) && step.scalar_type() == at::kFloat && step.numel() == 1;
  });
  if (!plain) return at::_foreach_add_(steps, 1);
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;
  runtime::bump_versions(steps);
}

}  // namespace

void step(Algorithm algorithm, const Tensors& params, const std::vector<Tensors>& states, const Tensors& steps,
          const Hyper& hyper, const Scalars& given) {
  const c10::AutoGradMode no_grad(false);
  // The first momentum is the gradient itself, without dampening. If there is no dampening, zero-filled buffers give
  // the same result.
  const bool by_age = algorithm == Algorithm::kSgd && hyper.momentum != 0 && hyper.dampening != 0;
  for (const auto& [key, bucket] : buckets_of(algorithm, params, states, steps, by_age)) {
    const auto& [device, dtype, fused, first] = key;
    const Scalars scalars = on(given, device);
    // If a first step is skipped, the next one counts as the first. The device is read only until the first step has
    // been taken.
    const bool reads = first || !fused;
    if (reads && scalars.found_inf.defined() && scalars.found_inf.item<double>() != 0) continue;
    if (!bucket.steps.empty()) count_up(bucket.steps);
    if (!fused) {
      step_unfused(algorithm, bucket, hyper, scalars);
      continue;
    }
    step_fused(algorithm, bucket, hyper, scalars);
    // A skipped step does not count. SGD's counters are on the CPU, and only mark the first step.
    if (algorithm != Algorithm::kSgd && scalars.found_inf.defined()) {
      at::_foreach_sub_(bucket.steps, Tensors(bucket.steps.size(), scalars.found_inf));
    }
    runtime::bump_versions(bucket.params);
  }
}

}  // namespace rnn::optim

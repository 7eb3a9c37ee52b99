#include "optim/step.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_neg.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "runtime/version.h"

namespace rnn::optim {
namespace {

constexpr std::array kAlgorithms = {&kAdadelta, &kAdagrad, &kAdam,    &kAdamW, &kAdamax, &kAsgd,
                                    &kNadam,    &kRadam,   &kRmsprop, &kRprop, &kSgd};

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

bool is_number(const at::Tensor& tensor) {
  return is_plain(tensor) && tensor.numel() == 1 && tensor.scalar_type() == at::kFloat;
}

double value_of(const at::Tensor& number) {
  return number.is_cpu() && is_number(number) ? *number.const_data_ptr<float>() : number.item<double>();
}

// A step counter that the fused kernels increment themselves must be on the device of the parameter.
bool is_counter(const at::Tensor& step, const at::Tensor& param, const Algorithm& algorithm) {
  return is_number(step) && (algorithm.counters == Counters::kRead || step.device() == param.device());
}

bool has_kernel(const Algorithm& algorithm, const at::Tensor& param) {
  if (algorithm.kernel == nullptr || (!param.is_cpu() && !param.is_cuda())) return false;
  return algorithm.half_precision_on_cpu || !param.is_cpu() || !c10::isReducedFloatingType(param.scalar_type());
}

// Device, dtype, whether the kernel is used, and the numbers that are read.
using Key = std::tuple<c10::Device, c10::ScalarType, bool, std::vector<double>>;
using Buckets = std::vector<std::pair<Key, Bucket>>;

Bucket& bucket_for(Buckets& buckets, Key key) {
  const auto found = std::ranges::find(buckets, key, &std::pair<Key, Bucket>::first);
  return found == buckets.end() ? buckets.emplace_back(std::move(key), Bucket{}).second : found->second;
}

struct Lists {
  const Tensors& params;
  const std::vector<Tensors>& states;
  const std::vector<Tensors>& singles;
};

bool fits_kernel(const Algorithm& algorithm, const Lists& lists, size_t i) {
  const at::Tensor& param = lists.params[i];
  return has_kernel(algorithm, param) && is_plain(param) && is_alike(param.grad(), param) &&
         std::ranges::all_of(lists.states,
                             [&](const Tensors& state) { return state.empty() || is_alike(state.at(i), param); }) &&
         std::ranges::all_of(lists.singles, [&](const Tensors& single) {
           return single.empty() || is_counter(single.at(i), param, algorithm);
         });
}

// Appends the `i`-th tensor of each list that has any.
void append(std::vector<Tensors>& lists, const std::vector<Tensors>& all, size_t i) {
  lists.resize(all.size());
  for (size_t s = 0; s < all.size(); s++) {
    if (!all[s].empty()) lists[s].push_back(all[s].at(i));
  }
}

// Checks all parameters before the first one is changed.
Buckets buckets_of(const Algorithm& algorithm, const Lists& lists) {
  Buckets buckets;
  for (size_t i = 0; i < lists.params.size(); i++) {
    const at::Tensor& param = lists.params[i];
    if (!param.grad().defined()) continue;
    at::assert_no_internal_overlap(param);
    TORCH_CHECK(algorithm.sparse_gradients || !param.grad().is_sparse(), algorithm.name,
                " does not support sparse gradients");
    const bool kernel = fits_kernel(algorithm, lists, i);
    std::vector<double> read;
    if (algorithm.counters == Counters::kRead || (algorithm.counters == Counters::kReadWithoutKernel && !kernel)) {
      for (const Tensors& single : lists.singles) {
        if (!single.empty()) read.push_back(value_of(single.at(i)));
      }
    }
    Bucket& bucket = bucket_for(buckets, {param.device(), param.scalar_type(), kernel, read});
    bucket.numbers = std::move(read);
    bucket.params.push_back(param);
    bucket.gradients.push_back(param.grad());
    append(bucket.states, lists.states, i);
    append(bucket.singles, lists.singles, i);
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
  if (steps.empty()) return;
  const bool plain =
      std::ranges::all_of(steps, [](const at::Tensor& step) { return step.is_cpu() && is_number(step); });
  if (!plain) return at::_foreach_add_(steps, 1);
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;
  runtime::bump_versions(steps);
}

void write(const Tensors& numbers, double value) {
  for (const at::Tensor& number : numbers) *number.mutable_data_ptr<float>() = static_cast<float>(value);
  runtime::bump_versions(numbers);
}

void make_real(Tensors& tensors) {
  for (at::Tensor& tensor : tensors) {
    if (tensor.is_complex()) tensor = at::view_as_real(tensor.resolve_conj());
  }
}

// Changes copies of the lists, not the tensors: complex numbers become two real ones.
void make_real(Bucket& bucket) {
  if (!bucket.params[0].is_complex()) return;
  make_real(bucket.params);
  make_real(bucket.gradients);
  for (Tensors& state : bucket.states) make_real(state);
}

void update(const Algorithm& algorithm, Bucket& bucket, const Settings& settings, const Scalars& scalars) {
  // In place, like the fused kernels, which also leave the gradients unscaled.
  if (scalars.grad_scale.defined()) {
    for (const at::Tensor& gradient : bucket.gradients) gradient.div_(scalars.grad_scale);
  }
  make_real(bucket);
  {
    // Without the layers of autograd, each operation on a small tensor takes a third less.
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    algorithm.update(bucket, settings);
  }
  runtime::bump_versions(bucket.params);
  for (const Tensors& state : bucket.states) runtime::bump_versions(state);
  // The first number, the counter, has been written.
  for (size_t i = 1; i < bucket.numbers.size(); i++) write(bucket.singles[i], bucket.numbers[i]);
}

}  // namespace

const Algorithm& algorithm_of(std::string_view name) {
  const auto found = std::ranges::find(kAlgorithms, name, [](const Algorithm* algorithm) { return algorithm->name; });
  TORCH_CHECK_VALUE(found != kAlgorithms.end(), "there is no optimizer '", name, "'");
  return **found;
}

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

Tensors descent(const Bucket& bucket, bool maximize, double weight_decay) {
  Tensors gradients = maximize ? at::_foreach_neg(bucket.gradients) : bucket.gradients;
  if (weight_decay == 0) return gradients;
  return at::_foreach_add(gradients, bucket.params, weight_decay);
}

void uncount(const Bucket& bucket, const Scalars& scalars) {
  if (!scalars.found_inf.defined()) return;
  const Tensors& steps = bucket.singles.at(0);
  at::_foreach_sub_(steps, Tensors(steps.size(), scalars.found_inf));
}

void step(const Algorithm& algorithm, const Tensors& params, const std::vector<Tensors>& states,
          const std::vector<Tensors>& singles, Settings settings, const Scalars& given) {
  const c10::AutoGradMode no_grad(false);
  for (auto& [key, bucket] : buckets_of(algorithm, {params, states, singles})) {
    const auto& [device, dtype, kernel, read] = key;
    const Scalars scalars = on(given, device);
    // If a first step is skipped, the next one counts as the first. The device is read only until the first step has
    // been taken.
    const bool waits = !kernel || (!read.empty() && read[0] == 0);
    if (waits && scalars.found_inf.defined() && scalars.found_inf.item<double>() != 0) continue;
    if (!bucket.singles.empty()) count_up(bucket.singles[0]);
    if (!bucket.numbers.empty()) bucket.numbers[0]++;
    if (kernel) {
      algorithm.kernel(bucket, settings, scalars);
      runtime::bump_versions(bucket.params);
      continue;
    }
    if (scalars.lr.defined()) settings[0] = scalars.lr.item<double>();
    update(algorithm, bucket, settings, scalars);
  }
}

}  // namespace rnn::optim

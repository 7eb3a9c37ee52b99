#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/tensors.h"

namespace rnn::optim {

// The settings of one parameter group as its class in lib/optim lists them: the learning rate first, booleans as 0 or
// 1.
using Settings = std::vector<double>;

// Numbers that a kernel can take as tensors, so that nothing waits for their values. Each is undefined or has one
// element.
struct Scalars {
  // Replaces the learning rate of the settings. On CUDA, the kernel reads it, also when a captured graph is replayed.
  at::Tensor lr;
  // Gradients are divided by `grad_scale`. If `found_inf` is 1, the step is skipped.
  at::Tensor grad_scale, found_inf;
};

// Parameters that one call can update together: with the same device and dtype, and the same numbers if those are read.
struct Bucket {
  Tensors params, gradients;
  // The state, by kind of tensor; empty lists for kinds that the settings do not need.
  std::vector<Tensors> states;
  // The parts of the state that are single numbers, first the step counters.
  std::vector<Tensors> singles;
  // Their values, if the algorithm reads them: first the number of this step. An update changes the others.
  std::vector<double> numbers;
};

enum class Counters : uint8_t {
  // The counters are only incremented.
  kWritten,
  // Updates by tensor operations read their values. The kernel takes tensors on the device of the parameter.
  kReadWithoutKernel,
  // Their values are read in any case, so they are on the CPU.
  kRead,
};

// An optimizer. Each has a file, and a row in the table of step.cpp.
struct Algorithm {
  std::string_view name;
  // Updates parameters and state with separate operations, for any tensors: the formulas of torch/optim/*.py. Complex
  // tensors come as views with a real and an imaginary part.
  void (*update)(Bucket& bucket, const Settings& settings);
  Counters counters = Counters::kWritten;
  // Uses LibTorch's fused kernel, which ignores strides: all tensors are dense, with the same layout.
  void (*kernel)(const Bucket& bucket, const Settings& settings, const Scalars& scalars) = nullptr;
  // LibTorch's fused SGD on the CPU skips whole vectors in half precision
  // (https://github.com/pytorch/pytorch/issues/191763).
  bool half_precision_on_cpu = true;
  bool sparse_gradients = false;
};

extern const Algorithm kAdadelta, kAdagrad, kAdam, kAdamW, kAdamax, kAsgd, kNadam, kRadam, kRmsprop, kRprop, kSgd;

// Throws if there is none.
const Algorithm& algorithm_of(std::string_view name);

// Updates the parameters with their gradients; those without one are skipped. Each list in `states` and `singles` has
// the length of `params`, or is empty. The first list of `singles` has the step counters.
void step(const Algorithm& algorithm, const Tensors& params, const std::vector<Tensors>& states,
          const std::vector<Tensors>& singles, Settings settings, const Scalars& scalars);

// The settings as an array: `const auto [lr, rho] = read<2>(settings)`.
template <size_t count>
std::array<double, count> read(const Settings& settings) {
  TORCH_INTERNAL_ASSERT(settings.size() == count);
  std::array<double, count> array;
  std::copy_n(settings.begin(), count, array.begin());
  return array;
}

// The gradients of what is minimized: negated to maximize, and with the L2 penalty added.
Tensors descent(const Bucket& bucket, bool maximize, double weight_decay);

// Takes back the count of a step that a kernel has skipped.
void uncount(const Bucket& bucket, const Scalars& scalars);

std::optional<at::Tensor> optional(const at::Tensor& tensor);

}  // namespace rnn::optim

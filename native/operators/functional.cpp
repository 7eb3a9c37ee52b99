#include "operators/functional.h"

#include <ATen/Context.h>
#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/binary_cross_entropy.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/broadcast_tensors.h>
#include <ATen/ops/ctc_loss.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/linalg_matrix_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/smooth_l1_loss.h>
#include <ATen/ops/tensordot.h>
#include <ATen/ops/unique_dim.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>
#include <sstream>
#include <tuple>

namespace rnn::operators {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

std::string size_of(const Tensor& tensor) {
  std::ostringstream text;
  text << "torch.Size([";
  for (int64_t i = 0; i < tensor.dim(); i++) text << (i > 0 ? ", " : "") << tensor.size(i);
  text << "])";
  return text.str();
}

// As Python prints a float.
std::string text_of(double value) {
  std::ostringstream text;
  text << value;
  if (std::isfinite(value) && value == std::trunc(value) && text.str().find('e') == std::string::npos) text << ".0";
  return text.str();
}

Tensor reduce(const Tensor& loss, int64_t reduction) {
  if (reduction == at::Reduction::Mean) return loss.mean();
  return reduction == at::Reduction::Sum ? loss.sum() : loss;
}

// ATen's backward for these divides by the number of elements of one side, which is wrong if the sides differ. PyTorch
// therefore broadcasts first.
template <typename Loss>
Tensor broadcast(const char* name, const Tensor& input, const Tensor& target, Loss loss) {
  if (input.sizes() == target.sizes()) return loss(input, target);
  warn_of_broadcast(name, input, target);
  const auto both = at::broadcast_tensors({input, target});
  return loss(both[0], both[1]);
}

Tensor mse_loss(const Tensor& input, const Tensor& target, int64_t reduction) {
  return broadcast("mseLoss", input, target, [=](auto&& x, auto&& y) { return at::mse_loss(x, y, reduction); });
}

Tensor l1_loss(const Tensor& input, const Tensor& target, int64_t reduction) {
  return broadcast("l1Loss", input, target, [=](auto&& x, auto&& y) { return at::l1_loss(x, y, reduction); });
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, int64_t reduction, double beta) {
  if (beta == 0) return operators::l1_loss(input, target, reduction);
  return broadcast("smoothL1Loss", input, target,
                   [=](auto&& x, auto&& y) { return at::smooth_l1_loss(x, y, reduction, beta); });
}

Tensor huber_loss(const Tensor& input, const Tensor& target, int64_t reduction, double delta) {
  return broadcast("huberLoss", input, target,
                   [=](auto&& x, auto&& y) { return at::huber_loss(x, y, reduction, delta); });
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const OptionalTensor& weight,
                            int64_t reduction) {
  TORCH_CHECK_VALUE(target.sizes() == input.sizes(), "Using a target size (", size_of(target),
                    ") that is different to the input size (", size_of(input),
                    ") is deprecated. Please ensure they have the same size.");
  if (!weight) return at::binary_cross_entropy(input, target, weight, reduction);
  const auto size = at::infer_size(target.sizes(), weight->sizes());
  return at::binary_cross_entropy(input, target, weight->expand(size), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const OptionalTensor& weight,
                                        const OptionalTensor& pos_weight, int64_t reduction) {
  TORCH_CHECK_VALUE(target.sizes() == input.sizes(), "Target size (", size_of(target),
                    ") must be the same as input size (", size_of(input), ")");
  return at::binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction);
}

Tensor kl_div_batchmean(const Tensor& input, const Tensor& target, bool log_target) {
  const Tensor sum = at::kl_div(input, target, at::Reduction::Sum, log_target);
  return input.dim() == 0 ? sum : sum / input.size(0);
}

// The weighted forms of the elementwise losses. Their means differ: `normalize` divides by the sum of the weights.
Tensor weighted_loss(const Tensor& loss, const Tensor& weight, const Tensor& input, int64_t reduction, bool normalize) {
  TORCH_CHECK_VALUE(weight.sizes() == input.sizes(), "Weights and input must have the same size.");
  const Tensor weighted = loss * weight;
  if (normalize && reduction == at::Reduction::Mean) return weighted.sum() / weight.sum();
  return reduce(weighted, reduction);
}

// A variance for each element, for each row of the last dimension, or the same along one dimension.
bool is_variance_of(const Tensor& input, const Tensor& var) {
  if (var.dim() != input.dim()) return false;
  int64_t sum = 0;
  for (int64_t i = 0; i < input.dim(); i++) sum += input.size(i) == var.size(i) ? 0 : var.size(i);
  return sum == 1;
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, Tensor var, bool full, double eps,
                         int64_t reduction) {
  TORCH_CHECK_VALUE(!var.lt(0).any().item<bool>(), "var has negative entry/entries");
  if (var.sizes() != input.sizes()) {
    if (input.dim() > 0 && input.sizes().slice(0, input.dim() - 1) == var.sizes()) {
      var = var.unsqueeze(-1);
    } else {
      TORCH_CHECK_VALUE(is_variance_of(input, var), "var is of incorrect size");
    }
  }
  var = var.clone();
  {
    const c10::AutoGradMode no_grad(false);
    var.clamp_(eps);
  }
  Tensor loss = 0.5 * (at::log(var) + (input - target).pow(2) / var);
  if (full) loss += 0.5 * std::log(2 * std::numbers::pi);
  return reduce(loss, reduction);
}

// ATen uses target classes as indices without checking them. Beyond the length of a target, any value is allowed.
void require_classes(const Tensor& log_probs, const Tensor& targets, const Tensor& target_lengths) {
  if (log_probs.dim() == 0) return;
  const c10::AutoGradMode no_grad(false);
  Tensor wrong = targets.lt(0).logical_or(targets.ge(log_probs.size(-1)));
  if (targets.dim() == 2) {
    // ATen reports a wrong number of lengths.
    if (target_lengths.numel() != targets.size(0)) return;
    const Tensor places = at::arange(targets.size(1), targets.options().dtype(at::kLong));
    wrong = wrong.logical_and(places.lt(target_lengths.to(targets.device()).reshape({-1, 1})));
  }
  if (!wrong.any().item<bool>()) return;
  const auto target = targets.masked_select(wrong)[0].item<int64_t>();
  TORCH_CHECK_INDEX(false, "Target ", target, " is out of bounds.");
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, int64_t blank, int64_t reduction, bool zero_infinity) {
  require_classes(log_probs, targets, target_lengths);
  return at::ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity);
}

void require_batch(const Tensor& input, double eps) {
  TORCH_CHECK_INDEX(input.dim() > 0, "tuple index out of range");
  int64_t values = input.size(0);
  for (int64_t i = 2; i < input.dim(); i++) values *= input.size(i);
  TORCH_CHECK_VALUE(values != 1, "Expected more than 1 value per channel when training, got input size ",
                    size_of(input));
  TORCH_CHECK_VALUE(eps > 0, "batch_norm eps must be positive during training, but got ", text_of(eps));
}

Tensor batch_norm(const Tensor& input, const OptionalTensor& running_mean, const OptionalTensor& running_var,
                  const OptionalTensor& weight, const OptionalTensor& bias, bool training, double momentum,
                  double eps) {
  if (training) require_batch(input, eps);
  TORCH_CHECK_VALUE(eps >= 0, "batch_norm eps must be non-negative, but got ", text_of(eps));
  return at::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps,
                        at::globalContext().userEnabledCuDNN());
}

// BatchNorm1d's forward. `batches` counts the batches in the running statistics. Without `momentum` these are the
// cumulative average, which depends on the count, a value known only on the lane.
Tensor batch_norm_1d(const Tensor& input, const OptionalTensor& running_mean, const OptionalTensor& running_var,
                     const OptionalTensor& weight, const OptionalTensor& bias, const OptionalTensor& batches,
                     bool training, std::optional<double> momentum, double eps) {
  TORCH_CHECK_VALUE(input.dim() == 2 || input.dim() == 3, "expected 2D or 3D input (got ", input.dim(), "D input)");
  double factor = momentum.value_or(0);
  if (batches) {
    require_batch(input, eps);
    batches->add_(1);
    if (!momentum) factor = 1 / batches->item<double>();
  }
  return operators::batch_norm(input, running_mean, running_var, weight, bias, training, factor, eps);
}

Tensor same_size(const Tensor& input, const Tensor& target) {
  require_same_size(input, target);
  return target;
}

// For the CPU, where reading a value does not wait: jobs queued after a NaN or infinite loss are skipped.
Tensor finite_loss(const Tensor& loss) {
  if (loss.numel() != 1) return loss;
  const auto value = loss.item<double>();
  TORCH_CHECK_VALUE(std::isfinite(value), "the loss is not finite: ", value);
  return loss;
}

double normal_cdf(double x) { return (1 + std::erf(x / std::numbers::sqrt2)) / 2; }

double rounded_to(c10::ScalarType type, double value) {
  return at::full({}, value, at::TensorOptions(type)).item<double>();
}

// By rejection sampling, drawing in the same order as PyTorch 2.13, so that the same seed gives the same numbers.
Tensor trunc_normal_(const Tensor& self, double mean, double std, double a, double b,
                     const std::optional<at::Generator>& generator) {
  const c10::AutoGradMode no_grad(false);
  if (normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std) > 0.3) {
    const double low = rounded_to(self.scalar_type(), a), high = rounded_to(self.scalar_type(), b);
    Tensor result = self.normal_(mean, std, generator);
    for (;;) {
      const Tensor outside = result.lt(low).logical_or_(result.gt(high));
      if (!outside.any().item<bool>()) break;
      result = at::where(outside, at::empty_like(result).normal_(mean, std, generator), result);
    }
    if (!result.is_same(self)) self.copy_(result);
    return self;
  }
  // So little of the normal distribution lies within the bounds that uniform candidates are rejected less often.
  const double mode = std::max(a, std::min(mean, b));
  const double log_peak = -0.5 * std::pow((mode - mean) / std, 2);
  const Tensor drawn = at::empty_like(self), chance = at::empty_like(self);
  const auto refused = [&] {
    drawn.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(log_peak);
    return chance.uniform_(0, 1, generator).log_().gt(drawn);
  };
  self.uniform_(a, b, generator);
  drawn.copy_(self);
  Tensor pending = refused();
  if (!pending.any().item<bool>()) return self;
  Tensor result = self;
  do {
    drawn.uniform_(a, b, generator);
    result = at::where(pending, drawn, result);
    pending = pending.logical_and(refused());
  } while (pending.any().item<bool>());
  return self.copy_(result);
}

// torch.norm: of the flattened tensor, or along dimensions.
Tensor norm(const Tensor& self, const std::optional<at::Scalar>& p, at::OptionalIntArrayRef dim, bool keepdim,
            std::optional<at::ScalarType> dtype) {
  return at::linalg_vector_norm(self, p.value_or(2), dim, keepdim, dtype);
}

// 'fro' is the 2-norm over any one or two dimensions; other norms are matrix norms.
Tensor norm_of_matrix(const Tensor& self, std::string_view p, at::OptionalIntArrayRef dim, bool keepdim,
                      std::optional<at::ScalarType> dtype) {
  if (p == "fro" && (!dim || dim->size() <= 2)) return at::linalg_vector_norm(self, 2, dim, keepdim, dtype);
  std::vector<int64_t> dims(static_cast<size_t>(self.dim()));
  std::iota(dims.begin(), dims.end(), 0);
  return at::linalg_matrix_norm(self, p, dim ? *dim : at::IntArrayRef(dims), keepdim, dtype);
}

// Contracts the last `dims` dimensions of one with the first `dims` of the other.
Tensor tensordot(const Tensor& self, const Tensor& other, int64_t dims) {
  TORCH_CHECK_VALUE(dims >= 0, "tensordot expects dims >= 0, but got dims=", dims);
  TORCH_CHECK_VALUE(dims <= std::min(self.dim(), other.dim()),
                    "tensordot expects dims < ndim_a or ndim_b, but got dims=", dims);
  std::vector<int64_t> last(static_cast<size_t>(dims)), first(static_cast<size_t>(dims));
  std::iota(last.begin(), last.end(), -dims);
  std::iota(first.begin(), first.end(), 0);
  return at::tensordot(self, other, last, first);
}

Tensor tensordot_of(const Tensor& self, const Tensor& other, const c10::List<c10::List<int64_t>>& dims) {
  TORCH_CHECK_VALUE(dims.size() == 2, "tensordot expects two lists of dims, but got ", dims.size());
  return at::tensordot(self, other, dims.get(0).vec(), dims.get(1).vec());
}

// Of all elements, or of the slices along a dimension. Results that were not requested are empty.
std::tuple<Tensor, Tensor, Tensor> unique(const Tensor& self, bool sorted, bool return_inverse, bool return_counts,
                                          std::optional<int64_t> dim) {
  auto [values, inverse, counts] = dim ? at::unique_dim(self, *dim, sorted, return_inverse, return_counts)
                                       : at::_unique2(self, sorted, return_inverse, return_counts);
  if (!return_inverse) inverse = inverse.new_empty({0});
  if (!return_counts) counts = counts.new_empty({0});
  return {values, inverse, counts};
}

// Moves a batch to the device as PyTorch's training loops do: through pinned memory, from which the GPU copies while
// this thread continues. Memory that is already pinned, or a tensor already on the device, is used as it is.
Tensor to_device(const Tensor& self, at::Device device) {
  if (!device.is_cuda() || !self.device().is_cpu() || self.requires_grad()) return self.to(device);
  return self.pin_memory().to(device, self.scalar_type(), /*non_blocking=*/true);
}

}  // namespace

void warn_of_broadcast(const char* name, const Tensor& input, const Tensor& target) {
  TORCH_WARN(name, ": Using a target size (", size_of(target), ") that is different to the input size (",
             size_of(input),
             "). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same "
             "size.");
}

void require_same_size(const Tensor& input, const Tensor& target) {
  TORCH_CHECK_VALUE(target.sizes() == input.sizes(), "Using a target size (", size_of(target),
                    ") that is different to the input size (", size_of(input), ")");
}

void register_functional() {
  // Another copy of the package in this process may have registered them already.
  static const bool registered =
      c10::Dispatcher::singleton().findSchema({"libtorch_rnn::gaussian_nll_loss", ""}).has_value();
  if (registered) return;
  static const torch::Library library = [] {
    torch::Library made(torch::Library::FRAGMENT, "libtorch_rnn", std::nullopt, __FILE__, __LINE__);
    made.def("mse_loss(Tensor input, Tensor target, int reduction=1) -> Tensor", mse_loss);
    made.def("l1_loss(Tensor input, Tensor target, int reduction=1) -> Tensor", l1_loss);
    made.def("smooth_l1_loss(Tensor input, Tensor target, int reduction=1, float beta=1.0) -> Tensor", smooth_l1_loss);
    made.def("huber_loss(Tensor input, Tensor target, int reduction=1, float delta=1.0) -> Tensor", huber_loss);
    made.def("binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
             binary_cross_entropy);
    made.def(
        "binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
        "int reduction=1) -> Tensor",
        binary_cross_entropy_with_logits);
    made.def("kl_div_batchmean(Tensor input, Tensor target, bool log_target=False) -> Tensor", kl_div_batchmean);
    made.def("weighted_loss(Tensor loss, Tensor weight, Tensor input, int reduction, bool normalize) -> Tensor",
             weighted_loss);
    made.def(
        "gaussian_nll_loss(Tensor input, Tensor target, Tensor var, bool full=False, float eps=1e-6, int reduction=1) "
        "-> Tensor",
        gaussian_nll_loss);
    made.def(
        "ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, "
        "int reduction=1, bool zero_infinity=False) -> Tensor",
        ctc_loss);
    made.def(
        "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, "
        "bool training=False, float momentum=0.1, float eps=1e-5) -> Tensor",
        batch_norm);
    made.def(
        "batch_norm_1d(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight, Tensor? bias, "
        "Tensor? batches, bool training, float? momentum, float eps) -> Tensor",
        batch_norm_1d);
    made.def(
        "norm(Tensor self, Scalar? p=None, int[1]? dim=None, bool keepdim=False, ScalarType? dtype=None) -> Tensor",
        norm);
    made.def("norm.str(Tensor self, str p, int[1]? dim=None, bool keepdim=False, ScalarType? dtype=None) -> Tensor",
             norm_of_matrix);
    made.def("tensordot.int(Tensor self, Tensor other, int dims=2) -> Tensor", tensordot);
    made.def("tensordot.lists(Tensor self, Tensor other, int[][] dims) -> Tensor", tensordot_of);
    made.def(
        "unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) "
        "-> (Tensor, Tensor, Tensor)",
        unique);
    made.def("same_size(Tensor input, Tensor(a) target) -> Tensor(a)", same_size);
    made.def("finite_loss(Tensor(a) loss) -> Tensor(a)", finite_loss);
    made.def("to_device(Tensor(a) self, Device device) -> Tensor(a)", to_device);
    made.def(
        "trunc_normal_(Tensor(a!) self, float mean, float std, float a, float b, *, Generator? generator=None) "
        "-> Tensor(a!)",
        trunc_normal_);
    return made;
  }();
}

}  // namespace rnn::operators

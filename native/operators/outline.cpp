#include "operators/outline.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/ops/sum.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace rnn::operators {
namespace {

using at::Tensor;
using Stack = std::vector<c10::IValue>;

Tensor meta(at::IntArrayRef sizes, at::ScalarType dtype) {
  return {at::detail::empty_meta(sizes, dtype, std::nullopt)};
}

// A tensor like the first argument.
Tensor same(const Stack& stack) { return stack.at(0).toTensor(); }

// The same, for arguments whose dtype the result has.
Tensor real(const Stack& stack) {
  const Tensor& self = stack.at(0).toTensor();
  return self.is_complex() ? Tensor() : self;
}

Tensor floating(const Stack& stack) {
  const Tensor& self = stack.at(0).toTensor();
  return self.is_floating_point() ? self : Tensor();
}

Tensor boolean(const Stack& stack) { return meta(stack.at(0).toTensor().sizes(), at::kBool); }

Tensor boolean_of_both(const Stack& stack) {
  return meta(at::infer_size(stack.at(0).toTensor().sizes(), stack.at(1).toTensor().sizes()), at::kBool);
}

// One element.
Tensor single(const Stack& stack) { return meta({}, stack.at(0).toTensor().scalar_type()); }

// index_select(self, dim, index)
Tensor selected(const Stack& stack) {
  const Tensor &self = stack.at(0).toTensor(), &index = stack.at(2).toTensor();
  TORCH_CHECK(index.dim() <= 1);
  std::vector<int64_t> sizes = self.sizes().vec();
  if (!sizes.empty())
    sizes.at(static_cast<size_t>(at::maybe_wrap_dim(stack.at(1).toInt(), self.dim()))) = index.numel();
  return meta(sizes, self.scalar_type());
}

// (self, dim, keepdim)
Tensor reduced(const Stack& stack) {
  const Tensor& self = stack.at(0).toTensor();
  if (!self.is_floating_point()) return {};
  return at::sum(self, stack.at(1).toDimVector(), stack.at(2).toBool());
}

// (self, dim, correction or unbiased, keepdim), where dim may be missing
Tensor reduced_with_correction(const Stack& stack) {
  const Tensor& self = stack.at(0).toTensor();
  if (!self.is_floating_point()) return {};
  at::OptionalIntArrayRef dims;
  c10::DimVector given;
  if (!stack.at(1).isNone()) {
    given = stack[1].toDimVector();
    dims = at::IntArrayRef(given);
  }
  return at::sum(self, dims, stack.at(3).toBool());
}

// By the names of operators and their overloads, without `aten::`.
constexpr std::array<std::pair<std::string_view, Outline>, 35> kOutlines = {{
    {"relu", same},
    {"selu", same},
    {"celu", same},
    {"dropout", same},
    {"feature_dropout", same},
    {"alpha_dropout", same},
    {"feature_alpha_dropout", same},
    {"batch_norm", same},
    {"layer_norm", same},
    {"group_norm", same},
    {"instance_norm", same},
    {"nan_to_num", same},
    {"roll", same},
    {"fliplr", same},
    {"flipud", same},
    {"abs", real},
    {"absolute", real},
    {"logit", floating},
    {"logcumsumexp", floating},
    {"isfinite", boolean},
    {"isinf", boolean},
    {"isnan", boolean},
    {"logical_not", boolean},
    {"logical_and", boolean_of_both},
    {"logical_or", boolean_of_both},
    {"logical_xor", boolean_of_both},
    {"isclose", boolean_of_both},
    {"max", single},
    {"min", single},
    {"index_select", selected},
    {"logsumexp", reduced},
    {"std.correction", reduced_with_correction},
    {"std.dim", reduced_with_correction},
    {"var.correction", reduced_with_correction},
    {"var.dim", reduced_with_correction},
}};

}  // namespace

Outline outline_of(const c10::OperatorHandle& handle) {
  constexpr std::string_view kNamespace = "aten::";
  const c10::OperatorName& name = handle.operator_name();
  if (!name.name.starts_with(kNamespace)) return nullptr;
  const std::string own = name.name.substr(kNamespace.size());
  const std::string full = name.overload_name.empty() ? own : own + "." + name.overload_name;
  const auto* found = std::ranges::find_if(kOutlines, [&](const auto& entry) { return full == entry.first; });
  return found == kOutlines.end() ? nullptr : found->second;
}

}  // namespace rnn::operators

#include "binding/packed.h"

#include <ATen/ops/_pack_padded_sequence.h>
#include <ATen/ops/_pad_packed_sequence.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/pad_sequence.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/promise_list.h"
#include "operators/check.h"
#include "runtime/tensors.h"

namespace rnn::binding {

// LibTorch assumes that batch sizes are contiguous.
Packing::Packing(const Tensors& tensors) : batch_sizes(tensors.at(0).contiguous()) {
  if (tensors.size() == 1) return;
  sorted_indices = tensors.at(1);
  unsorted_indices = tensors.at(2);
}

void Packing::check(const at::Tensor& data) const {
  operators::check_batch_sizes(batch_sizes, data);
  for (const at::Tensor& indices : {sorted_indices, unsorted_indices}) {
    if (!indices.defined()) continue;
    TORCH_CHECK_VALUE(indices.dim() == 1 && indices.numel() == batch(),
                      "the indices of a packed sequence should be a permutation of its ", batch(),
                      " sequences, but got a tensor of the shape ", indices.sizes());
  }
}

namespace {

at::Tensor invert(const at::Tensor& permutation) {
  const at::Tensor inverse = at::empty_like(permutation, at::MemoryFormat::Contiguous);
  return inverse.scatter_(0, permutation, at::arange(permutation.numel(), permutation.options()));
}

// If a length exceeds the input, LibTorch packs only the existing steps but records more, and the result is unusable.
void check_longest(const at::Tensor& input, const at::Tensor& lengths, bool batch_first) {
  if (input.dim() < 2 || input.numel() == 0 || lengths.dim() != 1 || lengths.numel() == 0) return;
  const int64_t steps = input.size(batch_first ? 1 : 0);
  const int64_t longest = lengths.max().item<int64_t>();
  TORCH_CHECK_VALUE(longest <= steps, "Expected no length to exceed that of the input, but got ", longest,
                    " (input length=", steps, ")");
}

// The algorithm of torch/nn/utils/rnn.py: returns data and batch sizes, and the sorting indices unless the input was
// sorted.
Tensors pack(at::Tensor input, at::Tensor lengths, bool batch_first, bool enforce_sorted) {
  lengths = lengths.to(at::kLong);
  TORCH_CHECK(lengths.is_cpu(), "'lengths' argument should be a 1D CPU int64 tensor, but got ", lengths.dim(), "D ",
              lengths.device().str(), " ", c10::toString(lengths.scalar_type()), " tensor");
  at::Tensor sorted_indices;
  if (!enforce_sorted) {
    std::tie(lengths, sorted_indices) = at::sort(lengths, -1, true);
    sorted_indices = sorted_indices.to(input.device());
    input = input.index_select(batch_first ? 0 : 1, sorted_indices);
  }
  check_longest(input, lengths, batch_first);
  const auto [data, batch_sizes] = at::_pack_padded_sequence(input, lengths, batch_first);
  if (enforce_sorted) return {data, batch_sizes};
  return {data, batch_sizes, sorted_indices, invert(sorted_indices)};
}

// LibTorch pads by writing a slice for each length, and the gradient of each slice is as large as the whole tensor:
// with many lengths, that took longer than the network. The gradient of padding is packing.
class PadPackedSequence : public torch::autograd::Function<PadPackedSequence> {
 public:
  static Tensors forward(torch::autograd::AutogradContext* context, const at::Tensor& data,
                         const at::Tensor& batch_sizes, bool batch_first, double padding_value, int64_t length) {
    const auto [padded, lengths] = at::_pad_packed_sequence(data, batch_sizes, batch_first, padding_value, length);
    context->mark_non_differentiable({lengths});
    context->saved_data["lengths"] = lengths;
    context->saved_data["longest"] = batch_sizes.numel();
    context->saved_data["batch_first"] = batch_first;
    return {padded, lengths};
  }

  static Tensors backward(torch::autograd::AutogradContext* context, const Tensors& gradients) {
    const bool batch_first = context->saved_data["batch_first"].toBool();
    const at::Tensor steps = gradients[0].narrow(batch_first ? 1 : 0, 0, context->saved_data["longest"].toInt());
    const at::Tensor lengths = context->saved_data["lengths"].toTensor();
    return {std::get<0>(at::_pack_padded_sequence(steps, lengths, batch_first)), {}, {}, {}, {}};
  }
};

Tensors pad(const at::Tensor& data, const Packing& packing, bool batch_first, double padding_value,
            std::optional<int64_t> total_length) {
  packing.check(data);
  const int64_t longest = packing.batch_sizes.size(0);
  const int64_t length = total_length.value_or(longest);
  TORCH_CHECK_VALUE(length >= longest,
                    "Expected total_length to be at least the length of the longest sequence in input, but got "
                    "total_length=",
                    length, " and max sequence length being ", longest);
  const Tensors results = PadPackedSequence::apply(data, packing.batch_sizes, batch_first, padding_value, length);
  const at::Tensor &padded = results[0], &lengths = results[1];
  const at::Tensor& indices = packing.unsorted_indices;
  if (!indices.defined()) return {padded, lengths};
  return {padded.index_select(batch_first ? 0 : 1, indices), lengths.index_select(0, indices.to(at::kCPU))};
}

Napi::Value ids_to_javascript(Napi::Env env, const std::vector<Handles::Id>& ids) {
  Napi::Array array = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) array.Set(i, ids[i]);
  return array;
}

// packPaddedSequence(input, [lengths] or { tensor }, batchFirst, enforceSorted) -> data, batch sizes and, unless the
// sequences are already sorted, the sorted and unsorted indices
Napi::Value pack_padded_sequence(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const TensorPromisePtr input = addon.promise(info[0]);
  const bool batch_first = info[2].ToBoolean();
  const bool enforce_sorted = info[3].ToBoolean();
  TensorPromisePtr lengths;
  std::vector<int64_t> list;
  if (info[1].IsArray()) {
    list = to_ints(info[1], "lengths");
  } else {
    lengths = addon.promise(info[1].ToObject().Get("tensor"));
  }
  Effects effects = Effects::reading(input);
  if (lengths) effects.reads.push_back(lengths);
  const auto ids = addon.dispatch(effects, enforce_sorted ? 2 : 4, [=] {
    const at::Tensor counts = lengths ? lengths->get() : at::tensor(list, at::kLong);
    return pack(input->get(), counts, batch_first, enforce_sorted);
  });
  addon.account(env);
  return ids_to_javascript(env, ids);
}

// packSequence(sequences, enforceSorted): as above
Napi::Value pack_sequence(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const PromiseList sequences(addon, info[0]);
  const bool enforce_sorted = info[1].ToBoolean();
  const auto ids = addon.dispatch({.reads = joined(sequences)}, enforce_sorted ? 2 : 4, [=] {
    const Tensors list = sequences.get();
    std::vector<int64_t> lengths;
    lengths.reserve(list.size());
    for (const at::Tensor& sequence : list) lengths.push_back(sequence.size(0));
    return pack(at::pad_sequence(list), at::tensor(lengths, at::kLong), false, enforce_sorted);
  });
  addon.account(env);
  return ids_to_javascript(env, ids);
}

// padPackedSequence(data, packing, batchFirst, paddingValue, total length or null) -> padded sequences, lengths
Napi::Value pad_packed_sequence(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const TensorPromisePtr data = addon.promise(info[0]);
  const PromiseList packing(addon, info[1]);
  const bool batch_first = info[2].ToBoolean();
  const double padding_value = info[3].ToNumber();
  const auto total_length = info[4].IsNull() ? std::nullopt : std::optional(to_int(info[4], "totalLength"));
  Effects effects{.reads = joined(packing)};
  effects.reads.push_back(data);
  const auto ids = addon.dispatch(
      effects, 2, [=] { return pad(data->get(), Packing(packing.get()), batch_first, padding_value, total_length); });
  addon.account(env);
  return ids_to_javascript(env, ids);
}

// invertPermutation(permutation)
Napi::Value invert_permutation(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr permutation = addon.promise(info[0]);
  const auto ids =
      addon.dispatch(Effects::reading(permutation), 1, [permutation] { return Tensors{invert(permutation->get())}; });
  return Napi::Number::New(info.Env(), ids[0]);
}

}  // namespace

void init_packed(Napi::Object exports) {
  define<pack_padded_sequence>(exports, "packPaddedSequence");
  define<pack_sequence>(exports, "packSequence");
  define<pad_packed_sequence>(exports, "padPackedSequence");
  define<invert_permutation>(exports, "invertPermutation");
}

}  // namespace rnn::binding

#include "binding/recurrent.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/_cudnn_rnn_flatten_weight.h>
#include <ATen/ops/cudnn_is_acceptable.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "binding/addon.h"
#include "binding/packed.h"

namespace rnn::binding {
namespace {

CellKind cell_of(const std::string& name) {
  if (name == "LSTM") return CellKind::kLstm;
  if (name == "GRU") return CellKind::kGru;
  return name == "RNN_RELU" ? CellKind::kRnnRelu : CellKind::kRnnTanh;
}

std::string python_list(at::IntArrayRef sizes, char open, char close) {
  std::ostringstream text;
  text << open;
  for (size_t i = 0; i < sizes.size(); i++) text << (i > 0 ? ", " : "") << sizes[i];
  text << close;
  return text.str();
}

std::string python_dtype(const at::Tensor& tensor) {
  std::string name = c10::toString(tensor.scalar_type());
  if (name == "Float") return "torch.float32";
  if (name == "Double") return "torch.float64";
  if (name == "Half") return "torch.float16";
  if (name == "Long") return "torch.int64";
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  return "torch." + name;
}

// The checks of torch/nn/modules/rnn.py, in its order and its words. They are made here and not in TypeScript because
// the shape of a queued tensor is known only when the call runs.
void check_rank(const Shape& shape, const at::Tensor& input, const Tensors& state) {
  const int64_t rank = input.dim();
  const bool rnn = shape.cell == CellKind::kRnnTanh || shape.cell == CellKind::kRnnRelu;
  const char* name = shape.lstm() ? "LSTM" : rnn ? "RNN" : "GRU";
  TORCH_CHECK_VALUE(rank == 2 || rank == 3, name, ": Expected input to be 2D or 3D, got ", rank, "D ",
                    rnn ? "tensor instead" : "instead");
  if (state.empty()) return;
  const char* kind = rank == 3 ? "batched 3-D" : "unbatched 2-D";
  if (shape.lstm()) {
    TORCH_CHECK(state[0].dim() == rank && state[1].dim() == rank, "For ", kind, " input, hx and cx should also be ",
                rank, "-D but got (", state[0].dim(), "-D, ", state[1].dim(), "-D) tensors");
  } else {
    TORCH_CHECK(state[0].dim() == rank, "For ", kind, " input, hx should also be ", rank, "-D but got ", state[0].dim(),
                "-D tensor");
  }
}

bool autocast_enabled() {
  return at::autocast::is_autocast_enabled(at::kCPU) || at::autocast::is_autocast_enabled(at::kCUDA);
}

void check_input(const Shape& shape, const at::Tensor& input, const at::Tensor& weight, int64_t rank) {
  TORCH_CHECK_VALUE(input.scalar_type() == weight.scalar_type() || autocast_enabled(), "RNN input dtype (",
                    python_dtype(input), ") does not match weight dtype (", python_dtype(weight),
                    "). Convert input: input.to(", python_dtype(weight), "), or convert model: model.to(",
                    python_dtype(input), ")");
  TORCH_CHECK(input.dim() == rank, "input must have ", rank, " dimensions, got ", input.dim());
  TORCH_CHECK(input.size(-1) == shape.inputs, "input.size(-1) must be equal to input_size. Expected ", shape.inputs,
              ", got ", input.size(-1));
}

// Of dtypes and devices PyTorch says this on CUDA only. Elsewhere it leaves them to whatever kernel meets them first.
void check_state(const Shape& shape, const at::Tensor& input, const Tensors& state, int64_t batch) {
  for (const at::Tensor& tensor : state) {
    TORCH_CHECK(tensor.device() == input.device(),
                "Input and hidden tensors are not at the same device, found input tensor at ", input.device(),
                " and hidden tensor at ", tensor.device());
    TORCH_CHECK(tensor.scalar_type() == input.scalar_type() || autocast_enabled(),
                "Input and hidden tensors are not the same dtype, found input tensor with ", input.scalar_type(),
                " and hidden tensor with ", tensor.scalar_type());
  }
  for (size_t i = 0; i < state.size(); i++) {
    const auto expected = shape.state_size(batch, i);
    const std::string which = shape.lstm() ? "[" + std::to_string(i) + "]" : "";
    TORCH_CHECK(state[i].sizes() == at::IntArrayRef(expected), "Expected hidden", which, " size ",
                python_list(expected, '(', ')'), ", got ", python_list(state[i].sizes(), '[', ']'));
  }
}

void fill_state(const Shape& shape, const at::Tensor& input, Tensors& state, int64_t batch) {
  for (size_t i = 0; state.size() < (shape.lstm() ? 2 : 1); i++) {
    state.push_back(at::zeros(shape.state_size(batch, i), input.options()));
  }
}

Call make_call(const Shape& shape, at::Tensor input, Tensors state, const Tensors& weights, at::Tensor batch_sizes) {
  Call call{.arguments = {.network = shape,
                          .batch_first = shape.batch_first,
                          .input = std::move(input),
                          .state = std::move(state),
                          .weights = weights,
                          .batch_sizes = std::move(batch_sizes)},
            .reason = "the module's option says backend: 'libtorch'"};
  if (shape.prefers_libtorch) return call;
  const bool autocast = call.arguments.input.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU);
  call.reason = autocast ? "autocast is on for the CPU" : why_not_fused(call.arguments);
  return call;
}

// What `compute` makes of the call gets the form of the input again.
Tensors run(const Shape& shape, at::Tensor input, Tensors state, const Tensors& weights, const Compute& compute) {
  check_rank(shape, input, state);
  const bool batched = input.dim() == 3;
  const int64_t batch_dim = shape.batch_first ? 0 : 1;
  if (!batched) {
    input = input.unsqueeze(batch_dim);
    for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(1);
  }
  const int64_t batch = input.size(batch_dim);
  check_input(shape, input, weights.at(0), 3);
  fill_state(shape, input, state, batch);
  check_state(shape, input, state, batch);
  Tensors results = compute(make_call(shape, input, state, weights, {}));
  if (!batched && !results.empty()) {
    results[0] = results[0].squeeze(batch_dim);
    for (size_t i = 1; i < results.size(); i++) results[i] = results[i].squeeze(1);
  }
  return results;
}

// States come and go in the order that the sequences had before they were sorted.
Tensors run_packed(const Shape& shape, const at::Tensor& data, Tensors state, const Tensors& weights,
                   const Packing& packing, const Compute& compute) {
  check_input(shape, data, weights.at(0), 2);
  packing.check(data);
  const int64_t batch = packing.batch();
  // PyTorch permutes before it looks, and LSTM does not look: a state for more sequences is cut without a word.
  check_state(shape, data, state, batch);
  const auto permute = [](const at::Tensor& tensor, const at::Tensor& indices) {
    return indices.defined() ? tensor.index_select(1, indices) : tensor;
  };
  for (at::Tensor& tensor : state) tensor = permute(tensor, packing.sorted_indices);
  fill_state(shape, data, state, batch);
  Tensors results = compute(make_call(shape, data, state, weights, packing.batch_sizes));
  for (size_t i = 1; i < results.size(); i++) results[i] = permute(results[i], packing.unsorted_indices);
  return results;
}

}  // namespace

Shape::Shape(const std::string& name, Napi::Object object)
    : Network{.cell = cell_of(name),
              .inputs = object.Get("inputSize").ToNumber(),
              .units = object.Get("hiddenSize").ToNumber(),
              .projection = object.Get("projSize").ToNumber(),
              .layers = object.Get("numLayers").ToNumber(),
              .dropout = object.Get("dropout").ToNumber(),
              .bias = object.Get("bias").ToBoolean(),
              .bidirectional = object.Get("bidirectional").ToBoolean(),
              .train = object.Get("training").ToBoolean()},
      batch_first(object.Get("batchFirst").ToBoolean()),
      prefers_libtorch(object.Get("backend").ToString().Utf8Value() == "libtorch") {}

RecurrentArguments::RecurrentArguments(const Addon& addon, const Napi::CallbackInfo& info, size_t first)
    : shape(info[first].ToString(), info[first + 1].ToObject()),
      input(addon, info[first + 2]),
      state(addon, info[first + 3]),
      weights(addon, info[first + 4]),
      packing(addon, info[first + 5]) {}

Tensors RecurrentArguments::run(const Compute& compute) const {
  if (packing.size() == 0) return binding::run(shape, input.get().at(0), state.get(), weights.get(), compute);
  const Tensors tensors = packing.get();
  Tensors results = run_packed(shape, input.get().at(0), state.get(), weights.get(), Packing(tensors), compute);
  results.insert(results.end(), tensors.begin(), tensors.end());
  return results;
}

namespace {

// recurrentPlan() -> a plan for `recurrent`
Napi::Value recurrent_plan(const Napi::CallbackInfo& info) {
  auto plan = std::make_unique<std::shared_ptr<Plan>>(std::make_shared<Plan>());
  return PlanHandle::New(info.Env(), plan.release(), [](Napi::Env, std::shared_ptr<Plan>* collected) {
    const std::unique_ptr<std::shared_ptr<Plan>> owner(collected);
  });
}

// recurrent(plan, 'RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU', shape, input, state or [], weights, packing or []) ->
// output, final states, and the packing again, as tensors that the packed output can own
Napi::Value recurrent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const std::shared_ptr<Plan> plan = *info[0].As<PlanHandle>().Data();
  const RecurrentArguments arguments(addon, info, 1);
  const auto ids = addon.dispatch((arguments.shape.lstm() ? 3 : 2) + arguments.packing.size(),
                                  [arguments, plan, kernels = addon.kernels, pool = addon.pool] {
                                    return arguments.run([&](const Call& call) {
                                      return call.reason.empty() ? run_fused(call.arguments, plan, *kernels, pool)
                                                                 : run_libtorch(call.arguments);
                                    });
                                  });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

// explainRecurrent: the same arguments -> why LibTorch's implementation would make the call, or '' where it would not
Napi::Value explain_recurrent(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.recording) throw PendingError("offload() cannot tell of a call before it is made");
  const RecurrentArguments arguments(addon, info, 1);
  std::string reason;
  addon.run([&] {
    return arguments.run([&](const Call& call) {
      reason = call.reason;
      return Tensors{};
    });
  });
  return Napi::String::New(info.Env(), reason);
}

// instructionSets() -> the names of those that the recurrent kernels can use here, best first
Napi::Value instruction_sets(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const Kernels* kernels : available_kernels()) names.Set(names.Length(), kernels->name);
  return names;
}

// instructionSet(name?) -> the name of the one in use, after setting it if one is given
Napi::Value instruction_set(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (!info[0].IsUndefined()) {
    const std::string name = info[0].ToString();
    const auto all = available_kernels();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Kernels* k) { return k->name == name; });
    TORCH_CHECK_VALUE(found != all.end(), "this processor has no instruction set '", name, "'");
    addon.kernels = *found;
  }
  return Napi::String::New(info.Env(), addon.kernels->name);
}

// Whether cuDNN has recurrent networks for weights of this kind. LibTorch's own question leaves out bfloat16.
bool is_acceptable(const at::Tensor& weight) {
  const auto has_bfloat16 = [](const auto& hooks) {
    if constexpr (requires { hooks.supportsBFloat16RNNWithCuDNN(); }) return hooks.supportsBFloat16RNNWithCuDNN();
    return false;
  };
  if (weight.scalar_type() != at::kBFloat16) return at::cudnn_is_acceptable(weight);
  const auto& hooks = at::detail::getCUDAHooks();
  return weight.is_cuda() && weight.numel() > 0 && at::globalContext().userEnabledCuDNN() &&
         hooks.compiledWithCuDNN() && has_bfloat16(hooks);
}

// The conditions of RNNBase.flatten_parameters: what cuDNN takes, and no parameter that is another one as well. Those
// that lie in one storage have been flattened already.
bool can_flatten(const Tensors& weights) {
  std::set<const void*> places;
  for (const at::Tensor& weight : weights) {
    if (!is_acceptable(weight) || weight.scalar_type() != weights[0].scalar_type()) return false;
    if (weight.device() != weights[0].device() || !places.insert(weight.const_data_ptr()).second) return false;
  }
  return std::any_of(weights.begin(), weights.end(),
                     [&](const at::Tensor& weight) { return !weight.is_alias_of(weights[0]); });
}

// flattenParameters(recurrence, shape, weights): moves them into the one block of memory that cuDNN wants, without
// which it copies them at every call. Elsewhere than on a CUDA device it does nothing.
Napi::Value flatten_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Shape shape(info[0].ToString(), info[1].ToObject());
  const Cells cells(addon, info[2]);
  const auto ids = info[2].As<Napi::Uint32Array>();
  addon.dispatch(0, [=] {
    const Tensors weights = cells.get();
    if (!can_flatten(weights)) return Tensors{};
    const c10::AutoGradMode no_grad(false);
    const c10::DeviceGuard guard(weights[0].device());
    const int64_t per_layer = (shape.bias ? 4 : 2) + (shape.projection > 0 ? 1 : 0);
    // cuDNN's numbers of the recurrences: relu 0, tanh 1, LSTM 2, GRU 3.
    const int64_t mode = shape.lstm() ? 2 : shape.cell == CellKind::kGru ? 3 : shape.cell == CellKind::kRnnRelu ? 0 : 1;
    at::_cudnn_rnn_flatten_weight(weights, per_layer, shape.inputs, mode, shape.units, shape.projection, shape.layers,
                                  shape.batch_first, shape.bidirectional);
    return Tensors{};
  });
  for (size_t i = 0; !addon.recording && i < ids.ElementLength(); i++) addon.handles->recount(ids[i]);
  addon.account(env);
  return env.Undefined();
}

}  // namespace

void init_recurrent(Napi::Object exports) {
  define<recurrent>(exports, "recurrent");
  define<recurrent_plan>(exports, "recurrentPlan");
  define<explain_recurrent>(exports, "explainRecurrent");
  define<flatten_parameters>(exports, "flattenParameters");
  define<instruction_sets>(exports, "instructionSets");
  define<instruction_set>(exports, "instructionSet");
}

}  // namespace rnn::binding

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
#include "binding/convert.h"
#include "binding/packed.h"

namespace rnn::binding {
namespace {

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

// The checks of torch/nn/modules/rnn.py, in the same order and with the same messages. They are done here rather than
// in TypeScript because the shape of a queued tensor is known only when the call runs.
void check_rank(const Network& net, const at::Tensor& input, const Tensors& state) {
  const int64_t rank = input.dim();
  const std::string_view name = net.recurrence->module;
  TORCH_CHECK_VALUE(rank == 2 || rank == 3, name, ": Expected input to be 2D or 3D, got ", rank, "D ",
                    name == "RNN" ? "tensor instead" : "instead");
  if (state.empty()) return;
  const char* kind = rank == 3 ? "batched 3-D" : "unbatched 2-D";
  if (net.states() > 1) {
    TORCH_CHECK(state[0].dim() == rank && state[1].dim() == rank, "For ", kind, " input, hx and cx should also be ",
                rank, "-D but got (", state[0].dim(), "-D, ", state[1].dim(), "-D) tensors");
  } else {
    TORCH_CHECK(state[0].dim() == rank, "For ", kind, " input, hx should also be ", rank, "-D but got ", state[0].dim(),
                "-D tensor");
  }
}

bool autocast_enabled() {
  return std::any_of(kDeviceTypes.begin(), kDeviceTypes.end(),
                     [](at::DeviceType type) { return at::autocast::is_autocast_enabled(type); });
}

void check_input(const Network& net, const at::Tensor& input, const at::Tensor& weight, int64_t rank) {
  TORCH_CHECK_VALUE(input.scalar_type() == weight.scalar_type() || autocast_enabled(), "RNN input dtype (",
                    python_dtype(input), ") does not match weight dtype (", python_dtype(weight),
                    "). Convert input: input.to(", python_dtype(weight), "), or convert model: model.to(",
                    python_dtype(input), ")");
  TORCH_CHECK(input.dim() == rank, "input must have ", rank, " dimensions, got ", input.dim());
  TORCH_CHECK(input.size(-1) == net.inputs, net.recurrence->module,
              ": input.size(-1) must be equal to input_size. Expected ", net.inputs, ", got ", input.size(-1));
}

// PyTorch checks dtypes and devices this way only on CUDA. Elsewhere, the first kernel that gets the tensors fails.
void check_state(const RecurrentModule& module, const at::Tensor& input, const Tensors& state, int64_t batch) {
  for (const at::Tensor& tensor : state) {
    TORCH_CHECK(tensor.device() == input.device(),
                "Input and hidden tensors are not at the same device, found input tensor at ", input.device(),
                " and hidden tensor at ", tensor.device());
    TORCH_CHECK(tensor.scalar_type() == input.scalar_type() || autocast_enabled(),
                "Input and hidden tensors are not the same dtype, found input tensor with ", input.scalar_type(),
                " and hidden tensor with ", tensor.scalar_type());
  }
  for (size_t i = 0; i < state.size(); i++) {
    const auto expected = module.state_size(batch, i);
    const std::string which = module.network.states() > 1 ? "[" + std::to_string(i) + "]" : "";
    TORCH_CHECK(state[i].sizes() == at::IntArrayRef(expected), "Expected hidden", which, " size ",
                python_list(expected, '(', ')'), ", got ", python_list(state[i].sizes(), '[', ']'));
  }
}

void fill_state(const RecurrentModule& module, const at::Tensor& input, Tensors& state, int64_t batch) {
  for (size_t i = 0; state.size() < module.network.states(); i++) {
    state.push_back(at::zeros(module.state_size(batch, i), input.options()));
  }
}

// Runs one call, given its tensors.
struct Runner {
  const RecurrentModule& module;
  const Network& network;
  const Tensors& weights;
  const Compute& compute;
  bool fuses;

  Tensors call(at::Tensor input, Tensors state, at::Tensor batch_sizes) const {
    Call call{.arguments = {.network = network,
                            .batch_first = module.batch_first,
                            .input = std::move(input),
                            .state = std::move(state),
                            .weights = weights,
                            .batch_sizes = std::move(batch_sizes)},
              .reason = "the module's option says backend: 'libtorch'"};
    if (fuses && !module.prefers_libtorch) {
      const bool autocast = call.arguments.input.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU);
      call.reason = autocast ? "autocast is on for the CPU" : why_not_fused(call.arguments);
    }
    return compute(call);
  }

  // Converts the results of `compute` back to the layout of the input.
  Tensors padded(at::Tensor input, Tensors state) const {
    check_rank(network, input, state);
    const bool batched = input.dim() == 3;
    const int64_t batch_dim = module.batch_first ? 0 : 1;
    if (!batched) {
      input = input.unsqueeze(batch_dim);
      for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(1);
    }
    const int64_t batch = input.size(batch_dim);
    check_input(network, input, weights.at(0), 3);
    fill_state(module, input, state, batch);
    check_state(module, input, state, batch);
    Tensors results = call(input, state, {});
    if (!batched && !results.empty()) {
      results[0] = results[0].squeeze(batch_dim);
      for (size_t i = 1; i < results.size(); i++) results[i] = results[i].squeeze(1);
    }
    return results;
  }

  // States are given and returned in the order of the sequences before sorting.
  Tensors packed(const at::Tensor& data, Tensors state, const Packing& packing) const {
    check_input(network, data, weights.at(0), 2);
    packing.check(data);
    const int64_t batch = packing.batch();
    // PyTorch permutes before it checks, and LSTM does not check at all: a state for more sequences is silently
    // truncated.
    check_state(module, data, state, batch);
    const auto permute = [](const at::Tensor& tensor, const at::Tensor& indices) {
      return indices.defined() ? tensor.index_select(1, indices) : tensor;
    };
    for (at::Tensor& tensor : state) tensor = permute(tensor, packing.sorted_indices);
    fill_state(module, data, state, batch);
    Tensors results = call(data, state, packing.batch_sizes);
    for (size_t i = 1; i < results.size(); i++) results[i] = permute(results[i], packing.unsorted_indices);
    return results;
  }
};

std::vector<ParameterSize> parameters_from(Napi::Array pairs) {
  std::vector<ParameterSize> parameters;
  for (uint32_t i = 0; i < pairs.Length(); i++) {
    const auto pair = pairs.Get(i).As<Napi::Array>();
    parameters.push_back({.name = pair.Get(0U).ToString(), .size = to_ints(pair.Get(1U), "size")});
  }
  return parameters;
}

}  // namespace

RecurrentModule::RecurrentModule(const std::string& recurrence, Napi::Object settings, Napi::Array parameters)
    : name(settings.Get("name").ToString()),
      network{.recurrence = &recurrence_of(recurrence),
              .inputs = settings.Get("inputSize").ToNumber(),
              .units = settings.Get("hiddenSize").ToNumber(),
              .projection = settings.Get("projSize").ToNumber(),
              .layers = settings.Get("numLayers").ToNumber(),
              .dropout = 0,
              .bias = settings.Get("bias").ToBoolean(),
              .bidirectional = settings.Get("bidirectional").ToBoolean(),
              .train = true},
      batch_first(settings.Get("batchFirst").ToBoolean()),
      prefers_libtorch(settings.Get("backend").ToString().Utf8Value() == "libtorch"),
      parameters(parameters_from(parameters)),
      plan(std::make_shared<Plan>()) {}

std::string RecurrentModule::problem(at::TensorList weights) const {
  if (weights.size() != parameters.size()) {
    return c10::str(name, ": the sizes of the module ask for ", parameters.size(), " parameters, got ", weights.size());
  }
  const bool autocast = autocast_enabled();
  for (size_t i = 0; i < weights.size(); i++) {
    const auto& [parameter, size] = parameters[i];
    if (weights[i].sizes() != at::IntArrayRef(size)) {
      return c10::str(name, ": ", parameter, " has the shape ", weights[i].sizes(),
                      ", but the sizes of the module ask for ", at::IntArrayRef(size));
    }
    if (weights[i].scalar_type() != weights[0].scalar_type() && !autocast) {
      return c10::str(name, ": the parameters are of several dtypes, ", parameters[0].name, " of ",
                      python_dtype(weights[0]), " and ", parameter, " of ", python_dtype(weights[i]),
                      ". Convert model: model.to(", python_dtype(weights[0]), ")");
    }
  }
  return {};
}

RecurrentArguments::RecurrentArguments(const Addon& addon, const Napi::CallbackInfo& info)
    : module(object_of<RecurrentModulePtr>(info[0])),
      network(module->network),
      input(addon, info[3]),
      state(addon, info[4]),
      weights(addon, info[5]),
      packing(addon, info[6]) {
  network.dropout = info[1].ToNumber();
  network.train = info[2].ToBoolean();
}

Tensors RecurrentArguments::run(const Compute& compute, bool fuses) const {
  const Tensors parameters = weights.get();
  const std::string problem = module->problem(parameters);
  TORCH_CHECK(problem.empty(), problem);
  const Runner runner{.module = *module, .network = network, .weights = parameters, .compute = compute, .fuses = fuses};
  if (packing.size() == 0) return runner.padded(input.get().at(0), state.get());
  const Tensors tensors = packing.get();
  Tensors results = runner.packed(input.get().at(0), state.get(), Packing(tensors));
  results.insert(results.end(), tensors.begin(), tensors.end());
  return results;
}

Effects RecurrentArguments::effects() const {
  const bool drops = network.train && network.dropout > 0;
  return {.reads = joined(input, state, weights, packing),
          .shares = joined(packing),
          .marks = static_cast<uint8_t>(drops ? Effects::kRandom : 0)};
}

std::vector<Outline> RecurrentArguments::outlines(Addon& addon) const {
  const Outline x = addon.outlines(joined(input)).at(0);
  const auto of_sizes = [&](const std::vector<int64_t>& sizes) {
    Outline outline = x;
    outline.meta = meta_of(sizes, x.meta.scalar_type());
    return outline;
  };
  std::vector<int64_t> sizes = x.meta.sizes().vec();
  sizes.back() = (network.projection > 0 ? network.projection : network.units) * network.directions();
  std::vector<Outline> found{of_sizes(sizes)};
  const bool packed = packing.size() > 0;
  for (size_t i = 0; i < network.states(); i++) {
    // The batch size of a packed sequence is the first value of batch_sizes, which is not known here.
    const int64_t batch = packed || sizes.size() < 3 ? 0 : sizes[module->batch_first ? 0 : 1];
    std::vector<int64_t> state = module->state_size(batch, i);
    if (!packed && sizes.size() < 3) state.erase(state.begin() + 1);
    found.push_back(packed ? Outline{} : of_sizes(state));
  }
  const auto rest = addon.outlines(joined(packing));
  found.insert(found.end(), rest.begin(), rest.end());
  return found;
}

namespace {

// recurrentModule(recurrence, settings, [[name, size], …]) -> a handle for the calls below
Napi::Value recurrent_module(const Napi::CallbackInfo& info) {
  return make_handle(info.Env(), std::make_unique<RecurrentModulePtr>(std::make_shared<RecurrentModule>(
                                     info[0].ToString(), info[1].ToObject(), info[2].As<Napi::Array>())));
}

// recurrent(handle, dropout, training, input, state or [], weights, packing or []) -> output, final states, and the
// packing again, as tensors that the packed output can own
Napi::Value recurrent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const RecurrentArguments arguments(addon, info);
  const auto work = [arguments, kernels = addon.kernels, pool = addon.pool] {
    return arguments.run([&](const Call& call) {
      return call.reason.empty() ? run_fused(call.arguments, arguments.module->plan, *kernels, pool)
                                 : run_libtorch(call.arguments);
    });
  };
  const size_t count = 1 + arguments.network.states() + arguments.packing.size();
  const auto ids =
      addon.dispatch(addon.idle() ? Effects{} : arguments.effects(), count, work,
                     addon.forecast([&] { return [&addon, arguments] { return arguments.outlines(addon); }; }));
  addon.account(env);
  return to_array(env, ids);
}

// explainRecurrent: the same arguments -> why LibTorch's implementation would be used, or '' if it would not; and the
// name of a parameter whose memory has to be compared at each call, or null
Napi::Value explain_recurrent(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot tell of a call before it is made");
  const RecurrentArguments arguments(addon, info);
  std::string reason;
  std::optional<std::string> compared;
  addon.run(arguments.effects(), [&] {
    return arguments.run([&](const Call& call) {
      reason = call.reason;
      const auto& weights = call.arguments.weights;
      const auto unseen = std::find_if(weights.begin(), weights.end(), changes_unseen);
      if (reason.empty() && unseen != weights.end()) {
        compared = arguments.module->parameters[static_cast<size_t>(unseen - weights.begin())].name;
      }
      return Tensors{};
    });
  });
  const Napi::Env env = info.Env();
  Napi::Array result = Napi::Array::New(env, 2);
  result.Set(0U, reason);
  result.Set(1U, compared ? Napi::Value(Napi::String::New(env, *compared)) : env.Null());
  return result;
}

// instructionSets() -> the names of the instruction sets that the recurrent kernels can use here, best first
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

// Whether cuDNN supports recurrent networks with such weights. LibTorch's own check omits bfloat16.
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

// The conditions of RNNBase.flatten_parameters: cuDNN accepts the weights, and no two parameters are the same tensor.
// Weights in a single storage have already been flattened.
bool can_flatten(const Tensors& weights) {
  std::set<const void*> places;
  for (const at::Tensor& weight : weights) {
    if (!is_acceptable(weight) || weight.scalar_type() != weights[0].scalar_type()) return false;
    if (weight.device() != weights[0].device() || !places.insert(weight.const_data_ptr()).second) return false;
  }
  return std::any_of(weights.begin(), weights.end(),
                     [&](const at::Tensor& weight) { return !weight.is_alias_of(weights[0]); });
}

// flattenParameters(handle, weights): moves them into one contiguous block of memory, which spares cuDNN a copy at
// every call. Does nothing unless they are on a CUDA device.
Napi::Value flatten_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const RecurrentModulePtr module = object_of<RecurrentModulePtr>(info[0]);
  const PromiseList promises(addon, info[1]);
  const auto ids = info[1].As<Napi::Uint32Array>();
  const bool on_cpu = std::ranges::all_of(promises, [&](const TensorPromisePtr& promise) {
    const auto outline = addon.outline(promise);
    return outline && outline->device && !outline->device->is_cuda();
  });
  if (on_cpu) return env.Undefined();
  addon.dispatch_void(Effects::all(), [=] {
    const Tensors weights = promises.get();
    const Network& net = module->network;
    if (!can_flatten(weights) || !module->problem(weights).empty()) return;
    const c10::AutoGradMode no_grad(false);
    const c10::DeviceGuard guard(weights[0].device());
    at::_cudnn_rnn_flatten_weight(weights, static_cast<int64_t>(net.parameters()), net.inputs,
                                  *net.recurrence->cudnn_mode, net.units, net.projection, net.layers,
                                  module->batch_first, net.bidirectional);
  });
  for (size_t i = 0; !addon.queueing && i < ids.ElementLength(); i++) addon.handles->recount(ids[i]);
  addon.account(env);
  return env.Undefined();
}

}  // namespace

void init_recurrent(Napi::Object exports) {
  define<recurrent>(exports, "recurrent");
  define<recurrent_module>(exports, "recurrentModule");
  define<explain_recurrent>(exports, "explainRecurrent");
  define<flatten_parameters>(exports, "flattenParameters");
  define<instruction_sets>(exports, "instructionSets");
  define<instruction_set>(exports, "instructionSet");
}

}  // namespace rnn::binding

#include "recurrent/stream.h"

#include <algorithm>

#include "binding/recurrent.h"
#include "runtime/tensors.h"

namespace rnn::binding {

template <>
struct HandleType<Stream> {
  static constexpr const char* kName = "stream";
  static constexpr napi_type_tag kTag = {0x1f86a7c94d02e35b, 0xa4b97e01c3d85f62};
};

namespace {

// openStream(handle of the module, weights, bfloat16) -> a stream with a state of zeros
Napi::Value open_stream(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot open a stream");
  const RecurrentModule& module = *object_of<RecurrentModulePtr>(info[0]);
  const PromiseList promises(addon, info[1]);
  const WeightType type = info[2].ToBoolean() ? WeightType::kBfloat16 : WeightType::kFloat32;
  return make_handle(info.Env(), addon.run({.reads = joined(promises)}, [&] {
    const Tensors weights = promises.get();
    const Network& net = module.network;
    const std::string problem = module.problem(weights);
    TORCH_CHECK(problem.empty(), problem);
    const std::string reason = why_not_packed(weights);
    TORCH_CHECK_VALUE(reason.empty(), "stream(): ", reason);
    auto packed =
        std::make_shared<StreamWeights>(StreamWeights{.network = net, .kernels = *addon.kernels, .layers = {}});
    const size_t count = net.parameters();
    for (int64_t layer = 0; layer < net.layers; layer++) {
      const auto index = static_cast<size_t>(layer);
      packed->layers.push_back(module.plan->forward_weights(*addon.kernels, net.layer(layer), index,
                                                            at::TensorList(weights).slice(index * count, count), type));
    }
    return std::make_unique<Stream>(std::move(packed));
  }));
}

// forkStream(stream) -> a new stream with the same weights and a copy of the state
Napi::Value fork_stream(const Napi::CallbackInfo& info) {
  return make_handle(info.Env(), std::make_unique<Stream>(object_of<Stream>(info[0])));
}

// closeStream(stream): frees its state, and its weights unless another stream or a module uses them
Napi::Value close_stream(const Napi::CallbackInfo& info) {
  slot_of<Stream>(info[0]).reset();
  return info.Env().Undefined();
}

// The data of a Float32Array, which must have `length` elements.
float* floats(Napi::Env env, Napi::Value value, int64_t length, const char* name) {
  napi_typedarray_type type = napi_int8_array;
  size_t found = 0;
  void* data = nullptr;
  const bool is_typed = napi_get_typedarray_info(env, value, &type, &found, &data, nullptr, nullptr) == napi_ok &&
                        type == napi_float32_array;
  TORCH_CHECK_TYPE(is_typed, "step: ", name, " must be a Float32Array");
  TORCH_CHECK_VALUE(static_cast<int64_t>(found) == length, "step: ", name, " must have ", length, " elements, got ",
                    found);
  return static_cast<float*>(data);
}

// stepStream(stream, x, y): x (inputs) -> y (outputs)
Napi::Value step_stream(const Napi::CallbackInfo& info) {
  Stream& stream = object_of<Stream>(info[0]);
  const float* x = floats(info.Env(), info[1], stream.inputs(), "input");
  stream.step(x, floats(info.Env(), info[2], stream.outputs(), "output"));
  return info.Env().Undefined();
}

// stepStreams(streams, x, y): x (streams, inputs) -> y (streams, outputs). The streams share their weights.
Napi::Value step_streams(const Napi::CallbackInfo& info) {
  const auto handles = info[0].As<Napi::Array>();
  std::vector<Stream*> streams;
  for (uint32_t i = 0; i < handles.Length(); i++) streams.push_back(&object_of<Stream>(handles.Get(i)));
  const auto rows = static_cast<int64_t>(streams.size());
  const float* x = floats(info.Env(), info[1], rows * streams[0]->inputs(), "input");
  Stream::step(streams, x, floats(info.Env(), info[2], rows * streams[0]->outputs(), "output"));
  return info.Env().Undefined();
}

// sharesWeights(stream, stream)
Napi::Value shares_weights(const Napi::CallbackInfo& info) {
  const auto& layers = object_of<Stream>(info[0]).weights().layers;
  return Napi::Boolean::New(info.Env(), layers == object_of<Stream>(info[1]).weights().layers);
}

// streamState(stream) -> a Float32Array of h (layers, outputs), then c (layers, units)
Napi::Value stream_state(const Napi::CallbackInfo& info) {
  const std::span<float> state = object_of<Stream>(info[0]).state();
  auto copy = Napi::Float32Array::New(info.Env(), state.size());
  std::copy(state.begin(), state.end(), copy.Data());
  return copy;
}

// setStreamState(stream, state)
Napi::Value set_stream_state(const Napi::CallbackInfo& info) {
  const std::span<float> state = object_of<Stream>(info[0]).state();
  const auto given = info[1].As<Napi::Float32Array>();
  std::copy_n(given.Data(), std::min(state.size(), given.ElementLength()), state.begin());
  return info.Env().Undefined();
}

}  // namespace

void init_stream(Napi::Object exports) {
  define<open_stream>(exports, "openStream");
  define<fork_stream>(exports, "forkStream");
  define<close_stream>(exports, "closeStream");
  define<step_stream>(exports, "stepStream");
  define<step_streams>(exports, "stepStreams");
  define<shares_weights>(exports, "sharesWeights");
  define<stream_state>(exports, "streamState");
  define<set_stream_state>(exports, "setStreamState");
}

}  // namespace rnn::binding

#include "recurrent/stream.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "binding/recurrent.h"
#include "binding/streamed_model.h"
#include "runtime/tensors.h"

namespace rnn::binding {

template <>
struct HandleType<Stream> {
  static constexpr const char* kName = "stream";
  static constexpr napi_type_tag kTag = {0x1f86a7c94d02e35b, 0xa4b97e01c3d85f62};
};

namespace {

// modelPlan() -> what streams of one model share
Napi::Value model_plan(const Napi::CallbackInfo& info) {
  return make_handle(info.Env(), std::make_unique<ModelPlan>());
}

// openStream(handle of the module, weights, bfloat16, model or null) -> a stream with a state of zeros
Napi::Value open_stream(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot open a stream");
  const RecurrentModule& module = *object_of<RecurrentModulePtr>(info[0]);
  const PromiseList promises(addon, info[1]);
  const WeightType type = info[2].ToBoolean() ? WeightType::kBfloat16 : WeightType::kFloat32;
  std::optional<StreamedModel> model;
  if (info[3].IsObject()) model.emplace(addon, info[3].As<Napi::Object>());
  const Effects::Promises reads = model ? joined(promises, model->embedding, model->head) : joined(promises);
  return make_handle(info.Env(), addon.run({.reads = reads}, [&] {
    const Tensors weights = promises.get();
    const Network& net = module.network;
    const std::string problem = module.problem(weights);
    TORCH_CHECK(problem.empty(), problem);
    const std::string reason = why_not_packed(weights);
    TORCH_CHECK_VALUE(reason.empty(), "stream(): ", reason);
    auto packed = std::make_shared<StreamWeights>(
        StreamWeights{.network = net, .kernels = *addon.kernels, .layers = {}, .model = nullptr});
    if (model) {
      const auto [embedding, head] = model->parameters("stream()", net);
      packed->model = model->plan.weights(*addon.kernels, embedding, head);
      packed->pooling = model->pooling;
    }
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

// The number of rows of the embedding of a stream's model; 0 without one.
int64_t tokens_of(const Stream& stream) {
  const auto& model = stream.weights().model;
  return model ? model->tokens : 0;
}

// The row of a token in the embedding of a stream's model.
const float* row_of(const Stream& stream, double token) {
  const auto& model = *stream.weights().model;
  const auto tokens = static_cast<double>(model.tokens);
  TORCH_CHECK_INDEX(token >= 0 && token < tokens && token == std::floor(token),
                    "step: a token must be an integer from 0 to ", model.tokens - 1, ", got ", token);
  return model.embedding.data() + static_cast<int64_t>(token) * stream.inputs();
}

// stepStream(stream, x, y): x (inputs) or a token -> y (outputs)
Napi::Value step_stream(const Napi::CallbackInfo& info) {
  Stream& stream = object_of<Stream>(info[0]);
  const bool embeds = tokens_of(stream) > 0;
  TORCH_CHECK_TYPE(!embeds || info[1].IsNumber(), "step: a model with an embedding takes a token, a number");
  const float* x = embeds ? row_of(stream, info[1].As<Napi::Number>().DoubleValue())
                          : floats(info.Env(), info[1], stream.inputs(), "input");
  stream.step(x, floats(info.Env(), info[2], stream.outputs(), "output"));
  return info.Env().Undefined();
}

// The rows of tokens, an Int32Array with one for each stream, in the embedding of their model.
std::vector<float> rows_of(const Stream& stream, Napi::Value value, int64_t count) {
  const bool is_list = value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  TORCH_CHECK_TYPE(is_list, "step: a model with an embedding takes tokens, an Int32Array");
  const auto tokens = value.As<Napi::Int32Array>();
  TORCH_CHECK_VALUE(static_cast<int64_t>(tokens.ElementLength()) == count, "step: input must have ", count,
                    " elements, got ", tokens.ElementLength());
  std::vector<float> rows;
  for (size_t i = 0; i < tokens.ElementLength(); i++) {
    const float* row = row_of(stream, tokens[i]);
    rows.insert(rows.end(), row, row + stream.inputs());
  }
  return rows;
}

// stepStreams(streams, x, y): x (streams, inputs), or tokens (streams) -> y (streams, outputs). The streams share their
// weights.
Napi::Value step_streams(const Napi::CallbackInfo& info) {
  const auto handles = info[0].As<Napi::Array>();
  std::vector<Stream*> streams;
  for (uint32_t i = 0; i < handles.Length(); i++) streams.push_back(&object_of<Stream>(handles.Get(i)));
  const auto rows = static_cast<int64_t>(streams.size());
  const bool embeds = tokens_of(*streams[0]) > 0;
  const std::vector<float> embedded = embeds ? rows_of(*streams[0], info[1], rows) : std::vector<float>();
  const float* x = embeds ? embedded.data() : floats(info.Env(), info[1], rows * streams[0]->inputs(), "input");
  Stream::step(streams, x, floats(info.Env(), info[2], rows * streams[0]->outputs(), "output"));
  return info.Env().Undefined();
}

// sharesWeights(stream, stream)
Napi::Value shares_weights(const Napi::CallbackInfo& info) {
  const StreamWeights& one = object_of<Stream>(info[0]).weights();
  const StreamWeights& other = object_of<Stream>(info[1]).weights();
  const bool same = one.layers == other.layers && one.model == other.model && one.pooling == other.pooling;
  return Napi::Boolean::New(info.Env(), same);
}

// streamState(stream) -> a Float32Array of h (layers, width), then c (layers, units), then what is pooled
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
  define<model_plan>(exports, "modelPlan");
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

#include "binding/served_model.h"

#include <c10/core/GradMode.h>

#include "binding/addon.h"
#include "binding/async.h"
#include "binding/convert.h"
#include "binding/recurrent.h"
#include "binding/streamed_model.h"
#include "serve/weight_file.h"

namespace rnn::binding {
namespace {

WeightType type_of(Napi::Value bfloat16) { return bfloat16.ToBoolean() ? WeightType::kBfloat16 : WeightType::kFloat32; }

// The sizes of a model, without its weights.
serve::Model shape_of(const Addon& addon, const Network& net, Napi::Value output) {
  return {.kernels = *addon.kernels,
          .cell = net.recurrence->kernel.value(),
          .inputs = net.inputs,
          .units = net.units,
          .projection = net.projection,
          .layers = net.layers,
          .directions = net.directions(),
          .network = {},
          .around = nullptr,
          .output = static_cast<serve::Output>(to_int(output, "output"))};
}

Napi::Value handle_of(Napi::Env env, ServedModelPtr model) {
  return make_handle(env, std::make_unique<ServedModelPtr>(std::move(model)));
}

// packModel(handle of the module, weights, bfloat16, output, what is around the network) -> a promise of a served model
Napi::Value pack_model(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot open an engine");
  const RecurrentModule& module = *object_of<RecurrentModulePtr>(info[0]);
  const PromiseList promises(addon, info[1]);
  const StreamedModel around(addon, info[4].As<Napi::Object>());
  const Network net = module.network;
  addon.wait_for({.reads = joined(promises, around.embedding, around.head)});
  const Tensors weights = promises.get();
  const std::string problem = module.problem(weights);
  TORCH_CHECK(problem.empty(), problem);
  const std::string reason = why_not_packed(weights);
  TORCH_CHECK_VALUE(reason.empty(), "serve: ", reason);
  const auto [embedding, head] = around.parameters("serve", net);
  const auto model = std::make_shared<serve::Model>(shape_of(addon, net, info[3]));
  const auto pack = [=, embedding = embedding, head = head, type = type_of(info[2])] {
    const c10::AutoGradMode no_gradients(false);
    model->around = packed_model(model->kernels, embedding, head);
    const size_t count = net.parameters();
    for (int64_t layer = 0; layer < net.layers; layer++) {
      for (int64_t d = 0; d < net.directions(); d++) {
        const auto own = at::TensorList(weights).slice(model->network.size() * count, count);
        model->network.push_back(
            std::make_shared<const ForwardWeights>(packed_layer(model->kernels, net.layer(layer), own, type)));
      }
    }
  };
  return run_async(info.Env(), pack, [model](Napi::Env env) { return handle_of(env, model); });
}

// mapModel(handle of the module, bfloat16, output, [tokens, outputs, bias], fd) -> a promise of a served model, or of
// why the file has not its weights
Napi::Value map_model(const Napi::CallbackInfo& info) {
  const Addon& addon = Addon::of(info.Env());
  const Network net = object_of<RecurrentModulePtr>(info[0])->network;
  const auto sizes = to_ints(info[3], "sizes");
  const serve::Model shape = shape_of(addon, net, info[2]);
  const ModelShape around{.tokens = sizes.at(0),
                          .inputs = net.inputs,
                          .outputs = sizes.at(1),
                          .inner = net.layer(0).outputs() * net.directions(),
                          .bias = sizes.at(2) != 0};
  struct Found {
    ServedModelPtr model;
    std::string problem;
  };
  const auto found = std::make_shared<Found>();
  const auto map = [=, type = type_of(info[1]), file = static_cast<int>(to_int(info[4], "fd"))] {
    try {
      found->model = serve::map_weights(shape, type, around, file);
    } catch (const serve::DamagedFile& damage) {
      found->problem = damage.what();
    }
  };
  return run_async(info.Env(), map, [found](Napi::Env env) {
    return found->model ? handle_of(env, found->model) : Napi::Value(Napi::String::New(env, found->problem));
  });
}

// writeModel(served model, fd) -> a promise
Napi::Value write_model(const Napi::CallbackInfo& info) {
  const auto write = [model = object_of<ServedModelPtr>(info[0]), file = static_cast<int>(to_int(info[1], "fd"))] {
    serve::write_weights(*model, file);
  };
  return run_async(info.Env(), write, [](Napi::Env env) { return env.Undefined(); });
}

// closeModel(served model): frees its weights, unless an engine has them
Napi::Value close_model(const Napi::CallbackInfo& info) {
  slot_of<ServedModelPtr>(info[0]).reset();
  return info.Env().Undefined();
}

// modelBytes(served model) -> the size of its weights
Napi::Value model_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object_of<ServedModelPtr>(info[0])->bytes()));
}

// canMapFiles()
Napi::Value can_map_files(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), serve::can_map()); }

}  // namespace

void init_served_model(Napi::Object exports) {
  define<pack_model>(exports, "packModel");
  define<map_model>(exports, "mapModel");
  define<write_model>(exports, "writeModel");
  define<close_model>(exports, "closeModel");
  define<model_bytes>(exports, "modelBytes");
  define<can_map_files>(exports, "canMapFiles");
}

}  // namespace rnn::binding

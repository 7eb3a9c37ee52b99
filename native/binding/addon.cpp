#include "binding/addon.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

#include "binding/engine.h"
#include "binding/offload.h"
#include "binding/operator.h"
#include "operators/functional.h"
#include "runtime/tensors.h"

namespace rnn::binding {

Addon::Addon(Napi::Env env) : handles(std::make_shared<Handles>()), state(Napi::Persistent(Napi::Object::New(env))) {
  state.Set("copies", Napi::Number::New(env, 0));
  state.Set("copy", env.Undefined());
  state.Set("offloading", Napi::Boolean::New(env, false));
  mode.generator = generator;
  mode.warnings = std::make_shared<Warnings>();
}

Addon::~Addon() = default;

Handles::Id id_of(Napi::Value value) {
  TORCH_CHECK_TYPE(value.IsNumber(), "expected a Tensor");
  const double id = value.As<Napi::Number>().DoubleValue();
  constexpr Handles::Id kNone = std::numeric_limits<Handles::Id>::max();
  return id >= 0 && id < kNone && id == std::trunc(id) ? static_cast<Handles::Id>(id) : kNone;
}

const TensorPromisePtr& Addon::promise(Napi::Value id) const { return handles->promise(id_of(id)); }

Napi::Value Addon::wrap(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  const Handles::Id id = handles->add(std::make_shared<TensorPromise>(std::move(tensor)));
  account(env);
  return Napi::Number::New(env, id);
}

// Without CUDA, there are no graph captures to stay out of.
std::optional<Lane::Pause> Addon::pause_lane() {
  if (!offload || cuda == nullptr) return std::nullopt;
  // The call of backward has already paused it.
  if (javascript_backwards > 0) return std::nullopt;
  const bool within = queueing || suspended;
  return std::optional<Lane::Pause>(std::in_place, offload->lane(), within);
}

bool Addon::idle() { return !offload || offload->idle(); }

void Addon::wait_for(const Effects& effects) {
  if (idle()) return;
  if (mode.autocast.context == 0) {
    offload->wait_for(effects);
  } else {
    Effects casting = effects;
    casting.marks |= Effects::kAutocast;
    offload->wait_for(casting);
  }
}

void Addon::run_on_lane(std::function<void()> work) {
  std::exception_ptr error;
  Job job{.work =
              [&] {
                work();
                return Tensors{};
              },
          .mode = mode,
          .batch = queueing,
          .done = [&error, batch = queueing] { error = batch->error; }};
  offload->lane().wait(offload->post(std::move(job)));
  if (error) std::rethrow_exception(error);
}

std::vector<Handles::Id> Addon::dispatch(Effects effects, size_t results, std::function<Tensors()> work,
                                         ForecastPtr forecast) {
  std::vector<Handles::Id> ids;
  ids.reserve(results);
  if (!queueing) {
    for (at::Tensor& tensor : run(effects, work))
      ids.push_back(handles->add(std::make_shared<TensorPromise>(std::move(tensor))));
    return ids;
  }
  Job job{.work = std::move(work), .mode = mode, .batch = queueing, .forecast = std::move(forecast)};
  if (mode.autocast.context != 0) effects.marks |= Effects::kAutocast;
  for (size_t i = 0; i < results; i++) {
    job.results.push_back(
        std::make_shared<TensorPromise>(TensorPromise::Origin{.batch = queueing->number,
                                                              .roots = {effects.shares.begin(), effects.shares.end()},
                                                              .forecast = job.forecast,
                                                              .result = i,
                                                              .casts = mode.autocast.context != 0}));
    ids.push_back(handles->add(job.results.back()));
    queued.emplace_back(ids.back(), handles->serial(ids.back()));
  }
  job.effects = std::move(effects);
  offload->post(std::move(job));
  return ids;
}

Napi::Array to_array(Napi::Env env, const std::vector<Handles::Id>& ids) {
  Napi::Array array = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) array.Set(i, ids[i]);
  return array;
}

at::Tensor meta_of(at::IntArrayRef sizes, at::ScalarType dtype) {
  return at::Tensor(at::detail::empty_meta(sizes, dtype, std::nullopt));
}

std::optional<Outline> Addon::outline(const TensorPromisePtr& promise) {
  // Deep enough for a network whose forward pass asks for one outline.
  constexpr int kDeepest = 100;
  // Null as soon as the tensor has been computed.
  const auto forecast = promise->pending() ? promise->origin()->forecast.lock() : nullptr;
  if (!promise->pending()) {
    const at::Tensor& tensor = promise->get();
    const auto meta = at::detail::empty_strided_meta(tensor.sizes(), tensor.strides(), tensor.scalar_type());
    return Outline{.meta = at::Tensor(meta), .device = tensor.device()};
  }
  if (!forecast || depth_ >= kDeepest) return std::nullopt;
  depth_++;
  const Outline* found = forecast->at(promise->origin()->result);
  depth_--;
  if (found == nullptr) return std::nullopt;
  Outline outline = *found;
  outline.has_dtype = outline.has_dtype && !promise->origin()->casts;
  return outline;
}

std::vector<Outline> Addon::outlines(const Effects::Promises& promises) {
  std::vector<Outline> found;
  for (const TensorPromisePtr& promise : promises) {
    auto one = outline(promise);
    TORCH_CHECK(one, "nothing is known of the tensor");
    found.push_back(std::move(*one));
  }
  return found;
}

void Addon::account(Napi::Env env) {
  constexpr int64_t kGrain = 1 << 16;
  const int64_t change = handles->large_bytes() - accounted_;
  if (change < kGrain && change > -kGrain) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, change);
  accounted_ += change;
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  operators::register_functional();
  // A worker's thread starts with the current number of threads.
  at::init_num_threads();
  env.SetInstanceData(new Addon(env));
  init_autograd(exports);
  init_backends(exports);
  init_call(exports);
  init_composite(exports);
  init_cuda(exports);
  init_data(exports);
  init_file(exports);
  init_grad_scaler(exports);
  init_generator(exports);
  init_graph(exports);
  init_indexing(exports);
  init_jit(exports);
  init_offload(exports);
  init_optimizer(exports);
  init_packed(exports);
  init_recurrent(exports);
  init_recurrent_cell(exports);
  init_serve(exports);
  init_served_model(exports);
  init_storage(exports);
  init_stream(exports);
  init_system(exports);
  init_tensor(exports);
  init_training(exports);
  return exports;
}

NODE_API_MODULE(libtorch_rnn, init)

}  // namespace rnn::binding

#include "binding/addon.h"

#include <cmath>
#include <limits>

#include "binding/offload.h"
#include "binding/operator.h"
#include "operators/functional.h"

namespace rnn::binding {

Addon::Addon(Napi::Env) : handles(std::make_shared<Handles>()) {
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

const CellPtr& Addon::cell(Napi::Value id) const { return handles->cell(id_of(id)); }

Napi::Value Addon::wrap(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  const Handles::Id id = handles->add(std::make_shared<Cell>(std::move(tensor)));
  account(env);
  return Napi::Number::New(env, id);
}

std::optional<Lane::Pause> Addon::pause_lane() {
  if (!offload) return std::nullopt;
  const bool within = recording || suspended;
  return std::optional<Lane::Pause>(std::in_place, offload->lane(), within);
}

std::vector<at::Tensor> Addon::run_in_order(std::function<std::vector<at::Tensor>()> work) {
  if (!recording) return run(work);
  const auto finished = std::make_shared<Cell>();
  std::vector<at::Tensor> tensors;
  offload->lane().post({
      .work =
          [&] {
            tensors = work();
            return std::vector<at::Tensor>{};
          },
      .results = {},
      .mode = mode,
      .batch = recording,
      .done = [finished, batch = recording] { batch->error ? finished->fail(batch->error) : finished->fulfil({}); },
  });
  finished->get();
  return tensors;
}

void Addon::drain() {
  if (!offload) return;
  const auto finished = std::make_shared<Cell>();
  offload->lane().post(
      {.work = nullptr, .results = {}, .mode = {}, .batch = std::make_shared<Batch>(), .done = [finished] {
         finished->fulfil({});
       }});
  finished->get();
}

std::vector<Handles::Id> Addon::dispatch(size_t results, std::function<std::vector<at::Tensor>()> work) {
  std::vector<Handles::Id> ids;
  ids.reserve(results);
  if (!recording) {
    for (at::Tensor& tensor : run(work)) ids.push_back(handles->add(std::make_shared<Cell>(std::move(tensor))));
    return ids;
  }
  Job job{.work = std::move(work), .results = {}, .mode = mode, .batch = recording, .done = nullptr};
  for (size_t i = 0; i < results; i++) {
    job.results.push_back(std::make_shared<Cell>());
    ids.push_back(handles->add(job.results.back()));
    recorded.emplace_back(ids.back(), handles->serial(ids.back()));
  }
  offload->lane().post(std::move(job));
  return ids;
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
  init_storage(exports);
  init_stream(exports);
  init_system(exports);
  init_tensor(exports);
  init_training(exports);
  return exports;
}

NODE_API_MODULE(libtorch_rnn, init)

}  // namespace rnn::binding

#pragma once
#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "recurrent/kernels.h"
#include "recurrent/thread_pool.h"
#include "runtime/cuda.h"
#include "runtime/effects.h"
#include "runtime/handles.h"
#include "runtime/lane.h"
#include "runtime/mode.h"
#include "runtime/tensors.h"

namespace rnn::binding {

// The binding uses both.
using namespace recurrent;
using namespace runtime;

class Operator;
class Offload;
class Engines;

// The number of views that JavaScript has of each storage.
using Views = std::unordered_map<const c10::StorageImpl*, size_t>;

// All state of one JavaScript environment. The main thread, each worker_thread and each test realm have their own.
class Addon {
 public:
  explicit Addon(Napi::Env env);
  ~Addon();
  static Addon& of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

  // Handles outlive the addon if a finalizer still refers to them.
  std::shared_ptr<Handles> handles;
  // These outlive it if a view still exists.
  std::shared_ptr<Views> views = std::make_shared<Views>();
  std::vector<std::unique_ptr<Operator>> operators;
  // The generator for random numbers on the CPU, unless `mode` has another one.
  const at::Generator generator = make_generator();
  Mode mode;
  // State that copies of the JavaScript code share: test runners evaluate it several times in one environment.
  Napi::ObjectReference state;
  // Set while JavaScript queues operations instead of running them.
  BatchPtr queueing;
  // The batch, while operations run immediately in the middle of it.
  BatchPtr suspended;
  // The tensors of the batch being queued, whose sizes in bytes are not known yet.
  std::vector<std::pair<Handles::Id, uint64_t>> queued;
  GradientMemory gradients;
  // The nesting depth of JavaScript functions running within backward passes.
  int javascript_backwards = 0;
  std::unique_ptr<Offload> offload;
  // What serves models, once something does.
  std::unique_ptr<Engines> engines;
  // The kernels and threads of recurrent networks. The threads outlive the addon if a graph still refers to them.
  const Kernels* kernels = available_kernels().front();
  std::shared_ptr<ThreadPool> pool = std::make_shared<ThreadPool>();
  // Called with each warning of LibTorch, once JavaScript has set a listener.
  Napi::FunctionReference on_warning;
  // The functions of the CUDA addon, once it is loaded.
  const CudaLibrary* cuda = nullptr;

  // Turns a computed tensor into an id for JavaScript, and an undefined one into null.
  Napi::Value wrap(Napi::Env env, at::Tensor tensor);
  const TensorPromisePtr& promise(Napi::Value id) const;
  // Blocks while the tensor is pending.
  const at::Tensor& tensor(Napi::Value id) const { return promise(id)->get(); }

  // Whether nothing is queued, so that no call has to wait.
  bool idle();

  // Blocks until no queued job conflicts with a call.
  void wait_for(const Effects& effects);

  // Runs `work` now with the current modes, once no queued job conflicts with it.
  template <typename Work>
  auto run(const Effects& effects, Work&& work) {
    wait_for(effects);
    const std::optional<Lane::Pause> pause = pause_lane();
    const ModeGuard guard(mode);
    return work();
  }

  // The same; while JavaScript queues, runs it after all queued jobs, on their thread.
  template <typename Work>
  void run_in_order(const Effects& effects, Work&& work) {
    if (queueing) {
      run_on_lane(std::forward<Work>(work));
    } else {
      run(effects, std::forward<Work>(work));
    }
  }

  // Runs `work` now, or queues it while JavaScript queues. Returns the ids of its results.
  std::vector<Handles::Id> dispatch(Effects effects, size_t results, std::function<Tensors()> work,
                                    ForecastPtr forecast = nullptr);

  // The same for work without results.
  template <typename Work>
  void dispatch_void(Effects effects, Work work) {
    dispatch(std::move(effects), 0, [work = std::move(work)]() mutable {
      work();
      return Tensors{};
    });
  }

  // A forecast for `dispatch`, computed by the function that `make` returns, if there will be something to forecast.
  template <typename Make>
  ForecastPtr forecast(Make make) {
    return queueing ? forecast_by(make()) : nullptr;
  }

  // What is known about a tensor without waiting; nullopt if nothing is.
  std::optional<Outline> outline(const TensorPromisePtr& promise);
  // The same for several tensors; throws if nothing is known about one of them.
  std::vector<Outline> outlines(const Effects::Promises& promises);

  // Tells V8 how many bytes its objects keep alive, since to V8 they are just numbers.
  void account(Napi::Env env);

 private:
  std::optional<Lane::Pause> pause_lane();
  void run_on_lane(std::function<void()> work);
  int64_t accounted_ = 0;
  // The depth to which a forecast has followed the dependencies of its tensors.
  int depth_ = 0;
};

// A meta tensor of these sizes, without memory.
at::Tensor meta_of(at::IntArrayRef sizes, at::ScalarType dtype);

// The ids of tensors as a JavaScript array.
Napi::Array to_array(Napi::Env env, const std::vector<Handles::Id>& ids);

// The id of a tensor in JavaScript; for a value that is not a tensor, an id that no tensor has.
Handles::Id id_of(Napi::Value value);

// Wraps a native function for JavaScript: C++ exceptions become JavaScript errors with a `kind`.
Napi::Value guarded(const Napi::CallbackInfo& info, Napi::Value (*body)(const Napi::CallbackInfo&));

template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value entry(const Napi::CallbackInfo& info) {
  return guarded(info, body);
}

template <Napi::Value (*body)(const Napi::CallbackInfo&)>
void define(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<entry<body>>(exports.Env(), name));
}

void init_autograd(Napi::Object exports);
void init_backends(Napi::Object exports);
void init_call(Napi::Object exports);
void init_composite(Napi::Object exports);
void init_cuda(Napi::Object exports);
void init_data(Napi::Object exports);
void init_file(Napi::Object exports);
void init_function(Napi::Object exports);
void init_grad_scaler(Napi::Object exports);
void init_generator(Napi::Object exports);
void init_graph(Napi::Object exports);
void init_indexing(Napi::Object exports);
void init_jit(Napi::Object exports);
void init_offload(Napi::Object exports);
void init_optimizer(Napi::Object exports);
void init_packed(Napi::Object exports);
void init_recurrent(Napi::Object exports);
void init_recurrent_cell(Napi::Object exports);
void init_serve(Napi::Object exports);
void init_served_model(Napi::Object exports);
void init_storage(Napi::Object exports);
void init_stream(Napi::Object exports);
void init_system(Napi::Object exports);
void init_tensor(Napi::Object exports);
void init_training(Napi::Object exports);

}  // namespace rnn::binding

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

// The binding stands on both.
using namespace recurrent;
using namespace runtime;

class Operator;
class Offload;

// How many views JavaScript has of the memory of tensors.
using Views = std::unordered_map<const c10::StorageImpl*, size_t>;

// All state of one JavaScript environment: the main thread, a worker_thread or a test realm has its own.
class Addon {
 public:
  explicit Addon(Napi::Env env);
  ~Addon();
  static Addon& of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

  // Handles outlive the addon where a finalizer still refers to them.
  std::shared_ptr<Handles> handles;
  // These outlive it where a view is still there.
  std::shared_ptr<Views> views = std::make_shared<Views>();
  std::vector<std::unique_ptr<Operator>> operators;
  // What random numbers on the CPU are drawn from where `mode` does not say otherwise.
  const at::Generator generator = make_generator();
  Mode mode;
  // What the copies of the JavaScript know of each other: test runners evaluate it several times in one environment.
  Napi::ObjectReference state;
  // Set while JavaScript queues operations instead of running them.
  BatchPtr queueing;
  // The batch, while operations run at once in the middle of it.
  BatchPtr suspended;
  // The tensors of the batch being queued, whose bytes are not known yet.
  std::vector<std::pair<Handles::Id, uint64_t>> queued;
  GradientMemory gradients;
  // How many functions of JavaScript run within backward passes, one in another.
  int javascript_backwards = 0;
  std::unique_ptr<Offload> offload;
  // What recurrent networks run with. The threads outlive the addon where a graph still refers to them.
  const Kernels* kernels = available_kernels().front();
  std::shared_ptr<ThreadPool> pool = std::make_shared<ThreadPool>();
  // Is called with each warning of LibTorch's, once JavaScript has said what to do with them.
  Napi::FunctionReference on_warning;
  // What the CUDA addon offers, once it is loaded.
  const CudaLibrary* cuda = nullptr;

  // A computed tensor becomes a number that JavaScript holds; an undefined one becomes null.
  Napi::Value wrap(Napi::Env env, at::Tensor tensor);
  const TensorPromisePtr& promise(Napi::Value id) const;
  // Blocks while the tensor is pending.
  const at::Tensor& tensor(Napi::Value id) const { return promise(id)->get(); }

  // Whether nothing is queued: then no call has to wait, whatever it does.
  bool idle();

  // Blocks until nothing that is queued gets in the way of a call.
  void wait_for(const Effects& effects);

  // Runs `work` now with the current modes, once nothing that is queued gets in its way.
  template <typename Work>
  auto run(const Effects& effects, Work&& work) {
    wait_for(effects);
    const std::optional<Lane::Pause> pause = pause_lane();
    const ModeGuard guard(mode);
    return work();
  }

  // The same; while JavaScript queues, after all jobs that have been queued, on their thread.
  template <typename Work>
  void run_in_order(const Effects& effects, Work&& work) {
    if (queueing) {
      run_on_lane(std::forward<Work>(work));
    } else {
      run(effects, std::forward<Work>(work));
    }
  }

  // Runs `work` now, or queues it while JavaScript queues; its results become numbers.
  std::vector<Handles::Id> dispatch(Effects effects, size_t results, std::function<Tensors()> work,
                                    ForecastPtr forecast = nullptr);

  // The same of work without results.
  template <typename Work>
  void dispatch_void(Effects effects, Work work) {
    dispatch(std::move(effects), 0, [work = std::move(work)]() mutable {
      work();
      return Tensors{};
    });
  }

  // A forecast for `dispatch` by the function that `make` returns, where there will be something to forecast.
  template <typename Make>
  ForecastPtr forecast(Make make) {
    return queueing ? forecast_by(make()) : nullptr;
  }

  // What is known of a tensor without waiting; nothing where that is nothing.
  std::optional<Outline> outline(const TensorPromisePtr& promise);
  // The same of several; throws where nothing is known of one.
  std::vector<Outline> outlines(const Effects::Promises& promises);

  // Tells V8 about the bytes that its objects keep alive, which otherwise look like numbers to it.
  void account(Napi::Env env);

 private:
  std::optional<Lane::Pause> pause_lane();
  void run_on_lane(std::function<void()> work);
  int64_t accounted_ = 0;
  // How far a forecast has followed what its tensors depend on.
  int depth_ = 0;
};

// A tensor of these sizes that has no memory.
at::Tensor meta_of(at::IntArrayRef sizes, at::ScalarType dtype);

// The numbers of tensors as JavaScript takes them.
Napi::Array to_array(Napi::Env env, const std::vector<Handles::Id>& ids);

// The number that JavaScript has for a tensor; one that no tensor has where it is none.
Handles::Id id_of(Napi::Value value);

// Wraps a native function for JavaScript: C++ exceptions become JavaScript ones that say what kind they are.
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
void init_storage(Napi::Object exports);
void init_stream(Napi::Object exports);
void init_system(Napi::Object exports);
void init_tensor(Napi::Object exports);
void init_training(Napi::Object exports);

}  // namespace rnn::binding

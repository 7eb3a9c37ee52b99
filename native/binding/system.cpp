#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/offload.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// buildInfo() -> the versions that this addon was compiled against
Napi::Value build_info(const Napi::CallbackInfo& info) {
  Napi::Object build = Napi::Object::New(info.Env());
  build.Set("torchVersion", TORCH_VERSION);
  build.Set("napiVersion", NAPI_VERSION);
#ifdef __VERSION__
  build.Set("compiler", __VERSION__);
#endif
  return build;
}

// runtimeInfo() -> the versions that it runs with
Napi::Value runtime_info(const Napi::CallbackInfo& info) {
  Napi::Object runtime = Napi::Object::New(info.Env());
  runtime.Set("cpuCapability", at::get_cpu_capability());
  runtime.Set("threads", at::get_num_threads());
  runtime.Set("interopThreads", at::get_num_interop_threads());
  runtime.Set("cuda", at::globalContext().hasCUDA());
  runtime.Set("cudaBuilt", at::CUDAHooksRegistry()->Has("CUDAHooks"));
  runtime.Set("cudaDevices", at::detail::getCUDAHooks().deviceCount());
  runtime.Set("config", at::show_config());
  return runtime;
}

// numThreads() -> the number of threads for operators called now; queued operators use the setting of another thread
Napi::Value num_threads(const Napi::CallbackInfo& info) {
  int threads = 0;
  Addon::of(info.Env()).run_in_order({}, [&] { threads = at::get_num_threads(); });
  return Napi::Number::New(info.Env(), threads);
}

Napi::Value set_num_threads(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const int64_t threads = to_int(info[0], "num_threads");
  TORCH_CHECK_VALUE(threads > 0, "set_num_threads expects a positive integer");
  TORCH_CHECK_VALUE(threads <= 1024, "set_num_threads: ", threads, " threads are more than the 1024 that are allowed");
  addon.run(Effects{}, [&] { at::set_num_threads(static_cast<int>(threads)); });
  if (addon.offload) addon.offload->lane().set_num_threads(static_cast<int>(threads));
  return info.Env().Undefined();
}

// onWarning(listener): calls the listener with LibTorch's warnings
Napi::Value on_warning(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  // A weak reference: the listener is collected with the copy of the JavaScript code that it belongs to.
  addon.on_warning = Napi::Weak(info[0].As<Napi::Function>());
  addon.mode.warnings->listen([&addon](const std::string& message) {
    const Napi::Env env = addon.on_warning.Env();
    const Napi::HandleScope scope(env);
    if (addon.on_warning.Value().IsEmpty()) return;
    try {
      addon.on_warning.Call({Napi::String::New(env, message)});
    } catch (const Napi::Error&) {
      // A failing listener must not make the operation fail.
    }
  });
  return info.Env().Undefined();
}

}  // namespace

void init_system(Napi::Object exports) {
  define<build_info>(exports, "buildInfo");
  define<runtime_info>(exports, "runtimeInfo");
  define<num_threads>(exports, "numThreads");
  define<on_warning>(exports, "onWarning");
  define<set_num_threads>(exports, "setNumThreads");
}

}  // namespace rnn::binding

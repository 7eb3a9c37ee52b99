#include <ATen/Context.h>

#include <functional>

#include "binding/addon.h"
#include "binding/convert.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// Runs `work` after the jobs queued before it: a setting applies to the operations after it.
void in_order(Addon& addon, std::function<void()> work) {
  addon.dispatch_void(Effects::all(), [work = std::move(work)] { work(); });
}

template <typename Value, typename Read>
Value read_in_order(Addon& addon, Read read) {
  Value value{};
  addon.run_in_order(Effects::all(), [&] { value = read(at::globalContext()); });
  return value;
}

struct Switch {
  const char* name;
  bool (*get)(const at::Context& context);
  void (*set)(at::Context& context, bool on);
};

constexpr Switch kSwitches[] = {
    {"cuda.matmul.allowTf32", [](const at::Context& c) { return c.allowTF32CuBLAS(); },
     [](at::Context& c, bool on) { c.setAllowTF32CuBLAS(on); }},
    {"cudnn.allowTf32", [](const at::Context& c) { return c.allowTF32CuDNN(); },
     [](at::Context& c, bool on) { c.setAllowTF32CuDNN(on); }},
    {"cudnn.enabled", [](const at::Context& c) { return c.userEnabledCuDNN(); },
     [](at::Context& c, bool on) { c.setUserEnabledCuDNN(on); }},
    {"cudnn.benchmark", [](const at::Context& c) { return c.benchmarkCuDNN(); },
     [](at::Context& c, bool on) { c.setBenchmarkCuDNN(on); }},
    {"cudnn.deterministic", [](const at::Context& c) { return c.deterministicCuDNN(); },
     [](at::Context& c, bool on) { c.setDeterministicCuDNN(on); }},
};

const Switch& find_switch(Napi::Value value) {
  const std::string name = value.ToString();
  for (const Switch& candidate : kSwitches) {
    if (name == candidate.name) return candidate;
  }
  C10_THROW_ERROR(ValueError, c10::str("there is no switch '", name, "'"));
}

// backendSwitch(name) -> whether it is on
Napi::Value backend_switch(const Napi::CallbackInfo& info) {
  const Switch& found = find_switch(info[0]);
  return Napi::Boolean::New(info.Env(), read_in_order<bool>(Addon::of(info.Env()), found.get));
}

// setBackendSwitch(name, on)
Napi::Value set_backend_switch(const Napi::CallbackInfo& info) {
  const Switch& found = find_switch(info[0]);
  in_order(Addon::of(info.Env()), [&found, on = info[1].ToBoolean().Value()] { found.set(at::globalContext(), on); });
  return info.Env().Undefined();
}

// cudnnVersion() -> 91002 for 9.10.2, or null if LibTorch was built without cuDNN
Napi::Value cudnn_version(const Napi::CallbackInfo& info) {
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.compiledWithCuDNN()) return info.Env().Null();
  return Napi::Number::New(info.Env(), static_cast<double>(hooks.versionCuDNN()));
}

// matmulPrecision() -> 'highest', 'high' or 'medium'
Napi::Value matmul_precision(const Napi::CallbackInfo& info) {
  const auto precision = read_in_order<at::Float32MatmulPrecision>(
      Addon::of(info.Env()), [](const at::Context& c) { return c.float32MatmulPrecision(); });
  const char* name = precision == at::Float32MatmulPrecision::HIGHEST ? "highest"
                     : precision == at::Float32MatmulPrecision::HIGH  ? "high"
                                                                      : "medium";
  return Napi::String::New(info.Env(), name);
}

// setMatmulPrecision(name)
Napi::Value set_matmul_precision(const Napi::CallbackInfo& info) {
  in_order(Addon::of(info.Env()),
           [name = info[0].ToString().Utf8Value()] { at::globalContext().setFloat32MatmulPrecision(name); });
  return info.Env().Undefined();
}

// deterministicAlgorithms() -> [whether on, whether it only warns]
Napi::Value deterministic_algorithms(const Napi::CallbackInfo& info) {
  const auto [on, warns] = read_in_order<std::pair<bool, bool>>(Addon::of(info.Env()), [](const at::Context& c) {
    return std::pair(c.deterministicAlgorithms(), c.deterministicAlgorithmsWarnOnly());
  });
  Napi::Array state = Napi::Array::New(info.Env(), 2);
  state.Set(0U, on);
  state.Set(1U, warns);
  return state;
}

// useDeterministicAlgorithms(on, warnOnly)
Napi::Value use_deterministic_algorithms(const Napi::CallbackInfo& info) {
  in_order(Addon::of(info.Env()), [on = info[0].ToBoolean().Value(), warn_only = info[1].ToBoolean().Value()] {
    at::globalContext().setDeterministicAlgorithms(on, warn_only);
  });
  return info.Env().Undefined();
}

}  // namespace

void init_backends(Napi::Object exports) {
  define<backend_switch>(exports, "backendSwitch");
  define<set_backend_switch>(exports, "setBackendSwitch");
  define<cudnn_version>(exports, "cudnnVersion");
  define<matmul_precision>(exports, "matmulPrecision");
  define<set_matmul_precision>(exports, "setMatmulPrecision");
  define<deterministic_algorithms>(exports, "deterministicAlgorithms");
  define<use_deterministic_algorithms>(exports, "useDeterministicAlgorithms");
}

}  // namespace rnn::binding

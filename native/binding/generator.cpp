#include "binding/generator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/promise_list.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

using Handle = Napi::External<at::Generator>;
constexpr napi_type_tag kTag = {0x6c696274'6f726368, 0x2d726e6e'00000002};

Napi::Value wrap(Napi::Env env, at::Generator generator) {
  auto owner = std::make_unique<at::Generator>(std::move(generator));
  const auto handle = Handle::New(env, owner.get(), [](Napi::Env, at::Generator* collected) {
    const std::unique_ptr<at::Generator> last(collected);
  });
  static_cast<void>(owner.release());
  handle.TypeTag(&kTag);
  return handle;
}

// The given generator, or for null the default one of the running code.
at::Generator generator_of(const Addon& addon, Napi::Value value) {
  return value.IsNull() ? addon.mode.generator : to_generator(value, "generator");
}

at::Generator default_of(c10::DeviceIndex device) {
  return at::globalContext().defaultGenerator(c10::Device(at::kCUDA, device));
}

void seed_generator(at::Generator& generator, uint64_t seed) {
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

at::Tensor state_of(at::Generator& generator) {
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

// LibTorch trusts the state's count of remaining numbers, and would read beyond the 624 that exist.
void check_state(const at::Tensor& state) {
  at::CPUGeneratorImpl trial;
  trial.set_state(*state.unsafeGetTensorImpl());
  const at::mt19937_data_pod data = trial.engine().data();
  const int64_t left = data.left_, next = data.next_;
  TORCH_CHECK_VALUE(left == 1 || left + next <= at::MERSENNE_STATE_N + 1, "Invalid mt19937 state");
}

void set_state(at::Generator& generator, const at::Tensor& state) {
  TORCH_CHECK_TYPE(!state._is_zerotensor(), "RNG state must be a torch.ByteTensor");
  if (generator.device().is_cpu()) check_state(state);
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

// generator(device) -> a new generator with LibTorch's default seed
Napi::Value generator(const Napi::CallbackInfo& info) {
  const c10::Device device(info[0].ToString().Utf8Value());
  if (device.is_cpu()) return wrap(info.Env(), at::detail::createCPUGenerator());
  at::globalContext().lazyInitDevice(at::kCUDA);
  const c10::DeviceIndex index = device.has_index() ? device.index() : Addon::of(info.Env()).mode.device.value_or(0);
  TORCH_CHECK_VALUE(index < at::detail::getCUDAHooks().deviceCount(), "invalid device cuda:", int{index});
  return wrap(info.Env(), at::detail::getCUDAHooks().getNewGenerator(index));
}

// cudaGenerator(device) -> the default generator of that device, shared by all environments
Napi::Value cuda_generator(const Napi::CallbackInfo& info) {
  return wrap(info.Env(), default_of(static_cast<c10::DeviceIndex>(to_int(info[0], "device"))));
}

// forkGenerator() -> a copy of the CPU's default generator, in the state after all queued jobs have run
Napi::Value fork_generator(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  at::Generator copy = at::detail::createCPUGenerator();
  addon.dispatch_void(Effects::marked(Effects::kRandom),
                      [copy, original = addon.mode.generator]() mutable { set_state(copy, state_of(original)); });
  return wrap(info.Env(), std::move(copy));
}

// generatorDevice(generator) -> its device
Napi::Value generator_device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), to_generator(info[0], "generator").device().str());
}

// manualSeed(seed): seeds the CPU's default generator, and those of all CUDA devices
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  addon.dispatch_void(Effects::marked(Effects::kRandom),
                      [seed = to_seed(info[0]), generator = addon.mode.generator]() mutable {
                        seed_generator(generator, seed);
                        for (int64_t device = 0; device < at::detail::getCUDAHooks().deviceCount(); device++) {
                          at::Generator cuda = default_of(static_cast<c10::DeviceIndex>(device));
                          seed_generator(cuda, seed);
                        }
                      });
  return info.Env().Undefined();
}

// seedGenerator(generator or null, seed)
Napi::Value seed(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  addon.dispatch_void(Effects::marked(Effects::kRandom),
                      [generator = generator_of(addon, info[0]), seed = to_seed(info[1])]() mutable {
                        seed_generator(generator, seed);
                      });
  return info.Env().Undefined();
}

// randomSeed() -> a seed from the operating system
Napi::Value new_seed(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(random_seed()));
}

// initialSeed(generator or null) -> its last seed, as a bigint
Napi::Value initial_seed(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  at::Generator generator = generator_of(addon, info[0]);
  uint64_t seed = 0;
  addon.run_in_order(Effects::marked(Effects::kRandom), [&] {
    const std::lock_guard lock(generator.mutex());
    seed = generator.current_seed();
  });
  return Napi::BigInt::New(info.Env(), seed);
}

// generatorState(generator or null) -> its state, in PyTorch's format
Napi::Value generator_state(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto ids =
      addon.dispatch(Effects::marked(Effects::kRandom), 1,
                     [generator = generator_of(addon, info[0])]() mutable { return std::vector{state_of(generator)}; });
  return Napi::Number::New(info.Env(), ids[0]);
}

// setGeneratorState(generator or null, state)
Napi::Value set_generator_state(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList state(addon, info[1]);
  const Effects effects{.reads = joined(state), .marks = Effects::kRandom};
  addon.dispatch_void(
      effects, [generator = generator_of(addon, info[0]), state]() mutable { set_state(generator, state.get()[0]); });
  return info.Env().Undefined();
}

// drawSeed(generator or null) -> 63 random bits, the way PyTorch draws a seed
Napi::Value draw_seed(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  int64_t seed = 0;
  addon.run_in_order(Effects::marked(Effects::kRandom), [&, generator = generator_of(addon, info[0])] {
    seed = at::empty({}, at::kLong).random_(generator).item<int64_t>();
  });
  return Napi::BigInt::New(info.Env(), seed);
}

// permutation(generator or null, n) -> the integers below n in random order, like torch.randperm
Napi::Value permutation(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const int64_t n = to_int(info[1], "n");
  at::Tensor order;
  addon.run_in_order(Effects::marked(Effects::kRandom), [&, generator = generator_of(addon, info[0])] {
    order = at::randperm(n, generator, at::kDouble);
  });
  auto numbers = Napi::Float64Array::New(info.Env(), static_cast<size_t>(n));
  std::copy_n(order.const_data_ptr<double>(), n, numbers.Data());
  return numbers;
}

}  // namespace

at::Generator to_generator(Napi::Value value, const std::string& name) {
  if (!value.IsExternal()) reject(name, "a torch.Generator");
  const Handle handle = value.As<Handle>();
  if (!handle.CheckTypeTag(&kTag)) reject(name, "a torch.Generator");
  return *handle.Data();
}

void init_generator(Napi::Object exports) {
  define<cuda_generator>(exports, "cudaGenerator");
  define<draw_seed>(exports, "drawSeed");
  define<fork_generator>(exports, "forkGenerator");
  define<generator>(exports, "generator");
  define<generator_device>(exports, "generatorDevice");
  define<generator_state>(exports, "generatorState");
  define<initial_seed>(exports, "initialSeed");
  define<manual_seed>(exports, "manualSeed");
  define<permutation>(exports, "permutation");
  define<new_seed>(exports, "randomSeed");
  define<seed>(exports, "seedGenerator");
  define<set_generator_state>(exports, "setGeneratorState");
}

}  // namespace rnn::binding

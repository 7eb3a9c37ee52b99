#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <functional>

#include "binding/addon.h"
#include "binding/async.h"
#include "binding/convert.h"
#include "binding/error.h"
#include "binding/handle.h"
#include "binding/offload.h"
#include "runtime/graph_capture.h"
#include "runtime/tensors.h"

// The part of LibTorch's CUDA support that needs no CUDA headers, so that the main addon loads with every LibTorch.
// Functions that take a device index are called only if that device exists.
namespace rnn::binding {

using EventPtr = std::shared_ptr<c10::Event>;

template <>
struct HandleType<EventPtr> {
  static constexpr const char* kName = "CUDA event";
  static constexpr napi_type_tag kTag = {0xc47d29e8f0316ba5, 0x0b63a5d97e4c18f2};
};

namespace {

using Guard = c10::impl::VirtualGuardImpl;

c10::DeviceIndex device_index(Napi::Value value) { return static_cast<c10::DeviceIndex>(to_int(value, "device")); }

c10::DeviceAllocator& allocator() { return *c10::getDeviceAllocator(at::kCUDA); }

// cudaState() -> { built, runtime, devices, problem }: whether LibTorch's CUDA library is loaded, the CUDA version that
// it was compiled with or null, the number of devices, and LibTorch's message if there are none, or null
Napi::Value cuda_state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object state = Napi::Object::New(env);
  const bool built = at::CUDAHooksRegistry()->Has("CUDAHooks");
  const int64_t devices = built ? at::detail::getCUDAHooks().deviceCount() : 0;
  state.Set("built", built);
  state.Set("devices", static_cast<double>(devices));
  state.Set("runtime", built ? Napi::Number::New(env, static_cast<double>(at::detail::getCUDAHooks().versionCUDART()))
                             : env.Null());
  state.Set("problem", env.Null());
  if (built && devices == 0) {
    try {
      at::detail::getCUDAHooks().init();
    } catch (const c10::Error& error) {
      state.Set("problem", error.what_without_backtrace());
    }
  }
  return state;
}

// cudaDevice() -> the current device for subsequent calls
Napi::Value cuda_device(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Addon::of(info.Env()).mode.device.value_or(0));
}

// setCudaDevice(device)
Napi::Value set_cuda_device(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).mode.device = device_index(info[0]);
  return info.Env().Undefined();
}

void set_stat(Napi::Object stats, const std::string& name, const c10::CachingAllocator::Stat& stat) {
  stats.Set(name + ".current", static_cast<double>(stat.current));
  stats.Set(name + ".peak", static_cast<double>(stat.peak));
  stats.Set(name + ".allocated", static_cast<double>(stat.allocated));
  stats.Set(name + ".freed", static_cast<double>(stat.freed));
}

void set_stats(Napi::Object stats, const std::string& name, const c10::CachingAllocator::StatArray& array) {
  constexpr const char* kPools[] = {"all", "small_pool", "large_pool"};
  for (size_t i = 0; i < array.size(); i++) set_stat(stats, name + "." + kPools[i], array[i]);
}

// cudaMemoryStats(device) -> the statistics of the caching allocator by PyTorch's names; empty before it has been used
Napi::Value cuda_memory_stats(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  if (!allocator().initialized()) return result;
  const auto stats = allocator().getDeviceStats(device_index(info[0]));
  set_stats(result, "active", stats.active);
  set_stats(result, "active_bytes", stats.active_bytes);
  set_stats(result, "allocated_bytes", stats.allocated_bytes);
  set_stats(result, "allocation", stats.allocation);
  set_stats(result, "inactive_split", stats.inactive_split);
  set_stats(result, "inactive_split_bytes", stats.inactive_split_bytes);
  result.Set("max_split_size", static_cast<double>(stats.max_split_size));
  result.Set("num_alloc_retries", static_cast<double>(stats.num_alloc_retries));
  result.Set("num_device_alloc", static_cast<double>(stats.num_device_alloc));
  result.Set("num_device_free", static_cast<double>(stats.num_device_free));
  result.Set("num_ooms", static_cast<double>(stats.num_ooms));
  result.Set("num_sync_all_streams", static_cast<double>(stats.num_sync_all_streams));
  set_stat(result, "oversize_allocations", stats.oversize_allocations);
  set_stat(result, "oversize_segments", stats.oversize_segments);
  set_stats(result, "requested_bytes", stats.requested_bytes);
  set_stats(result, "reserved_bytes", stats.reserved_bytes);
  set_stats(result, "segment", stats.segment);
  return result;
}

// cudaResetPeakStats(device)
Napi::Value cuda_reset_peak_stats(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).dispatch_void(Effects::all(), [device = device_index(info[0])] {
    if (allocator().initialized()) allocator().resetPeakStats(device);
  });
  return info.Env().Undefined();
}

// cudaMemoryInfo(device) -> [free bytes, total bytes] of the device
Napi::Value cuda_memory_info(const Napi::CallbackInfo& info) {
  const auto [free, total] = allocator().getMemoryInfo(device_index(info[0]));
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0U, static_cast<double>(free));
  result.Set(1U, static_cast<double>(total));
  return result;
}

// cudaEmptyCache(): returns the allocator's cached memory to the device
Napi::Value cuda_empty_cache(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).dispatch_void(Effects::all(), [] {
    if (allocator().initialized()) allocator().emptyCache();
  });
  return info.Env().Undefined();
}

// With blocking = true, calls `wait` now, after all queued jobs. Otherwise returns a promise, which does not wait for
// the queue: the caller has done so.
Napi::Value wait(const Napi::CallbackInfo& info, bool blocking, std::function<void()> wait) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot wait for the device");
  if (!blocking) return run_async(info.Env(), std::move(wait), [](Napi::Env env) { return env.Undefined(); });
  addon.wait_for(Effects::all());
  wait();
  return info.Env().Undefined();
}

// cudaSynchronize(device, blocking): waits for all work queued on the device
Napi::Value cuda_synchronize(const Napi::CallbackInfo& info) {
  return wait(info, info[1].ToBoolean(), [device = device_index(info[0])] { synchronize_device(device); });
}

EventPtr event_of(Napi::Value value) { return object_of<EventPtr>(value); }

// cudaEvent(timing) -> an event that has not been recorded
Napi::Value cuda_event(const Napi::CallbackInfo& info) {
  const auto flag = info[0].ToBoolean() ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  return make_handle(info.Env(), std::make_unique<EventPtr>(std::make_shared<c10::Event>(at::kCUDA, flag)));
}

// cudaRecordEvent(event): records the event on the device's current stream
Napi::Value cuda_record_event(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).dispatch_void(Effects::all(), [event = event_of(info[0])] {
    const Guard guard(at::kCUDA);
    event->record(guard.getStream(guard.getDevice()));
  });
  return info.Env().Undefined();
}

// cudaQueryEvent(event) -> whether the device has reached the event
Napi::Value cuda_query_event(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot read an event before it is recorded");
  const EventPtr event = event_of(info[0]);
  return Napi::Boolean::New(info.Env(), addon.run(Effects::all(), [&] { return event->query(); }));
}

// cudaSynchronizeEvent(event, blocking): waits until the device has reached it
Napi::Value cuda_synchronize_event(const Napi::CallbackInfo& info) {
  return wait(info, info[1].ToBoolean(), [event = event_of(info[0])] { event->synchronize(); });
}

// cudaElapsedTime(start, end) -> milliseconds between two events
Napi::Value cuda_elapsed_time(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot read an event before it is recorded");
  const EventPtr start = event_of(info[0]);
  const EventPtr end = event_of(info[1]);
  return Napi::Number::New(info.Env(), addon.run(Effects::all(), [&] { return start->elapsedTime(*end); }));
}

}  // namespace

void init_cuda(Napi::Object exports) {
  define<cuda_state>(exports, "cudaState");
  define<cuda_device>(exports, "cudaDevice");
  define<set_cuda_device>(exports, "setCudaDevice");
  define<cuda_memory_stats>(exports, "cudaMemoryStats");
  define<cuda_reset_peak_stats>(exports, "cudaResetPeakStats");
  define<cuda_memory_info>(exports, "cudaMemoryInfo");
  define<cuda_empty_cache>(exports, "cudaEmptyCache");
  define<cuda_synchronize>(exports, "cudaSynchronize");
  define<cuda_event>(exports, "cudaEvent");
  define<cuda_record_event>(exports, "cudaRecordEvent");
  define<cuda_query_event>(exports, "cudaQueryEvent");
  define<cuda_synchronize_event>(exports, "cudaSynchronizeEvent");
  define<cuda_elapsed_time>(exports, "cudaElapsedTime");
}

}  // namespace rnn::binding

#include "runtime/mode.h"

#include <ATen/autocast_mode.h>

#include <atomic>

namespace rnn::runtime {
namespace {

// The context whose casts LibTorch caches. All threads share the cache, hence also this.
std::atomic<uint64_t> cached_context = 0;

}  // namespace

void clear_autocast_cache() { at::autocast::clear_cache(); }

void clear_autocast_cache(uint64_t context) {
  if (cached_context.compare_exchange_strong(context, 0)) clear_autocast_cache();
}

AutocastGuard::AutocastGuard(const Autocast& autocast)
    : cpu_(get(at::kCPU)), cuda_(get(at::kCUDA)), cache_(at::autocast::is_autocast_cache_enabled()) {
  set(at::kCPU, {autocast.cpu.has_value(), autocast.cpu.value_or(cpu_.dtype)});
  set(at::kCUDA, {autocast.cuda.has_value(), autocast.cuda.value_or(cuda_.dtype)});
  at::autocast::set_autocast_cache_enabled(autocast.cache);
  if (cached_context.exchange(autocast.context) != autocast.context) clear_autocast_cache();
}

AutocastGuard::~AutocastGuard() {
  set(at::kCPU, cpu_);
  set(at::kCUDA, cuda_);
  at::autocast::set_autocast_cache_enabled(cache_);
}

AutocastGuard::Device AutocastGuard::get(c10::DeviceType type) {
  return {at::autocast::is_autocast_enabled(type), at::autocast::get_autocast_dtype(type)};
}

void AutocastGuard::set(c10::DeviceType type, const Device& device) {
  at::autocast::set_autocast_enabled(type, device.enabled);
  at::autocast::set_autocast_dtype(type, device.dtype);
}

}  // namespace rnn::runtime

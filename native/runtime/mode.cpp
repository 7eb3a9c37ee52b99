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

AutocastGuard::AutocastGuard(const Autocast& autocast) : cache_(at::autocast::is_autocast_cache_enabled()) {
  for (size_t i = 0; i < kDeviceTypes.size(); i++) {
    const c10::DeviceType type = kDeviceTypes[i];
    const std::optional<c10::ScalarType>& dtype = autocast.dtypes[i];
    before_[i] = {at::autocast::is_autocast_enabled(type), at::autocast::get_autocast_dtype(type)};
    set(type, {dtype.has_value(), dtype.value_or(before_[i].dtype)});
  }
  at::autocast::set_autocast_cache_enabled(autocast.cache);
  if (cached_context.exchange(autocast.context) != autocast.context) clear_autocast_cache();
}

AutocastGuard::~AutocastGuard() {
  for (size_t i = 0; i < kDeviceTypes.size(); i++) set(kDeviceTypes[i], before_[i]);
  at::autocast::set_autocast_cache_enabled(cache_);
}

void AutocastGuard::set(c10::DeviceType type, const Device& device) {
  at::autocast::set_autocast_enabled(type, device.enabled);
  at::autocast::set_autocast_dtype(type, device.dtype);
}

}  // namespace rnn::runtime

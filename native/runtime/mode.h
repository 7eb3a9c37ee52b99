#pragma once
#include <ATen/core/Generator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/DeviceType.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/generator.h"
#include "runtime/warnings.h"

namespace rnn::runtime {

// The device types that autocast knows here, in the order of DEVICES in lib/tensor/device.ts.
constexpr std::array kDeviceTypes = {c10::DeviceType::CPU, c10::DeviceType::CUDA};

// A value for each of them.
template <typename Value>
using PerDeviceType = std::array<Value, kDeviceTypes.size()>;

// The autocast contexts around a call.
struct Autocast {
  // The number of the outermost context, from 1; 0 if there is none. LibTorch caches casts of parameters; casts of
  // another context may be of outdated values.
  uint64_t context = 0;
  // The dtypes to cast to; nullopt where autocast is off.
  PerDeviceType<std::optional<c10::ScalarType>> dtypes;
  bool cache = true;
};

// LibTorch's per-thread state, which a call must take along to the thread that runs it.
struct Mode {
  bool grad = true;
  bool inference = false;
  // The current CUDA device, if it was set.
  std::optional<c10::DeviceIndex> device;
  Autocast autocast;
  // The generator for random numbers on the CPU.
  at::Generator generator;
  // The receiver of warnings.
  std::shared_ptr<Warnings> warnings;
};

// Drops LibTorch's cached casts of parameters: all, or only those of this context.
void clear_autocast_cache();
void clear_autocast_cache(uint64_t context);

// Installs autocast contexts in this thread, and restores the previous ones at its end.
class AutocastGuard {
 public:
  explicit AutocastGuard(const Autocast& autocast);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  struct Device {
    bool enabled;
    c10::ScalarType dtype;
  };
  static void set(c10::DeviceType type, const Device& device);

  PerDeviceType<Device> before_;
  bool cache_;
};

class ModeGuard {
 public:
  // `mode` must outlive the guard.
  explicit ModeGuard(const Mode& mode) : grad_(mode.grad) {
    if (mode.generator.defined()) generator_.emplace(mode.generator);
    if (mode.inference) inference_.emplace(true);
    if (mode.device) device_.emplace(c10::Device(c10::DeviceType::CUDA, *mode.device));
    if (mode.autocast.context != 0) autocast_.emplace(mode.autocast);
    if (mode.warnings) warnings_.emplace(mode.warnings.get());
  }

 private:
  std::optional<GeneratorGuard> generator_;
  c10::AutoGradMode grad_;
  std::optional<c10::InferenceMode> inference_;
  std::optional<c10::DeviceGuard> device_;
  std::optional<AutocastGuard> autocast_;
  std::optional<c10::WarningUtils::WarningHandlerGuard> warnings_;
};

}  // namespace rnn::runtime
